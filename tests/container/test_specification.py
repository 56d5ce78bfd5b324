"""The text of the specification against the vectors and the code."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tests.vectors.make_containers import FILE_ID

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"
TEXT = (ROOT / "docs" / "spec" / "container-v1.md").read_text()


def _load(path: str) -> Any:
    return json.loads((VECTORS / path).read_text())


def _example() -> dict[str, bytes]:
    block = TEXT.split("## 8. Worked example")[1].split("```")[1]
    values: dict[str, str] = {}
    name = ""
    for line in block.strip().splitlines():
        if " = " in line:
            name, line = (part.strip() for part in line.split(" = "))  # noqa: PLW2901
        values[name] = values.get(name, "") + line.strip()
    return {name: bytes.fromhex(value) for name, value in values.items()}


def test_the_worked_example_is_that_of_the_vectors() -> None:
    """Every value of the example stands in a vector, too."""
    example, keys, vector = _example(), _load("keys.json"), _load("opened/file-of-one-byte.json")
    container = base64.b64decode(vector["container"])
    stretched, body = keys["stretch"][0], keys["body"][0]
    metadata = b'{"files":[{"name":"a.txt","size":1,"type":"text/plain"}]}'
    assert example == {
        "KDF salt": hashlib.sha256(b"twinlock v1 salt" + FILE_ID.encode()).digest()[:16],
        **{name: bytes.fromhex(stretched[name]) for name in ("secret", "stretched", "kek", "commitment", "proof")},
        "file key": bytes.fromhex(vector["file_key"]),
        "wrapped": container[64:104],
        "header": container[:104],
        "body salt": container[104:128],
        "chunk key": bytes.fromhex(body["chunk_key"]),
        "base nonce": bytes.fromhex(body["base_nonce"]),
        "body commitment": container[128:160],
        "metadata": metadata,
        "plaintext[0:4]": b"x\0\0\0",
        "plaintext[4092:]": len(metadata).to_bytes(4, "big"),
        "container[160:192]": container[160:192],
        "container[4240:]": container[4240:],
        "SHA-256(container)": hashlib.sha256(container).digest(),
    }
    assert (stretched["first_password"], stretched["second_password"]) == ("correct-horse", "battery-staple")
    assert f"file ID `{FILE_ID}`" in TEXT
    assert (example["header"][16:32], body["context"]) == (example["KDF salt"], container[:32].hex())


def test_every_rule_has_vectors_and_every_vector_its_rule() -> None:
    """The table of refusals names each file in `refused/` once, in the row of its rule; no rule is without."""
    named: dict[str, str] = {}
    rules = re.findall(r"^\| (R\d+) \| .* \| (.*) \|$", TEXT, re.MULTILINE)
    assert [rule for rule, _ in rules] == [f"R{number}" for number in range(1, 27)]
    for rule, vectors in rules:
        names = [name for name in re.findall("`([^`]+)`", vectors) if not name.endswith(".json")]
        assert names, rule
        assert not named.keys() & set(names)
        named |= dict.fromkeys(names, rule)
    assert named == {path.stem: _load(f"refused/{path.name}")["rule"] for path in (VECTORS / "refused").glob("*")}
