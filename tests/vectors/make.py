"""Writes the test vectors: python -m tests.vectors.make [folder]. The same bytes every time.

The vectors are made with the project's own code, and checked by `check.py`, which shares nothing with it.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.vectors.make_containers import opened_containers
from tests.vectors.make_refused import refused_containers
from tests.vectors.make_tables import keys_table, metadata_table, names_table, padding_table, passwords_table


def vectors() -> dict[str, Any]:
    """Every vector file, by its path within the folder."""
    files: dict[str, Any] = {
        "keys.json": keys_table(),
        "passwords.json": passwords_table(),
        "padding.json": padding_table(),
        "names.json": names_table(),
        "metadata.json": metadata_table(),
    }
    for folder, containers in (("opened", opened_containers()), ("refused", refused_containers())):
        for name, vector in containers:
            path = f"{folder}/{name}.json"
            if path in files:
                raise ValueError(f"two vectors are called {path}")
            files[path] = vector
    return files


def main(folder: Path) -> None:
    """Write all files into this folder."""
    for path, vector in vectors().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # ASCII throughout, so that nothing between here and a reader can normalise a string on its way.
        target.write_text(json.dumps(vector, indent=1) + "\n", "ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
