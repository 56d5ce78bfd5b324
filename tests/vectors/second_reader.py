"""A second reader of containers, written from `docs/spec/container-v1.md` alone.

It shares nothing with the project: AES-GCM and AES come from PyCryptodome, HKDF and RFC 3394 are spelt out here, and
every refusal says which rule of the specification it follows. Only Argon2 has no second implementation at hand.
"""

import hmac
import json
import re
import unicodedata
from functools import cache
from typing import Any

from argon2.low_level import Type, hash_secret_raw
from Crypto.Cipher import AES

_BAD_IN_NAME = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_DEVICES = ["CON", "PRN", "AUX", "NUL"] + [f"{port}{number}" for port in ("COM", "LPT") for number in range(1, 10)]


class RefusedBy(Exception):
    """A rule of the specification says no."""


def require(condition: object, rule: str) -> None:
    """Refuse by this rule unless the condition holds."""
    if not condition:
        raise RefusedBy(rule)


def hkdf_expand(key: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869, section 2.3, with SHA-512."""
    out = block = b""
    for count in range(1, size // 64 + 2):
        block = hmac.digest(key, block + info + bytes([count]), "sha512")
        out += block
    return out[:size]


def wrap(kek: bytes, key: bytes) -> bytes:
    """RFC 3394, section 2.2.1, in its index-based form."""
    cipher, a = AES.new(kek, AES.MODE_ECB), b"\xa6" * 8
    r = [key[i : i + 8] for i in range(0, len(key), 8)]
    for t in range(1, 6 * len(r) + 1):
        b = cipher.encrypt(a + r[(t - 1) % len(r)])
        a, r[(t - 1) % len(r)] = (int.from_bytes(b[:8], "big") ^ t).to_bytes(8, "big"), b[8:]
    return a + b"".join(r)


def unwrap(kek: bytes, wrapped: bytes) -> bytes | None:
    """RFC 3394, section 2.2.2; None if the integrity check fails."""
    cipher, a = AES.new(kek, AES.MODE_ECB), wrapped[:8]
    r = [wrapped[i : i + 8] for i in range(8, len(wrapped), 8)]
    for t in range(6 * len(r), 0, -1):
        b = cipher.decrypt((int.from_bytes(a, "big") ^ t).to_bytes(8, "big") + r[(t - 1) % len(r)])
        a, r[(t - 1) % len(r)] = b[:8], b[8:]
    return b"".join(r) if a == b"\xa6" * 8 else None


def password_bytes(password: str) -> bytes | None:
    """A password as it is hashed; None for what is no password."""
    normal = unicodedata.normalize("NFC", password)
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in normal) or not 1 <= len(normal.encode()) <= 1024:
        return None
    return normal.encode()


@cache
def derive(first: str, second: str, salt: bytes) -> dict[str, bytes]:
    """Everything that two passwords lead to."""
    one, other = password_bytes(first), password_bytes(second)
    if one is None or other is None:
        raise ValueError("no password")
    if one > other:
        one, other = other, one
    secret = len(one).to_bytes(4, "big") + one + len(other).to_bytes(4, "big") + other
    stretched = hash_secret_raw(secret, salt, 3, 65536, 1, 64, Type.ID, 0x13)
    labels = ("kek", "commitment", "proof")
    derived = {label: hkdf_expand(stretched, f"twinlock v1 {label}".encode(), 32) for label in labels}
    return {"secret": secret, "stretched": stretched} | derived


def body_keys(file_key: bytes, salt: bytes, context: bytes) -> tuple[bytes, bytes, bytes]:
    """Key, base nonce and commitment of a body."""
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + salt + context
    derived = hkdf_expand(file_key, info, 76)
    return derived[:32], derived[32:44], derived[44:]


def padme(length: int) -> int:
    """The least length that the padding rule allows for so many bytes."""
    if length <= 4096:
        return 4096
    e = length.bit_length() - 1
    zero_bits = e - e.bit_length()
    return -(-length >> zero_bits) << zero_bits


def check_size(size: int) -> int:
    """Rules R1 and R2; the length of the plaintext."""
    k, r = divmod(size - 160, 16400)
    require(size >= 160 and r >= 16 and k < 2**38, "R1")
    n = k * 16384 + r - 16
    require(n >= 4096 and padme(n) == n, "R2")
    return n


def open_chunk(key: bytes, base_nonce: bytes, index: int, sealed: bytes) -> bytes | None:
    """One chunk; None if its tag is another."""
    nonce = bytes(a ^ b for a, b in zip(base_nonce, index.to_bytes(12, "big"), strict=True))
    try:
        return AES.new(key, AES.MODE_GCM, nonce=nonce).decrypt_and_verify(sealed[:-16], sealed[-16:])
    except ValueError:
        return None


def canonical_string(text: str) -> str:
    """RFC 8785, section 3.2.2.2."""
    short = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
    return '"' + "".join(short.get(ord(c), f"\\u{ord(c):04x}" if c < " " else c) for c in text) + '"'


def check_name(name: str) -> None:
    """Rules R17 to R21."""
    require(not any("\ud800" <= one <= "\udfff" for one in name) and 1 <= len(name.encode()) <= 255, "R17")
    require(unicodedata.normalize("NFC", name) == name, "R18")
    require(not any(one in "/\\" or ord(one) in _BAD_IN_NAME for one in name), "R19")
    require(name[-1] not in ". ", "R20")
    require(name.split(".", maxsplit=1)[0].upper() not in _DEVICES, "R21")


def folded(name: str) -> str:
    """The form in which names are compared."""
    return unicodedata.normalize("NFC", name.casefold())


def check_schema(value: Any) -> None:
    """Rule R13, for what is JSON."""
    require(isinstance(value, dict) and set(value) in ({"files"}, {"files", "note"}), "R13")
    require(isinstance(value["files"], list) and isinstance(value.get("note", ""), str), "R13")
    for one in value["files"]:
        require(isinstance(one, dict) and set(one) == {"name", "size", "type"}, "R13")
        require(isinstance(one["name"], str) and isinstance(one["type"], str), "R13")
        size = one["size"]
        require(isinstance(size, int | float) and not isinstance(size, bool) and size == size // 1, "R13")


def canonical(value: Any) -> bytes:
    """The one encoding of metadata."""
    files = ",".join(
        f'{{"name":{canonical_string(one["name"])},"size":{int(one["size"])},"type":{canonical_string(one["type"])}}}'
        for one in value["files"]
    )
    note = ',"note":' + canonical_string(value["note"]) if "note" in value else ""
    return f'{{"files":[{files}]{note}}}'.encode(errors="replace")


def check_metadata(raw: bytes) -> Any:
    """Rules R12 (in part) to R24; the parsed metadata."""
    require(len(raw) <= 2**20, "R12")
    try:
        value = json.loads(raw.decode())
        check_schema(value)
    except (ValueError, RecursionError, OverflowError):
        raise RefusedBy("R13") from None
    require(canonical(value) == raw, "R14")
    for one in value["files"]:
        require(0 <= one["size"] < 2**53, "R15")
        require(re.fullmatch("[ -~]{1,127}", one["type"]), "R16")
        check_name(one["name"])
    require(len({folded(one["name"]) for one in value["files"]}) == len(value["files"]), "R22")
    if "note" in value:
        bad = any(unicodedata.category(one) == "Cc" and one not in "\t\n" for one in value["note"])
        require(1 <= len(value["note"].encode()) <= 65536 and not bad, "R23")
    require(value["files"] or "note" in value, "R24")
    return value


def open_container(container: bytes, first: str, second: str) -> tuple[Any, bytes]:
    """Metadata and contents of a whole container, checked in the order of the specification."""
    n = check_size(len(container))
    require(container[:8] == b"TWINLOCK", "R3")
    require(container[8] == 1, "R4")
    require(container[9] == 1, "R5")
    require(container[10:16] == bytes(6), "R6")
    keys = derive(first, second, container[16:32])
    require(keys["commitment"] == container[32:64], "R7")
    file_key = unwrap(keys["kek"], container[64:104])
    require(file_key is not None, "R8")
    key, base_nonce, commitment = body_keys(file_key or b"", container[104:128], container[:32])
    require(commitment == container[128:160], "R9")
    chunks = [container[start : start + 16400] for start in range(160, len(container), 16400)]
    opened = [open_chunk(key, base_nonce, index, chunk) for index, chunk in enumerate(chunks)]
    require(opened[-1] is not None, "R10")
    require(all(chunk is not None for chunk in opened), "R11")
    plaintext = b"".join(chunk or b"" for chunk in opened)
    m = int.from_bytes(plaintext[-4:], "big")
    require(m <= min(2**20, n - 4), "R12")
    metadata = check_metadata(plaintext[n - 4 - m : n - 4])
    size = sum(one["size"] for one in metadata["files"])
    require(n == padme(size + m + 4), "R25")
    require(not any(plaintext[size : n - 4 - m]), "R26")
    return metadata, plaintext[:size]
