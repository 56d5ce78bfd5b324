"""The README's examples are run as they stand, and its table of settings is that of the code."""

import os
import re
import subprocess
from dataclasses import fields
from pathlib import Path

from dropbox_app.config import Settings
from tests.service.server import ROOT, Service
from tests.service.visitor import PASSWORDS, leave

README = (ROOT / "README.md").read_text()
ADDRESS = "http://127.0.0.1:8000"


def block_after(heading: str) -> str:
    """The first block of shell lines after a heading."""
    return re.findall(r"```sh\n(.*?)```", README.partition(f"{heading}\n")[2], re.DOTALL)[0]  # type: ignore[no-any-return]


def run(script: str, service: Service, folder: Path, **environment: str) -> str:
    """Run lines as one script of bash, that ends with the first failure; what it prints."""
    assert ADDRESS in script or environment
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(ADDRESS, service.url)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_first_lines(service: Service, tmp_path: Path) -> None:
    """The curl lines before any prose leave a file and fetch one."""
    photo = os.urandom(300_000)
    (tmp_path / "photo.jpg").write_bytes(photo)
    lines = [line for line in block_after("# Twinlock").splitlines() if line.startswith("curl ")]
    assert len(lines) == 2
    told = run(lines[0], service, tmp_path)
    assert "\nlink: http://127.0.0.1:" in told
    drop = leave(service, photo, name="fetched.jpg")
    first, second = PASSWORDS.values()
    run(lines[1], service, tmp_path, LINK=drop.link, FIRST=first, SECOND=second)
    assert (tmp_path / "fetched.jpg").read_bytes() == photo


def test_the_terminal_block(service: Service, tmp_path: Path) -> None:
    """The block for the terminal runs from end to end as one script, and does what its comments say."""
    (tmp_path / "photo.jpg").write_bytes(os.urandom(300_000))
    told = run(block_after("## From a terminal"), service, tmp_path)
    assert (tmp_path / "fetched" / "photo.jpg").read_bytes() == (tmp_path / "photo.jpg").read_bytes()
    assert '"first_password": "a mountain without snow"' in told
    assert "downloads_left: no limit\n" in told
    assert told.endswith("deleted: yes\n")
    assert "file_id: " in (tmp_path / "two-files").read_text()


def test_the_table_of_settings() -> None:
    """The README's table has every setting of the code in its order, with its default and its meaning, and no other."""
    table = README.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.strip().splitlines()[2:]]
    expected = []
    for field in fields(Settings):
        default = field.metadata["default"]
        expected.append(
            (f"`{field.metadata['name']}`", f"`{default}`" if default else "none", field.metadata["meaning"])
        )
    assert rows == expected
