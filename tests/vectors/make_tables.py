"""Tables: derivations, and what is accepted, refused or cleaned."""

import json
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from dropbox_app.container import keys
from dropbox_app.container.body import BodyKey
from dropbox_app.container.metadata import clean_note, clean_type
from dropbox_app.container.names import NameCleaner, clean_name
from dropbox_app.container.padding import container_length, padded_length
from dropbox_app.container.passwords import check_password
from tests.vectors.make_containers import FILE_ID, FIRST, SALT, SECOND, drop_keys, file, fixed, header_of
from tests.vectors.make_containers import metadata_bytes as canonical
from tests.vectors.name_cases import ACCEPTED, CLEANED, DIFFERENT, DROPS, REFUSED, SAME

_NAME_FAULTS = {"R17": "empty", "R18": "not-nfc", "R19": "slash", "R20": "dot", "R21": "device"}


def keys_table() -> dict[str, Any]:
    """Derivations, from passwords down to the body."""
    pairs = (
        ("Two passwords.", FIRST, SECOND, SALT),
        ("The same two, in the other order.", SECOND, FIRST, SALT),
        ("Another salt.", FIRST, SECOND, bytes(range(16))),
        ("One is the beginning of the other, which alone would not tell them from 'abc' and 'ab'.", "ab", "abc", SALT),
        ("The same characters, split elsewhere.", "a", "bcab", SALT),
        ("NFD on the left; ordered by bytes of NFC, not by UTF-16 units.", "\U0001f512", "\uff21e\u0301", SALT),
        ("The shortest and the longest.", "x", "\u20ac" * 341 + "x", SALT),
    )
    return {
        "stretch": [_stretched(*pair) for pair in pairs],
        "service_salt": [
            {"file_id": one, "salt": keys.service_salt(one).hex()} for one in (FILE_ID, "1zzzz" + "0" * 27)
        ],
        "wrap": [
            {"kek": kek.hex(), "file_key": key.hex(), "wrapped": keys.wrap(kek, key).hex()}
            for kek, key in ((bytes(32), bytes(32)), (fixed("kek", 32), fixed("key", 32)))
        ],
        "body": [_body("file-of-one-byte")],
    }


def _stretched(comment: str, first: str, second: str, salt: bytes) -> dict[str, str]:
    secret = keys._both(first, second)
    derived = drop_keys(first, second, salt)
    return {
        "comment": comment,
        "first_password": first,
        "second_password": second,
        "salt": salt.hex(),
        "secret": secret.hex(),
        "stretched": keys._argon2id(secret, salt, keys.KDF_PROFILES[1]).hex(),
        "kek": derived.kek.hex(),
        "commitment": derived.commitment.hex(),
        "proof": derived.proof.hex(),
    }


def _body(name: str) -> dict[str, str]:
    file_key, salt, context = fixed(name + " file key", 32), fixed(name + " body salt", 24), header_of(name).context
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    derived = HKDFExpand(SHA512(), 76, info).derive(file_key)
    if BodyKey(file_key, context, salt).prefix != salt + derived[44:]:
        raise ValueError("two derivations of one commitment differ")
    return {
        "file_key": file_key.hex(),
        "context": context.hex(),
        "body_salt": salt.hex(),
        "chunk_key": derived[:32].hex(),
        "base_nonce": derived[32:44].hex(),
        "commitment": derived[44:].hex(),
    }


def passwords_table() -> dict[str, Any]:
    """Passwords."""
    accepted = ("x", " ", "\U0001f512", "e\u0301", "\xe9", "\u212b", "a" * 1024, "e\u0301" * 512, "\u3000", "\u200b")
    return {
        "accepted": [{"password": one, "utf8": check_password(one, "").encode().hex()} for one in accepted],
        "refused": [
            {"comment": "empty", "password": ""},
            {"comment": "1025 bytes", "password": "a" * 1025},
            {"comment": "1026 bytes in 513 characters", "password": "\xe9" * 513},
            {"comment": "line feed", "password": "a\n"},
            {"comment": "NUL", "password": "\0"},
            {"comment": "delete", "password": "a\x7f"},
            {"comment": "a control character of Latin-1", "password": "a\x85"},
            {"comment": "a lone surrogate", "password": "a\ud800"},
        ],
        "equal_pairs": [["a", "a"], ["\xe9", "e\u0301"]],
    }


def padding_table() -> dict[str, Any]:
    """Lengths."""
    needed = [0, 1, 4095, 4096, 4097, 4352, 4353, 8191, 8192, 8193, 16384, 16385, 17408, 17409, 65535, 65536, 65537]
    needed += [2**20 + 1, 10**6, 2**30, 2**30 + 1, 5 * 2**30, 2**32, 2**32 + 1, 10**12, 2**40 - 1, 2**40 + 1]
    rows = [{"needed": one, "plaintext": padded_length(one), "container": 0} for one in needed]
    for row in rows:
        row["container"] = container_length(row["plaintext"])
    largest = (2**20 - 1) * 2**32 // 16384 * 16384
    return {
        "lengths": rows,
        "no_container_has": [0, 104, 160, 4271, 4273, 4272 + 255, 16560, 16575, 16577, 2**52, largest * 2**10],
    }


def names_table() -> dict[str, Any]:
    """File names."""
    drops = []
    for names in DROPS:
        cleaner = NameCleaner()
        drops.append({"given": names, "written": [cleaner.add(name) for name in names]})
    return {
        "accepted": ACCEPTED,
        "refused": [{"rule": rule, "name": name} for rule, name in REFUSED],
        "cleaned": [{"given": name, "written": clean_name(name)} for name in CLEANED],
        "drops": drops,
        "same_after_folding": SAME,
        "different_after_folding": DIFFERENT,
    }


def metadata_table() -> dict[str, Any]:
    """Metadata, notes and media types."""
    notes = ("", None, "a", "a\r\nb\n\tc\r\n", "\r\n", "\u2028", " ")
    return {
        "accepted": [
            canonical([file("a.txt", 0)]).decode(),
            canonical([file("a.txt", 2**53 - 1), file("b", 1)]).decode(),
            canonical([], "note").decode(),
            canonical([file('" \u2028\u00e9\U0001f600\ufeff', 1, media_type=" " * 127)], '\t\n"\\/\u2029').decode(),
        ],
        "refused": [
            {"name": slug, "rule": rule, "comment": comment} | _raw(raw)
            for slug, rule, comment, raw, _ in refused_metadata()
        ],
        "notes": [{"given": one, "written": clean_note(one)} for one in notes],
        "refused_notes": ["a\rb", "\0", "\x0b", "\x1f", "\x7f", "\x9f", "\ud800"],
        "repeated_notes": [
            {"unit": "\u20ac", "times": 21845, "accepted": True},
            {"unit": "\u20ac", "times": 21846, "accepted": False},
            {"unit": "a", "times": 65536, "accepted": True},
            {"unit": "a\r\n", "times": 32768, "accepted": True},
        ],
        "types": [
            {"given": one, "written": clean_type(one)}
            for one in ("image/jpeg", None, "", "a" * 127, "a" * 128, "text/plain; charset=utf-8", "a\n", "\xe9")
        ],
    }


def _raw(raw: bytes) -> dict[str, Any]:
    """Bytes in hex; long ones as a recipe."""
    if len(raw) < 4000:
        return {"hex": raw.hex()}
    start = next(index for index in range(len(raw)) if raw[index : index + 100] == raw[index : index + 1] * 100)
    times = len(raw[start:]) - len(raw[start:].lstrip(raw[start : start + 1]))
    return {
        "hex_before": raw[:start].hex(),
        "hex_repeated": raw[start : start + 1].hex(),
        "times": times,
        "hex_after": raw[start + times :].hex(),
    }


def refused_metadata() -> Iterator[tuple[str, str, str, bytes, int]]:
    """Name, rule, comment, bytes, and the size of the contents that the bytes speak of."""
    entry = '{"name":"a","size":7,"type":"b"}'
    good = '{"files":[' + entry + "]}"
    for slug, rule, comment, text in (
        ("not-utf-8", "R13", "A byte that is no UTF-8.", good.replace('"a"', '"\udcff"')),
        ("byte-order-mark", "R13", "A byte order mark before it.", "\ufeff" + good),
        ("not-json", "R13", "No JSON.", good[:-1]),
        ("two-values", "R13", "Two JSON values.", good + good),
        ("array", "R13", "An array.", "[" + good + "]"),
        ("nested-deeply", "R13", "Arrays in arrays, a thousand deep.", "[" * 1000 + "]" * 1000),
        ("without-files", "R13", "The key files is missing.", '{"note":"a"}'),
        ("files-null", "R13", "files is null.", '{"files":null,"note":"a"}'),
        ("files-object", "R13", "files is an object.", '{"files":{},"note":"a"}'),
        ("note-null", "R13", "note is null instead of missing.", good[:-1] + ',"note":null}'),
        ("note-number", "R13", "note is a number.", good[:-1] + ',"note":1}'),
        ("key-unknown", "R13", "A key that is not known.", good[:-1] + ',"time":1}'),
        ("file-key-unknown", "R13", "A key of a file that is not known.", good.replace("}]", ',"x":1}]')),
        ("file-key-missing", "R13", "A file without a type.", good.replace(',"type":"b"', "")),
        ("file-null", "R13", "A file is null.", '{"files":[null]}'),
        ("name-number", "R13", "A name is a number.", good.replace('"a"', "1")),
        ("type-null", "R13", "A type is null.", good.replace('"b"', "null")),
        ("size-string", "R13", "A size is a string.", good.replace("7", '"7"')),
        ("size-true", "R13", "A size is true.", good.replace("7", "true")),
        ("size-fraction", "R13", "A size is no integer.", good.replace("7", "7.5")),
        ("size-nan", "R13", "A size is NaN, which is no JSON.", good.replace("7", "NaN")),
        ("space", "R14", "A space that need not be.", good.replace(":", ": ", 1)),
        ("line-feed-behind", "R14", "A line feed behind it.", good + "\n"),
        ("keys-unordered", "R14", "type before size.", '{"files":[{"name":"a","type":"b","size":7}]}'),
        ("note-before-files", "R14", "note before files.", '{"note":"a","files":[]}'),
        ("key-twice", "R14", "A key twice, with the same value.", good.replace('"size":7', '"size":7,"size":7')),
        ("escape-needless", "R14", "A letter as an escape.", good.replace('"a"', '"\\u0061"')),
        ("escape-upper-case", "R14", "A slash as an escape.", good.replace('"b"', '"b\\/c"')),
        ("escape-long", "R14", "A tab as \\u0009 instead of \\t.", '{"files":[],"note":"\\u0009"}'),
        ("lone-surrogate", "R14", "A lone surrogate as an escape.", good.replace('"a"', '"\\ud800"')),
        ("size-with-point", "R14", "7.0 instead of 7.", good.replace("7", "7.0")),
        ("size-with-exponent", "R14", "7e0 instead of 7.", good.replace("7", "7e0")),
        ("size-minus-zero", "R14", "-0 instead of 0.", good.replace("7", "-0")),
        ("size-negative", "R15", "A size of -1.",
            '{"files":[{"name":"a","size":8,"type":"b"},{"name":"c","size":-1,"type":"b"}]}'),
        ("size-too-large", "R15", "A size of 2^53.", good.replace("7", str(2**53))),
        ("type-empty", "R16", "A type of no characters.", good.replace('"b"', '""')),
        ("type-too-long", "R16", "A type of 128 characters.", good.replace('"b"', '"' + "b" * 128 + '"')),
        ("type-not-ascii", "R16", "A type with a letter beyond ASCII.", good.replace('"b"', '"\xe9"')),
        ("type-control", "R16", "A type with DEL.", good.replace('"b"', '"b\x7f"')),
        ("names-same", "R22", "Two files of one name.", '{"files":[' + entry + "," + entry + "]}"),
        ("names-differ-in-case", "R22", "Two names that differ in case only.",
            '{"files":[' + entry + "," + entry.replace('"a"', '"A"') + "]}"),
        ("note-empty", "R23", "A note of no characters.", good[:-1] + ',"note":""}'),
        ("note-carriage-return", "R23", "A note with CR LF.", good[:-1] + ',"note":"a\\r\\nb"}'),
        ("note-control", "R23", "A note with NUL.", good[:-1] + ',"note":"\\u0000"}'),
        ("note-delete", "R23", "A note with DEL.", good[:-1] + ',"note":"\x7f"}'),
        ("nothing", "R24", "Neither a file nor a note.", '{"files":[]}'),
        ("note-too-long", "R23", "A note of 64 KiB and a byte.", '{"files":[],"note":"' + "a" * 65537 + '"}'),
        ("too-large", "R12", "Metadata of more than 1 MiB.", '{"files":[],"note":"' + "a" * 2**20 + '"}'),
    ):  # fmt: skip
        size = 14 if slug.startswith("names-") else 0 if '"size"' not in text else 7
        yield slug, rule, comment, text.encode(errors="surrogateescape"), size
    # One container for each rule; the table of names has all of them.
    for rule, name in dict(reversed(REFUSED)).items():
        text = json.dumps(
            {"files": [{"name": name, "size": 7, "type": "b"}]}, ensure_ascii=False, separators=(",", ":")
        )
        yield f"name-{_NAME_FAULTS[rule]}", rule, f"The name {name!a}.", text.encode(), 7
