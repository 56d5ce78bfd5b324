"""The client, in a process of its own: jobs come in and results go out as lines of JSON."""

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from benchmarks import wire
from benchmarks.wire import Answer


class Client:
    """Starts the client's process and hands it jobs; leaving the block ends it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.client"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, what: str, **job: Any) -> Any:
        """Have one job of `benchmarks.wire` done."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the client has no pipes")
        self._process.stdin.write(json.dumps({"do": what, **job}).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the client ended")
        result = json.loads(line)
        if "error" in result:
            raise ConnectionError(result["error"])
        return result["result"]

    def exchange(self, port: int, method: str, path: str, **job: Any) -> Answer:
        """One request; see `wire.exchange`."""
        return Answer(**self.ask("exchange", port=port, method=method, path=path, **({"headers": {}} | job)))


def main() -> None:
    """Do jobs until there are no more."""
    for line in sys.stdin.buffer:
        try:
            result = {"result": wire.do(json.loads(line))}
        except OSError as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
