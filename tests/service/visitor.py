"""What visitors do: leave a drop one way or another, fetch it, look after it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import requests

from tests.service.server import Service

JSON = {"Accept": "application/json"}
PASSWORDS = {"first_password": "a mountain without snow", "second_password": "nine wooden spoons"}
HEADERS = {"First-Password": PASSWORDS["first_password"], "Second-Password": PASSWORDS["second_password"]}
Way = Literal["length", "chunked", "form"]
WAYS: tuple[Way, ...] = ("length", "chunked", "form")
FileOfForm = tuple[str | None, bytes]


@dataclass(frozen=True)
class Receipt:
    """What an uploader was told."""

    file_id: str
    link: str
    first_password: str
    second_password: str
    owner_token: str
    expires: str
    renamed: Sequence[str] = ()

    @property
    def passwords(self) -> dict[str, str]:
        """Both, as the fields of a form."""
        return {"first_password": self.first_password, "second_password": self.second_password}


def receipt(response: requests.Response) -> Receipt:
    """The receipt in an answer, which has to be one in JSON."""
    assert response.status_code == 201, response.text
    known = Receipt.__dataclass_fields__
    return Receipt(**{name: value for name, value in response.json().items() if name in known})


def pieces(content: bytes, size: int = 100_000) -> Iterator[bytes]:
    """Content in pieces, which makes `requests` send it chunked."""
    return (content[start : start + size] for start in range(0, len(content), size))


def put(
    service: Service, content: bytes | Iterator[bytes], name: str = "a.bin", **headers: str | bytes
) -> requests.Response:
    """Upload a raw body; ``First_Password`` stands for ``First-Password``."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return requests.put(f"{service.url}/{name}", data=content, headers={**JSON, **named}, timeout=60)


def form(
    service: Service, *files: FileOfForm, accept: str = "application/json", **fields: str | bytes
) -> requests.Response:
    """Send the upload form: fields, then files."""
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
    parts += [("file", (name or "", content, "application/octet-stream")) for name, content in files]
    return requests.post(f"{service.url}/", files=parts, headers={"Accept": accept}, timeout=60)


def leave(service: Service, content: bytes, way: Way = "length", name: str = "a.bin", downloads: str = "") -> Receipt:
    """Leave one file, with passwords of the test's own."""
    if way == "form":
        return receipt(form(service, (name, content), downloads=downloads, **PASSWORDS))
    body = content if way == "length" else pieces(content)
    return receipt(put(service, body, name, Downloads=downloads, **HEADERS))


def fetch(service: Service, drop: Receipt, **changes: str) -> requests.Response:
    """Fetch a drop; single fields can be changed."""
    fields = {**drop.passwords, **changes}
    return requests.post(f"{service.url}/d/{drop.file_id}", data=fields, headers=JSON, timeout=60)


def owner(service: Service, drop: Receipt, **changes: str) -> requests.Response:
    """Ask for the status of a drop, or delete it by ``action="delete"``."""
    fields = {"file_id": drop.file_id, "owner_token": drop.owner_token, **changes}
    return requests.post(f"{service.url}/owner", data=fields, headers=JSON, timeout=60)
