"""File IDs: how they may be written, and that everything that cannot be fetched looks the same."""

import secrets
import time

import pytest
import requests

from dropbox_app.blobs.local import LocalBlobStore
from dropbox_app.container.keys import service_salt, stretch
from dropbox_app.container.sealing import seal_container
from dropbox_app.drops.file_ids import blob_name, new_file_id
from dropbox_app.drops.hashing import hash_secret
from dropbox_app.model import Hour, Record, hour_of
from dropbox_app.registry.sqlite import SqliteRegistry
from tests.service.server import Service
from tests.service.visitor import JSON, PASSWORDS, Receipt, fetch, leave, owner

UNKNOWN = new_file_id(Hour(hour_of(time.time()) + 5), secrets.token_bytes)
MALFORMED = ("1" * 31, "1" * 33, "2" + "1" * 31, "1" * 31 + "u", "1" * 31 + "\u0661", "..%2F" + "1" * 27, "'\"<script>")


def place(service: Service, hour: Hour) -> Receipt:
    """A drop that ends at this hour, put into both stores by hand."""
    file_id = new_file_id(hour, secrets.token_bytes)
    salt = service_salt(file_id)
    first, second = PASSWORDS.values()
    writer = LocalBlobStore(service.data_dir).begin(blob_name(file_id), resumable=False)
    writer.append(seal_container([("a", None, b"by hand")], None, first, second, salt, secrets.token_bytes))
    writer.commit()
    writer.close()
    registry = SqliteRegistry(service.data_dir / "registry.sqlite3")
    token = secrets.token_urlsafe(32)
    registry.add(file_id, Record(hash_secret(stretch(first, second, salt).proof), hash_secret(token)), 2)
    registry.close()
    return Receipt(file_id, "", first, second, token, "")


@pytest.fixture(scope="module")
def gone(service: Service) -> dict[str, str]:
    """File IDs of drops that cannot be fetched, by the reason, which nobody may learn."""
    used_up = leave(service, b"x", downloads="1")
    assert fetch(service, used_up).status_code == 200
    deleted = leave(service, b"x")
    assert owner(service, deleted, action="delete").json()["deleted"] is True
    expired = place(service, hour_of(time.time()))
    return {"unknown": UNKNOWN, "used up": used_up.file_id, "deleted": deleted.file_id, "expired": expired.file_id}


@pytest.mark.parametrize("accept", ["application/json", "text/plain", "text/html"])
def test_what_cannot_be_fetched_looks_the_same(service: Service, gone: dict[str, str], accept: str) -> None:
    """Unknown, expired, used up, deleted and malformed: 404 with the very same body and headers."""

    def told(untrusted: str, path: str, fields: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        answer = requests.post(
            f"{service.url}{path}", data={**fields, **PASSWORDS}, headers={"Accept": accept}, timeout=30
        )
        headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "Content-Length")}
        # The form that is shown again has in it what was typed.
        return answer.status_code, answer.content.replace(untrusted.encode(), b"ID"), headers

    for kind in ("fetch", "typed"):
        answers = []
        for file_id in (*gone.values(), *(MALFORMED[:4] if kind == "fetch" else MALFORMED[:3])):
            if kind == "fetch":
                answers.append(told(file_id, f"/d/{file_id}", {}))
            else:
                answers.append(told(file_id, "/download", {"file_id": file_id}))
        assert {answer[0] for answer in answers} == {404}
        assert len({answer[1] for answer in answers}) == 1
        assert all(answer[2] == answers[0][2] for answer in answers)


def test_owners_are_told_the_same(service: Service, gone: dict[str, str]) -> None:
    """An owner's page knows no more: 404 for each of them, but for a used-up drop, which keeps its record a while."""
    for reason in ("unknown", "deleted", "expired"):
        answer = requests.post(
            f"{service.url}/owner",
            data={"file_id": gone[reason], "owner_token": "x", "action": "delete"},
            headers=JSON,
            timeout=30,
        )
        assert answer.status_code == 404, reason


def test_a_drop_ends_with_its_hour(service: Service) -> None:
    """A drop put in by hand can be fetched in the hour before its end, and not in the hour of its end."""
    alive = place(service, Hour(hour_of(time.time()) + 1))
    assert fetch(service, alive).content == b"by hand"
    over = place(service, hour_of(time.time()))
    assert service.container(over.file_id).exists()
    assert fetch(service, over).status_code == 404


def test_used_up_drops_tell_their_owner(service: Service) -> None:
    """Once the last ticket is taken, the owner still sees that none is left, and can delete the drop."""
    drop = leave(service, b"x", downloads="2")
    assert owner(service, drop).json()["downloads_left"] == 2
    for left in (1, 0):
        assert fetch(service, drop).status_code == 200
        assert owner(service, drop).json() == {"expires": drop.expires, "downloads_left": left}
    assert owner(service, drop, action="delete").status_code == 200
    assert owner(service, drop).status_code == 404
    assert not service.container(drop.file_id).exists()


@pytest.mark.parametrize("path", MALFORMED)
def test_a_malformed_id_is_not_there(service: Service, path: str) -> None:
    """Whatever cannot be a file ID is 404: its page, its download and its owner's page, never a fault."""
    for answer in (
        requests.get(f"{service.url}/d/{path}", timeout=30),
        requests.post(f"{service.url}/d/{path}", data=PASSWORDS, timeout=30),
        requests.post(f"{service.url}/download", data={"file_id": path, **PASSWORDS}, timeout=30),
        requests.post(f"{service.url}/owner", data={"file_id": path, "owner_token": "x"}, timeout=30),
    ):
        # With a slash in it, it is another path, which is not there either.
        assert answer.status_code in ((404, 405) if "%2F" in path else (404,))


def test_ids_typed_by_hand(service: Service) -> None:
    """Upper case, and o, i and l for 0 and 1, are understood wherever an ID is taken."""
    drop = leave(service, b"typed")
    typed = drop.file_id.replace("0", "o").replace("1", "L", 1).replace("1", "i").upper().replace("L", "l", 1)
    assert typed != drop.file_id
    assert requests.get(f"{service.url}/d/{typed}", timeout=30).status_code == 200
    assert requests.post(f"{service.url}/d/{typed}", data=drop.passwords, timeout=30).content == b"typed"
    for text in (typed, f" {typed}\n", f"{service.url}/d/{typed}", f"http://example.onion/d/{typed}/", f"/d/{typed}"):
        answer = requests.post(f"{service.url}/download", data={"file_id": text, **drop.passwords}, timeout=30)
        assert (answer.status_code, answer.content) == (200, b"typed"), text
    assert owner(service, drop, file_id=typed).status_code == 200
    assert owner(service, drop, file_id=typed.lower(), action="delete").status_code == 200


def test_the_share_page_tells_nothing(service: Service) -> None:
    """The share page of a drop that is there and of one that is not differ in the file ID alone."""
    drop = leave(service, b"x")
    pages = [requests.get(f"{service.url}/d/{file_id}", timeout=30) for file_id in (drop.file_id, UNKNOWN)]
    assert {page.status_code for page in pages} == {200}
    assert pages[0].text.replace(drop.file_id, "ID") == pages[1].text.replace(UNKNOWN, "ID")
