"""From two passwords to the file key (spec, section 3).

The two passwords enter one memory-hard hash together: nothing is derived from one of them alone.
"""

import hashlib
import hmac
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from dropbox_app.container.header import SALT_SIZE, WRAPPED_SIZE, Header
from dropbox_app.container.passwords import check_pair, check_password
from dropbox_app.errors import DamagedContainer, WrongPasswords

__all__ = [
    "FILE_KEY_SIZE",
    "KDF_PROFILES",
    "DropKeys",
    "KdfProfile",
    "check_pair",
    "check_password",
    "new_header",
    "open_header",
    "service_salt",
    "stretch",
    "unwrap",
    "wrap",
]

FILE_KEY_SIZE = 32


@dataclass(frozen=True)
class KdfProfile:
    """What one stretching costs (Argon2id version 0x13, RFC 9106).

    Args:
        memory: KiB.
        passes: Times over the memory.
        lanes: Threads that an attacker, too, could use.
    """

    memory: int
    passes: int
    lanes: int


KDF_PROFILES: Final = MappingProxyType({1: KdfProfile(memory=64 * 1024, passes=3, lanes=1)})
"""KDF profiles by their number in the header.

Profile 1 has memory and passes of RFC 9106's second recommended option (section 4), with one lane instead of four:
WebAssembly has one thread, so more lanes would only help whoever guesses.
"""


@dataclass(frozen=True, eq=False, repr=False)
class DropKeys:
    """What the two passwords of a drop lead to; 32 bytes each, independent of one another.

    Args:
        kek: Wraps the file key. Never leaves the memory of whoever seals or opens.
        commitment: Stands in the header; tells wrong passwords from a damaged container.
        proof: Is shown to the service by whoever wants the container.
    """

    kek: bytes
    commitment: bytes
    proof: bytes

    def __repr__(self) -> str:
        return "DropKeys(…)"


def service_salt(file_id: str) -> bytes:
    """The KDF salt (16 bytes) of the drop with this file ID in canonical form."""
    return hashlib.sha256(b"twinlock v1 salt" + file_id.encode("ascii")).digest()[:SALT_SIZE]


def stretch(first: str, second: str, salt: bytes) -> DropKeys:
    """Stretch the two passwords, in either order. Takes 64 MiB and some 0.15 s.

    Args:
        first: A password.
        second: The other one.
        salt: 16 bytes from the header, or from `service_salt`.

    Raises:
        Refused: one of the two is no password.
        ValueError: the salt has another length.
    """
    if len(salt) != SALT_SIZE:
        raise ValueError("a KDF salt has 16 bytes")
    stretched = _argon2id(_both(first, second), salt, KDF_PROFILES[1])
    return DropKeys(*(_expand(stretched, label) for label in (b"kek", b"commitment", b"proof")))


def _both(first: str, second: str) -> bytes:
    """The two passwords in one string that can be made of no other two; the same for either order."""
    checked = (check_password(first, "first_password"), check_password(second, "second_password"))
    return b"".join(len(one).to_bytes(4, "big") + one for one in sorted(password.encode() for password in checked))


def _argon2id(secret: bytes, salt: bytes, profile: KdfProfile) -> bytes:
    return hash_secret_raw(
        secret, salt, profile.passes, profile.memory, profile.lanes, hash_len=64, type=Type.ID, version=0x13
    )


def _expand(stretched: bytes, label: bytes) -> bytes:
    return HKDFExpand(SHA512(), 32, b"twinlock v1 " + label).derive(stretched)


def wrap(kek: bytes, file_key: bytes) -> bytes:
    """Wrap a file key by AES-256-KW (RFC 3394).

    Returns:
        40 bytes.

    Raises:
        ValueError: one of the keys has not 32 bytes.
    """
    if len(kek) != 32 or len(file_key) != FILE_KEY_SIZE:
        raise ValueError("both keys have 32 bytes")
    return aes_key_wrap(kek, file_key)


def unwrap(kek: bytes, untrusted_wrapped: bytes) -> bytes:
    """Unwrap a file key by AES-256-KW (RFC 3394).

    Returns:
        32 bytes.

    Raises:
        DamagedContainer: these bytes were not wrapped under this key.
    """
    if len(untrusted_wrapped) != WRAPPED_SIZE:
        raise DamagedContainer("a wrapped file key has 40 bytes")
    try:
        return aes_key_unwrap(kek, untrusted_wrapped)
    except InvalidUnwrap as error:
        raise DamagedContainer("the wrapped file key is damaged") from error


def open_header(header: Header, keys: DropKeys) -> bytes:
    """Get the file key out of a header.

    The commitment comes first: AES-KW does not commit to its key well enough to carry a password check, and a failed
    unwrapping after a commitment that matched can only be damage.

    Returns:
        32 bytes.

    Raises:
        WrongPasswords: the commitment is not theirs.
        DamagedContainer: it is, and the wrapped file key is damaged.
    """
    if not hmac.compare_digest(header.commitment, keys.commitment):
        raise WrongPasswords("these are not the two passwords of this container")
    return unwrap(keys.kek, header.wrapped)


def new_header(keys: DropKeys, salt: bytes, file_key: bytes) -> Header:
    """The header for a file key.

    Args:
        keys: What the passwords lead to with this very salt.
        salt: 16 bytes.
        file_key: 32 bytes, drawn for this one container.

    Raises:
        ValueError: salt or file key have another length.
    """
    return Header(salt, keys.commitment, wrap(keys.kek, file_key))
