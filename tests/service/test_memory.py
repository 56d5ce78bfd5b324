"""Memory does not grow with what passes through."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.service.server import Service, running
from tests.service.visitor import HEADERS, JSON, PASSWORDS, Receipt, receipt

MIB = 2**20
PIECE = os.urandom(MIB)


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one worker, whose memory is looked at."""
    with running(tmp_path_factory.mktemp("lone"), WEB_CONCURRENCY="1") as started:
        yield started


def forget_peak(service: Service) -> None:
    """Let the kernel measure anew."""
    for process in service.processes():
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def peak(service: Service) -> int:
    """The most memory that the worker has had since."""
    worker = service.processes()[1]
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def form_of(pieces: int) -> Iterator[bytes]:
    """A form with one file of so many MiB, as it is sent."""
    for name, value in PASSWORDS.items():
        yield f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    for _ in range(pieces):
        yield PIECE
    yield b"\r\n--B--\r\n"


class Sized:
    """A body that comes in pieces and whose length is known."""

    def __init__(self, parts: Iterator[bytes], length: int) -> None:
        self._parts = parts
        self._length = length

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def __len__(self) -> int:
        return self._length


def upload(service: Service, way: str, pieces: int) -> Receipt:
    """Leave so many MiB."""
    if way == "form":
        headers = {**JSON, "Content-Type": "multipart/form-data; boundary=B"}
        length = sum(map(len, form_of(0))) + pieces * MIB
        return receipt(requests.post(service.url, data=Sized(form_of(pieces), length), headers=headers, timeout=300))
    body = (PIECE for _ in range(pieces))
    data = Sized(body, pieces * MIB) if way == "length" else body
    return receipt(requests.put(f"{service.url}/a", data=data, headers={**JSON, **HEADERS}, timeout=300))


def download(drop: Receipt, pieces: int) -> None:
    """Fetch it and look at every byte, without keeping it."""
    with requests.post(drop.link, data=PASSWORDS, stream=True, timeout=300) as answer:
        assert answer.headers["Content-Length"] == str(pieces * MIB)
        for _ in range(pieces):
            assert answer.raw.read(MIB) == PIECE
        assert answer.raw.read(1) == b""


@pytest.mark.parametrize("way", ["length", "chunked", "form"])
def test_256_mib(lone: Service, way: str) -> None:
    """256 MiB in and out take less than 32 MiB more memory than 1 MiB does."""
    small = upload(lone, way, 1)
    download(small, 1)
    peaks = []
    for pieces in (1, 256):
        forget_peak(lone)
        drop = upload(lone, way, pieces)
        into = peak(lone)
        forget_peak(lone)
        download(drop, pieces)
        peaks.append((into, peak(lone)))
        lone.container(drop.file_id).unlink()
    grown = [(large - small) / MIB for small, large in zip(*peaks, strict=True)]
    print(f"{way}: {grown[0]:+.1f} MiB for the upload, {grown[1]:+.1f} MiB for the download")  # noqa: T201
    assert max(grown) < 32
