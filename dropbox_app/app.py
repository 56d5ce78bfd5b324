"""The composition root: settings in, a wired application out. Nobody else picks a back end."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from dropbox_app import __version__
from dropbox_app.blobs.local import LocalBlobStore
from dropbox_app.config import Settings
from dropbox_app.counters.fallback import FallbackStorage
from dropbox_app.counters.shared import SharedMemoryStorage
from dropbox_app.data_folder import prepare
from dropbox_app.drops.hashing import HashPool
from dropbox_app.drops.room import Room
from dropbox_app.drops.service import Drops
from dropbox_app.drops.throttle import Throttle
from dropbox_app.drops.tokens import Tokens
from dropbox_app.machine import SharedFolder
from dropbox_app.operator.commands import add_commands
from dropbox_app.operator.sweeping import Sweeping
from dropbox_app.registry.sqlite import SqliteRegistry
from dropbox_app.routes import body, fetch, headers, leave, owner, pages, problems
from dropbox_app.routes.answers import size_in_words
from dropbox_app.routes.assets import Assets
from dropbox_app.routes.links import Links
from dropbox_app.routes.plain import PlainWay
from dropbox_app.routes.rates import Rates
from keygen import KeyGenerator, SystemKeyGenerator

_PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Services:
    """What one process has open; `close` lets go of it."""

    settings: Settings
    drops: Drops
    blobs: LocalBlobStore
    registry: SqliteRegistry
    counters: SharedMemoryStorage
    pool: HashPool
    shared: SharedFolder
    sweeping: Sweeping

    def close(self) -> None:
        """Close connections, threads and the shared folder."""
        self.sweeping.stop()
        self.pool.close()
        self.registry.close()
        self.counters.close()
        self.shared.close()


def create_app(settings: Settings | None = None, *, keys: KeyGenerator | None = None) -> Flask:
    """Build the application.

    Args:
        settings: The settings; read from the environment if none are given.
        keys: Makes file keys; the operating system does if none is given.

    Raises:
        SettingsError: a setting cannot be understood.
        TwinlockError: the data folder cannot be used.
    """
    settings = settings or Settings.from_environ(os.environ)
    data = prepare(settings)
    shared = SharedFolder(settings.data_dir)
    shared_counters = SharedMemoryStorage(shared.path / "counters")
    counters = FallbackStorage(shared_counters)
    tokens = Tokens(data.secret, settings.secret_key_old)
    blobs = LocalBlobStore(settings.data_dir)
    registry = SqliteRegistry(data.registry)
    drops = Drops(
        blobs=blobs,
        registry=registry,
        room=Room(blobs, min_free=settings.min_free, quota=settings.quota),
        throttle=Throttle(counters, tokens.counter_key()),
        tokens=tokens,
        random_bytes=secrets.token_bytes,
    )
    pool = HashPool(shared.path)
    plain = PlainWay(
        drops=drops,
        pool=pool,
        keys=keys or SystemKeyGenerator(),
        random_bytes=secrets.token_bytes,
        max_size=settings.max_size,
    )
    rates = Rates(counters, tokens.counter_key(), settings.limit_claims, settings.limit_uploads)
    app = _flask(settings)
    links = Links(settings)
    links.install(app)
    problems.install(app)
    headers.install(app)
    body.install(app)
    app.register_blueprint(leave.blueprint(plain, rates, links, offered=settings.plain))
    app.register_blueprint(fetch.blueprint(plain, rates, offered=settings.plain))
    app.register_blueprint(owner.blueprint(drops, rates))
    app.register_blueprint(pages.blueprint(drops))
    app.extensions["twinlock"] = Services(
        settings, drops, blobs, registry, shared_counters, pool, shared, Sweeping(blobs, registry, shared.path)
    )
    add_commands(app, settings, drops, blobs, registry)
    return app


def _flask(settings: Settings) -> Flask:
    """A Flask application with templates, static files and, if there are proxies, the client's own address."""
    app = Flask("dropbox_app", template_folder=str(_PACKAGE.parent / "templates"), static_folder=None)
    assets = Assets(_PACKAGE / "static")
    app.register_blueprint(assets.blueprint())
    app.jinja_env.globals["static"] = assets.url
    app.jinja_env.globals["site"] = {
        "plain": settings.plain,
        "max_size": size_in_words(settings.max_size),
        "report_contact": settings.report_contact,
        "version": __version__,
    }
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # All are compiled now: a faulty one stops the start, and a burst of errors later takes no memory for it.
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    if settings.trusted_proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxy_hops, x_proto=0)  # type: ignore[method-assign]
    return app
