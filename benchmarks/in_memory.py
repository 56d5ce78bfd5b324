"""The container alone: one thread, memory to memory, beside bare AES-256-GCM over chunks of the same size."""

import secrets
import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks import MIB
from benchmarks.report import Row, Target, medians
from dropbox_app.container.body import SEALED_CHUNK
from dropbox_app.container.keys import new_header, service_salt, stretch
from dropbox_app.container.ranges import BytesSource
from dropbox_app.container.sealing import OpenContainer, Sealer

PART = "Container in memory, one thread (floor: bare AES-256-GCM)"
_TARGET = Target(2.0, at_most=False, alone=True)
_TAG = 16
_CHUNK = SEALED_CHUNK - _TAG
_FILE_KEY_SIZE, _BODY_SALT_SIZE = 32, 24
_FILE_ID = "1" + "0" * 31


def measure(size: int, rounds: int) -> list[Row]:
    """Seal and open so many bytes."""
    times: dict[str, list[float]] = {"seal": [], "bare seal": [], "open": [], "bare open": []}
    salt = service_salt(_FILE_ID)
    keys = stretch("correct horse battery", "staple under the stairs", salt)
    piece = memoryview(bytearray(secrets.token_bytes(MIB)))
    buffer = memoryview(bytearray(64 * SEALED_CHUNK))
    for number in range(rounds + 1):
        file_key = secrets.token_bytes(_FILE_KEY_SIZE)
        sealer = Sealer(new_header(keys, salt, file_key), file_key, secrets.token_bytes(_BODY_SALT_SIZE))
        sealed = bytearray(sealer.begin())
        sealer.begin_file("file.bin", None)
        sealing = 0.0
        for _ in range(0, size, MIB):
            start = time.perf_counter()
            view = sealer.write(piece)
            sealing += time.perf_counter() - start
            sealed += view
        for view in sealer.finish(None):
            sealed += view
        opened = OpenContainer.open(BytesSource(sealed), keys)
        start = time.perf_counter()
        for index in range(0, -(-size // _CHUNK), len(buffer) // SEALED_CHUNK):
            opened.open_pieces_into(index, buffer)
        opening = time.perf_counter() - start
        bare = _bare(size, piece, buffer)
        if number:
            for name, seconds in zip(times, (sealing, bare[0], opening, bare[1]), strict=True):
                times[name].append(size / seconds / 1e9)
    return [
        medians(PART, "seal", "GB/s", times["seal"], times["bare seal"], target=_TARGET),
        medians(PART, "open", "GB/s", times["open"], times["bare open"], target=_TARGET),
    ]


def _bare(size: int, plain: memoryview, sealed: memoryview) -> tuple[float, float]:
    """Seconds for nothing but sealing, and nothing but opening, so many bytes chunk by chunk."""
    cipher = AESGCM(secrets.token_bytes(32))
    nonces = [number.to_bytes(12, "big") for number in range(MIB // _CHUNK)]
    chunk = memoryview(bytearray(_CHUNK))
    sealing = opening = 0.0
    for _ in range(0, size, MIB):
        start = time.perf_counter()
        for number, nonce in enumerate(nonces):
            place = sealed[number * SEALED_CHUNK : (number + 1) * SEALED_CHUNK]
            cipher.encrypt_into(nonce, plain[number * _CHUNK : (number + 1) * _CHUNK], None, place)
        between = time.perf_counter()
        for number, nonce in enumerate(nonces):
            cipher.decrypt_into(nonce, sealed[number * SEALED_CHUNK : (number + 1) * SEALED_CHUNK], None, chunk)
        opening += time.perf_counter() - between
        sealing += between - start
    return sealing, opening
