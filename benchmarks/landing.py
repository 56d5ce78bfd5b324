"""The front page: answers a second over kept-alive connections."""

from pathlib import Path

from benchmarks import wire
from benchmarks.client import Client
from benchmarks.report import Row, Target, medians
from benchmarks.servers import Floor, Service, expect

PART = "Front page (floor: a constant string of the same length)"
_CONNECTIONS = 8
_TARGET = Target(0.9, at_most=False)


def measure(client: Client, folder: Path, rounds: int, seconds: float) -> list[Row]:
    """GET / for so many seconds a round, in turns."""
    rates: dict[str, list[float]] = {"service": [], "floor": []}
    with Service(folder / "service") as service:
        size = expect(200, wire.exchange(service.port, "GET", "/", {})).size
        with Floor(folder / "floor", size) as floor:
            for number in range(rounds + 1):
                for server in (service, floor) if number % 2 else (floor, service):
                    job = {"port": server.port, "path": "/", "connections": _CONNECTIONS, "seconds": seconds}
                    rate = client.ask("load", **job)
                    if number:
                        rates[server.name].append(rate)
    what = f"GET /, {size} bytes, {_CONNECTIONS} connections"
    return [medians(PART, what, "1/s", rates["service"], rates["floor"], target=_TARGET)]
