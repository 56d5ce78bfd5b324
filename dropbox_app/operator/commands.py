"""The operator's commands: ``flask --app dropbox_app sweep``, ``takedown`` and ``doctor``."""

import time

import click
from flask import Flask

from dropbox_app.config import Settings
from dropbox_app.drops.file_ids import parse_file_id
from dropbox_app.drops.service import Drops
from dropbox_app.drops.stores import BlobStore, Registry
from dropbox_app.drops.sweep import sweep
from dropbox_app.errors import DropNotFound, TwinlockError
from dropbox_app.operator.doctor import examine


def add_commands(app: Flask, settings: Settings, drops: Drops, blobs: BlobStore, registry: Registry) -> None:
    """Give the application its commands. Each ends with status 1 and one line if it could not do its work."""

    @app.cli.command("sweep")
    def sweep_command() -> None:
        """Delete what has expired, was used up or was never finished."""
        try:
            swept = sweep(blobs, registry, time.time())
        except TwinlockError as error:
            raise click.ClickException(f"a store did not answer: {error}") from error
        click.echo(
            f"deleted: {swept.records} expired records, {swept.blobs} expired blobs,"
            f" {swept.used_up} used-up drops, {swept.unfinished} unfinished uploads"
        )

    @app.cli.command("takedown")
    @click.argument("file_id")
    def takedown(file_id: str) -> None:
        """Delete the drop with this FILE_ID (or share link), whatever it is."""
        try:
            known = drops.takedown(parse_file_id(file_id.rstrip("/").rpartition("/")[2]))
        except DropNotFound as error:
            raise click.ClickException("that is not a file ID") from error
        except TwinlockError as error:
            raise click.ClickException(f"a store did not answer; run it again: {error}") from error
        click.echo("deleted" if known else "no such drop; nothing of it is left either way")

    @app.cli.command("doctor")
    def doctor() -> None:
        """Check settings and stores; status 1 if something needs the operator."""
        findings = examine(settings, drops, blobs)
        for finding in findings:
            click.echo(f"{'ok  ' if finding.fine else 'MEND'}  {finding.what}")
            if not finding.fine:
                click.echo(f"      why:  {finding.why}\n      how:  {finding.mend}")
        if not all(finding.fine for finding in findings):
            raise SystemExit(1)
