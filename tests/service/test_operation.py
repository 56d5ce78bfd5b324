"""What the operator does: settings, start and stop, hosts and links, and the commands."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from dropbox_app.drops.file_ids import blob_name
from dropbox_app.model import FileId, hour_of
from tests.service.server import ROOT, Service, free_port, prepared, running
from tests.service.test_file_ids import place
from tests.service.visitor import JSON, Receipt, fetch, leave, owner, put, receipt
from tests.service.wire import Wire, exchange, request

SECRET = "x" * 48


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service as it runs in production."""
    with running(
        tmp_path_factory.mktemp("public"),
        DROP_ENV="production",
        SECRET_KEY=SECRET,
        PUBLIC_URL="https://drop.example.org/",
        DROP_REPORT_CONTACT="abuse@example.org",
    ) as started:
        yield started


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "localhost.elsewhere.example", "127.0.0.1.nip.example", "a b", "[::1"]
)
@pytest.mark.parametrize("line", ["GET /", "GET /d/" + "1" * 32, "PUT /a", "POST /", "GET /static/x.css"])
def test_hosts_that_are_not_trusted(service: Service, host: str, line: str) -> None:
    """Without ``PUBLIC_URL``, a host name that no link may begin with is refused: 400, and it is in no answer."""
    answer = exchange(service.port, request(line, f"Host: {host}", "Content-Length: 0"))
    assert answer.status == 400
    assert b"elsewhere" not in answer.body
    assert b"nip.example" not in answer.body


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "192.0.2.7:81", "[2001:db8::1]:8000"])
def test_hosts_that_are_trusted(service: Service, host: str) -> None:
    """Localhost and plain addresses may begin a link, with the port that was asked for."""
    answer = exchange(
        service.port, request("PUT /a", f"Host: {host}", "Content-Length: 1", "Accept: text/plain", body=b"x")
    )
    assert answer.status == 201
    assert f"link: http://{host.lower()}/d/".encode() in answer.body.lower()


def test_trusted_hosts_can_be_named(tmp_path: Path) -> None:
    """``TRUSTED_HOSTS`` adds names, and only those."""
    with running(tmp_path, TRUSTED_HOSTS="laptop.example, drop.test") as service:
        for host, status in (("laptop.example:80", 200), ("DROP.test", 200), ("x.drop.test", 400)):
            assert exchange(service.port, request("GET /", f"Host: {host}")).status == status


def test_links_begin_with_the_public_address(public: Service) -> None:
    """With ``PUBLIC_URL`` links begin with it, whatever the request's host or a forwarding header says."""
    forged = {"Host": "elsewhere.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", **JSON}
    drop = receipt(requests.put(f"{public.url}/a", data=b"x", headers=forged, timeout=30))
    assert drop.link == f"https://drop.example.org/d/{drop.file_id}"
    page = requests.post(public.url, files={"file": ("a", b"x")}, headers={"Host": "elsewhere.example"}, timeout=30)
    assert "https://drop.example.org/d/" in page.text
    assert "https://drop.example.org/owner?file_id=" in page.text
    assert "elsewhere" not in page.text
    share = requests.get(f"{public.url}/d/{drop.file_id}", timeout=30).text
    assert "mailto:abuse@example.org" in share


def start(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a service that should refuse to, and wait for its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DROP_", "SECRET_"))}
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"],
        cwd=ROOT,
        env={**clean, "DROP_DATA_DIR": str(tmp_path / "data"), "PORT": str(free_port()), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"DROP_ENV": "production"}, "SECRET_KEY"),
        ({"DROP_ENV": "production", "SECRET_KEY": "short", "PUBLIC_URL": "https://drop.example"}, "SECRET_KEY"),
        ({"DROP_ENV": "production", "SECRET_KEY": SECRET}, "PUBLIC_URL"),
        ({"DROP_ENV": "prod"}, "DROP_ENV"),
        ({"DROP_MAX_SIZE": "5 gigs"}, "DROP_MAX_SIZE"),
        ({"DROP_PLAIN": "yes"}, "DROP_PLAIN"),
        ({"DROP_LIMIT_CLAIMS": "often"}, "DROP_LIMIT_CLAIMS"),
        ({"TRUSTED_PROXY_HOPS": "-1"}, "TRUSTED_PROXY_HOPS"),
        ({"PUBLIC_URL": "drop.example"}, "PUBLIC_URL"),
        ({"PORT": "http"}, "PORT"),
        ({"MONGODB_URI": "mongodb://x"}, "MONGODB_URI"),
    ],
)
def test_settings_that_stop_the_start(tmp_path: Path, environment: dict[str, str], told: str) -> None:
    """A setting that cannot be understood, or that production needs, stops the start with one line that names it."""
    ended = start(tmp_path, **environment)
    assert ended.returncode != 0
    lines = (ended.stdout + ended.stderr).strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"twinlock: {told}")
    assert not (tmp_path / "data").exists()


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    """Without ``SECRET_KEY`` one is made, kept for the next start, and is its owner's alone.

    What is kept in memory goes with the last process, be it a service's or a command's.
    """
    service = prepared(tmp_path)
    service.start()
    drop = leave(service, b"x")
    path = service.data_dir / "secret_key"
    secret = path.read_text()
    assert len(secret) >= 48
    assert path.stat().st_mode & 0o777 == 0o600
    service.stop()
    service.start()
    assert path.read_text() == secret
    assert owner(service, drop).status_code == 200
    assert fetch(service, drop).content == b"x"
    service.stop()
    assert not service.in_memory.exists()
    assert flask(service, "doctor").returncode == 0
    assert not service.in_memory.exists()


def test_a_given_secret_is_not_written(public: Service) -> None:
    """A ``SECRET_KEY`` from the environment lies nowhere on the disk."""
    assert not (public.data_dir / "secret_key").exists()
    assert all(SECRET.encode() not in path.read_bytes() for path in public.files())


@pytest.mark.parametrize("to", ["master", "group"])
def test_stopping_leaves_nothing_running(tmp_path: Path, to: str) -> None:
    """SIGTERM to the master or its group ends all with status 0, also with clients in the middle of something."""
    service = prepared(tmp_path)
    service.start()
    idle, busy = Wire(service.port), Wire(service.port)
    if to == "master":
        busy.send(request("PUT /a", "Content-Length: 1000000") + bytes(100_000))
        time.sleep(0.3)
    began = time.monotonic()
    if to == "master":
        service.process.send_signal(signal.SIGTERM)
    else:
        os.killpg(service.process.pid, signal.SIGTERM)
    assert service.process.wait(40) == 0
    service.stop()
    assert time.monotonic() - began < 20
    idle.close()
    busy.close()
    # What was going on is not finished: the next start takes it away.
    service.start()
    service.wait_until_tidy(10)
    assert service.stored() == set()
    service.stop()


def flask(service: Service, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of the operator's commands against a service's data folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DROP_", "SECRET_"))}
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "dropbox_app", *arguments],
        cwd=ROOT,
        env={**clean, "DROP_DATA_DIR": str(service.data_dir), "DROP_MIN_FREE": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_sweep(service: Service) -> None:
    """``sweep`` deletes what has expired, from both stores, and leaves what lives; status 0."""
    alive = leave(service, b"alive")
    over = place(service, hour_of(time.time()))
    assert service.container(over.file_id).exists()
    ended = flask(service, "sweep")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.fullmatch(
        r"deleted: \d+ expired records, \d+ expired blobs, 0 used-up drops, 0 unfinished uploads\n", ended.stdout
    )
    assert not service.container(over.file_id).exists()
    assert all(over.file_id.encode() not in path.read_bytes() for path in service.files())
    assert fetch(service, alive).content == b"alive"


def test_takedown(service: Service) -> None:
    """``takedown`` deletes by file ID or link, says whether there was such a drop, and refuses what is no ID."""
    drops: list[Receipt] = [leave(service, b"harmful"), leave(service, b"harmful")]
    for drop, argument in ((drops[0], drops[0].file_id.upper()), (drops[1], drops[1].link)):
        ended = flask(service, "takedown", argument)
        assert (ended.returncode, ended.stdout) == (0, "deleted\n")
        assert fetch(service, drop).status_code == 404
        assert not service.container(drop.file_id).exists()
        ended = flask(service, "takedown", argument)
        assert (ended.returncode, ended.stdout.startswith("no such drop")) == (0, True)
    ended = flask(service, "takedown", "nonsense")
    assert (ended.returncode, ended.stderr) == (1, "Error: that is not a file ID\n")


def test_doctor(service: Service, public: Service) -> None:
    """``doctor`` ends with 0 where all is well, and with 1, why and how, where something is to be mended."""
    ended = flask(service, "doctor")
    assert ended.returncode == 0, ended.stdout
    assert all(line.startswith("ok  ") for line in ended.stdout.splitlines())
    ended = flask(public, "doctor", DROP_ENV="production", SECRET_KEY=SECRET, PUBLIC_URL="http://drop.example")
    assert ended.returncode == 1
    assert "MEND  PUBLIC_URL is not https" in ended.stdout
    assert ended.stdout.count("why:") == ended.stdout.count("how:") == ended.stdout.count("MEND")
    (public.data_dir / "open").touch(0o644)
    (public.data_dir / "open").chmod(0o644)
    assert "open to other users" in flask(public, "doctor").stdout
    (public.data_dir / "open").unlink()
    ended = flask(service, "doctor", DROP_MIN_FREE="900 TiB")
    assert (ended.returncode, "MEND  no room" in ended.stdout) == (1, True)


def test_commands_tell_of_failures(tmp_path: Path) -> None:
    """A command that cannot do its work ends with 1 and one line."""
    service = prepared(tmp_path)
    service.data_dir.mkdir(mode=0o700)
    (service.data_dir / "registry.sqlite3").write_bytes(b"no database at all" * 1000)
    for command in (("sweep",), ("takedown", "1" * 32)):
        ended = flask(service, *command)
        assert ended.returncode == 1
        assert re.fullmatch(r"Error: the registry failed: \w+\n", ended.stderr)
    ended = flask(service, "doctor", DROP_PLAIN="maybe")
    assert (ended.returncode, ended.stderr.startswith("Error: DROP_PLAIN: ")) == (1, True)


def test_the_service_sweeps_by_itself(tmp_path: Path) -> None:
    """What expired while the service was down goes at its start; used-up drops go once they are due."""
    service = prepared(tmp_path)
    service.start()
    used_up = receipt(put(service, b"x", Downloads="1"))
    assert fetch(service, used_up).status_code == 200
    assert len(list((service.data_dir / "due").iterdir())) == 1
    service.stop()
    over = place(service, hour_of(time.time()))
    marker = next((service.data_dir / "due").iterdir())
    marker.rename(marker.with_name("10000~" + marker.name.partition("~")[2]))
    service.start()
    deadline = time.monotonic() + 15
    # The record goes after the blob, so its absence is the end of it.
    while owner(service, used_up).status_code != 404 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert owner(service, used_up).status_code == 404
    assert service.stored() == set()
    assert blob_name(FileId(over.file_id)) not in "".join(map(str, service.files()))
    service.stop()


def test_two_services_share_one_folder(tmp_path: Path) -> None:
    """Two services on one data folder serve the same drops, believe the same tokens, and end one after the other."""
    with running(tmp_path / "one", tmp_path / "data") as one:
        with running(tmp_path / "two", tmp_path / "data") as two:
            drop = leave(one, b"shared")
            assert fetch(two, drop).content == b"shared"
        assert owner(one, drop).json()["downloads_left"] is None
        assert fetch(one, drop).content == b"shared"
        assert one.in_memory.exists()
    assert not one.in_memory.exists()
