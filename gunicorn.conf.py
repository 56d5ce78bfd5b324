"""How gunicorn serves. Everything an operator may choose is in the environment, read by the settings alone."""

import contextlib
import ctypes
import os
import socket
import struct
from typing import Any

from dropbox_app import logs
from dropbox_app.config import Settings, SettingsError
from dropbox_app.data_folder import prepare
from dropbox_app.machine import SharedFolder

try:
    _settings = Settings.from_environ(os.environ)
except SettingsError as _error:
    raise SystemExit(f"twinlock: {_error}") from None

wsgi_app = "dropbox_app:create_app()"
bind = f"{f'[{_settings.host}]' if ':' in _settings.host else _settings.host}:{_settings.port}"
proc_name = "twinlock"

# A transfer holds a thread for as long as it lasts, hours over Tor; threads that wait cost next to nothing. Two
# processes let two transfers use two cores.
# gunicorn's gthread, hardened against clients that hold on to it.
worker_class = "dropbox_app.worker.Worker"
workers = _settings.workers
threads = 64
worker_connections = 4000
backlog = 512
keepalive = 5

# A worker is restarted when its main loop hangs, which transfers in its threads don't hold up.
timeout = 60
# What is under way when the service is told to stop gets this long to end.
graceful_timeout = 10

# The heartbeat file lies in memory: on a disk that stalls, it would stop the workers.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - gunicorn makes it unlinked

# New files are their owner's alone, whoever forgets to say so.
umask = 0o077

# Nobody's X-Forwarded-Proto or SCRIPT_NAME is believed: links come from PUBLIC_URL.
forwarded_allow_ips = ""

# No access log, and a log of errors that names no client and no file.
accesslog = None
errorlog = "-"
logger_class = "dropbox_app.logs.GunicornLogger"

# No socket to be controlled by: the service is started and stopped by its process id.
control_socket_disable = True

limit_request_line = 8190
limit_request_fields = 100

_M_ARENA_MAX = -8  # malloc.h
_STALLED = 60
"""Seconds without a single byte after which a client is given up."""

_shared: list[SharedFolder] = []


def on_starting(server: Any) -> None:
    """Make the data folder and the registry once, before there are workers that could race for it."""
    logs.configure()
    try:
        prepare(_settings)
        _shared.append(SharedFolder(_settings.data_dir))
    except Exception as error:  # noqa: BLE001 - whatever it is, the operator gets one line
        raise SystemExit(f"twinlock: {error}") from None


def when_ready(server: Any) -> None:
    """Bound every wait for a client: accepted connections inherit the kernel's time-outs from the listening socket."""
    wait = struct.pack("ll", _STALLED, 0)
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)


def post_fork(server: Any, worker: Any) -> None:
    """Keep the worker's memory in two of the C library's arenas.

    By default up to eight for each core keep what they once had, and a burst on many threads would leave tens of
    megabytes behind. Only the GNU library has this switch; others go without.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def post_worker_init(worker: Any) -> None:
    """Let each worker offer to sweep."""
    logs.configure()
    worker.wsgi.extensions["twinlock"].sweeping.start()


def on_exit(server: Any) -> None:
    """Let go of what the machine's processes share."""
    for folder in _shared:
        folder.close(patience=2.0)
