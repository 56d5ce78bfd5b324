"""Checks the vectors by a second reader: python -m tests.vectors.check. Imports nothing of the project."""

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from tests.vectors.second_reader import (
    RefusedBy,
    body_keys,
    check_metadata,
    check_name,
    check_size,
    derive,
    folded,
    open_container,
    padme,
    password_bytes,
    wrap,
)

FOLDER = Path(__file__).parent


def load(path: str) -> Any:
    """One vector file."""
    return json.loads((FOLDER / path).read_text("ascii"))


def container_of(vector: Any) -> bytes:
    """The bytes of a vector's container."""
    if "container" in vector:
        return base64.b64decode(vector["container"])
    source = container_of(load(vector["container_of"]))
    made = bytearray(b"".join(source[start:end] for start, end in vector["pieces"]))
    for offset, new in vector["put"]:
        made[offset : offset + len(new) // 2] = bytes.fromhex(new)
    return bytes(made)


def refusal(call: Any, *arguments: Any) -> str | None:
    """The rule by which a call refuses, if it does."""
    try:
        call(*arguments)
    except RefusedBy as rule:
        return str(rule)
    return None


def check_containers() -> int:
    """All containers; how many there are."""
    paths = sorted(FOLDER.glob("*/*.json"))
    for path in paths:
        vector = json.loads(path.read_text("ascii"))
        arguments = (container_of(vector), vector["first_password"], vector["second_password"])
        if vector["result"] != "opens":
            assert refusal(open_container, *arguments) == vector["rule"], path
            assert (vector["rule"] == "R7") == (vector["result"] == "wrong passwords"), path
            continue
        metadata, contents = open_container(*arguments)
        expected = b""
        for one in vector["files"]:
            unit = bytes.fromhex(one.pop("repeat"))
            expected += (unit * (one["size"] // len(unit) + 1))[: one["size"]]
        assert (metadata["files"], metadata.get("note"), contents) == (vector["files"], vector["note"], expected), path
        keys = derive(vector["first_password"], vector["second_password"], bytes.fromhex(vector["salt"]))
        assert wrap(keys["kek"], bytes.fromhex(vector["file_key"])) == arguments[0][64:104], path
        assert arguments[0][104:128].hex() == vector["body_salt"], path
    return len(paths)


def unhex(row: Any, *names: str) -> list[bytes]:
    """Some of a row's values as bytes."""
    return [bytes.fromhex(row[name]) for name in names]


def check_keys() -> int:
    """keys.json."""
    table = load("keys.json")
    for row in table["stretch"]:
        derived = derive(row["first_password"], row["second_password"], bytes.fromhex(row["salt"]))
        for name, value in derived.items():
            assert row[name] == value.hex(), (row["comment"], name)
    for row in table["service_salt"]:
        assert hashlib.sha256(f"twinlock v1 salt{row['file_id']}".encode()).hexdigest()[:32] == row["salt"]
    for row in table["wrap"]:
        kek, key, wrapped = unhex(row, "kek", "file_key", "wrapped")
        assert wrap(kek, key) == wrapped
    for row in table["body"]:
        file_key, salt, context = unhex(row, "file_key", "body_salt", "context")
        assert body_keys(file_key, salt, context) == tuple(unhex(row, "chunk_key", "base_nonce", "commitment"))
    return sum(map(len, table.values()))


def check_passwords() -> int:
    """passwords.json."""
    table = load("passwords.json")
    for row in table["accepted"]:
        assert (password_bytes(row["password"]) or b"").hex() == row["utf8"]
    for row in table["refused"]:
        assert password_bytes(row["password"]) is None, row
    for one, other in table["equal_pairs"]:
        assert password_bytes(one) == password_bytes(other)
    return sum(map(len, table.values()))


def check_padding() -> int:
    """padding.json."""
    table = load("padding.json")
    for row in table["lengths"]:
        assert padme(row["needed"]) == row["plaintext"], row
        assert check_size(row["container"]) == row["plaintext"], row
    for size in table["no_container_has"]:
        assert refusal(check_size, size) in {"R1", "R2"}, size
    return sum(map(len, table.values()))


def check_names() -> int:
    """names.json. What a writer makes of a name must be one, and nothing else when it was one before."""
    table = load("names.json")
    for name in table["accepted"]:
        assert refusal(check_name, name) is None, name
    for row in table["refused"]:
        assert refusal(check_name, row["name"]) == row["rule"], row
    for row in table["cleaned"]:
        assert refusal(check_name, row["written"]) is None, row
        assert refusal(check_name, row["given"]) is not None or row["given"] == row["written"], row
    for row in table["drops"]:
        assert len({folded(name) for name in row["written"]}) == len(row["given"]), row
        assert all(refusal(check_name, name) is None for name in row["written"]), row
    for one, other in table["same_after_folding"]:
        assert folded(one) == folded(other), one
    for one, other in table["different_after_folding"]:
        assert folded(one) != folded(other), one
    return sum(map(len, table.values()))


def check_metadata_table() -> int:
    """metadata.json."""
    table = load("metadata.json")
    for text in table["accepted"]:
        check_metadata(text.encode())
    for row in table["refused"]:
        if "hex" in row:
            (raw,) = unhex(row, "hex")
        else:
            before, unit, after = unhex(row, "hex_before", "hex_repeated", "hex_after")
            raw = before + unit * row["times"] + after
        assert refusal(check_metadata, raw) == row["rule"], row["name"]
    return len(table["accepted"]) + len(table["refused"])


def main() -> None:
    """Check everything; says how much it has seen."""
    checks = (check_keys, check_passwords, check_padding, check_names, check_metadata_table, check_containers)
    for check in checks:
        sys.stdout.write(f"{check.__name__}: {check()}\n")


if __name__ == "__main__":
    main()
