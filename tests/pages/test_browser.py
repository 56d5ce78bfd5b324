"""What somebody does in a browser without JavaScript."""

import os
import re
import zipfile
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Download, Page, expect

from tests.service.server import Service

Scheme = Literal["light", "dark"]
STILL_PAGES = ["/", "/download", "/owner", "/about", "/nothing-here"]


def leave(page: Page, site: Service, *files: Path, note: str = "", **fields: str) -> dict[str, str]:
    """Fill in the upload form, send it, and read the secrets off the page that comes back."""
    page.goto(site.url)
    # Without JavaScript, a folded part opens by a click on its summary, as for everybody.
    for summary in page.locator("summary").all():
        summary.click()
    if files:
        page.set_input_files("#file", list(files))
    page.fill("#note", note)
    for name in ("first_password", "second_password"):
        page.fill(f"#{name}", fields.get(name, ""))
    page.fill("#downloads", fields.get("downloads", ""))
    page.select_option("#lifetime", fields.get("lifetime", "1d"))
    page.get_by_role("button", name="Leave it").click()
    expect(page.locator("h1")).to_have_text("Your drop is ready")
    secrets = [str(text) for text in page.locator("code.secret").all_text_contents()]
    return dict(zip(("link", "first", "second", "owner"), secrets, strict=True))


def fetch(page: Page, link: str, first: str, second: str) -> Download:
    """Open a link, type both passwords, and save what comes."""
    page.goto(link)
    page.fill("input[name=first_password]", first)
    page.fill("input[name=second_password]", second)
    with page.expect_download() as download:
        page.get_by_role("button", name="Fetch").click()
    return download.value


def test_a_file_goes_from_one_to_another(site: Service, browser: Browser, page: Page, tmp_path: Path) -> None:
    """A file left by the form comes back to somebody else, byte for byte and under its name."""
    photo = tmp_path / "Ein Bild (größer).jpg"
    photo.write_bytes(os.urandom(3 * 2**20 + 17))
    drop = leave(page, site, photo)
    other = browser.new_context(java_script_enabled=False)
    download = fetch(other.new_page(), drop["link"], drop["second"], drop["first"])
    assert download.suggested_filename == photo.name
    assert Path(download.path()).read_bytes() == photo.read_bytes()
    other.close()


def test_files_and_a_note_come_as_one_archive(site: Service, page: Page, tmp_path: Path) -> None:
    """Several files and a note come back as a ZIP, with the line ends of the note as they were typed."""
    names = ["one.txt", "two.txt"]
    for name in names:
        (tmp_path / name).write_text(name * 1000)
    drop = leave(page, site, *(tmp_path / name for name in names), note="first line\nsecond line")
    with zipfile.ZipFile(fetch(page, drop["link"], drop["first"], drop["second"]).path()) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            **{name: (name * 1000).encode() for name in names},
            "note.txt": b"first line\nsecond line",
        }


def test_a_note_alone_with_own_passwords(site: Service, page: Page) -> None:
    """A note needs no file, and passwords that were typed are the ones that count."""
    drop = leave(page, site, note="Meet me at nine.", first_password="a mountain", second_password="nine spoons")
    assert (drop["first"], drop["second"]) == ("a mountain", "nine spoons")
    download = fetch(page, drop["link"], "a mountain", "nine spoons")
    assert download.suggested_filename == "note.txt"
    assert Path(download.path()).read_text() == "Meet me at nine."


def test_wrong_passwords_are_told_on_the_form(site: Service, page: Page) -> None:
    """A wrong password brings the form back with what went wrong, and takes no ticket."""
    drop = leave(page, site, note="once", downloads="1")
    page.goto(drop["link"])
    page.fill("input[name=first_password]", "wrong")
    page.fill("input[name=second_password]", "wrong too")
    page.get_by_role("button", name="Fetch").click()
    expect(page.get_by_text("These are not the passwords of this drop").first).to_be_visible()
    assert Path(fetch(page, page.url, drop["first"], drop["second"]).path()).read_text() == "once"


def test_the_owner_sees_and_deletes(site: Service, page: Page) -> None:
    """With the owner token, somebody sees how many downloads are left, and deletes; then the drop is not found."""
    drop = leave(page, site, note="mine", downloads="5")
    page.goto(f"{site.url}/owner")
    page.fill("input[name=file_id]", drop["link"].rpartition("/")[2])
    page.fill("input[name=owner_token]", drop["owner"])
    page.get_by_role("button", name=re.compile("[Ss]how|[Ss]ee|[Ss]tatus")).first.click()
    expect(page.get_by_text("5 downloads").first).to_be_visible()
    page.get_by_role("button", name=re.compile("[Dd]elete")).first.click()
    expect(page.locator("h1")).to_contain_text("deleted")
    page.goto(drop["link"])
    page.fill("input[name=first_password]", drop["first"])
    page.fill("input[name=second_password]", drop["second"])
    page.get_by_role("button", name="Fetch").click()
    expect(page.get_by_text("There is no such drop").first).to_be_visible()


def test_the_new_drop_can_be_deleted_from_its_page(site: Service, page: Page) -> None:
    """The page that shows a new drop has the button that takes it back."""
    leave(page, site, note="never mind")
    page.locator("summary").click()
    page.get_by_role("button", name="Delete this drop").click()
    expect(page.locator("h1")).to_contain_text("deleted")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", STILL_PAGES)
def test_pages_fit_a_phone_and_load_nothing_foreign(site: Service, browser: Browser, path: str, scheme: Scheme) -> None:
    """At 360 pixels nothing scrolls sideways; every request goes to the service; no cookie, no policy violation."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.url + path)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert all(url.startswith(site.url) for url in asked)
    assert context.cookies() == []
    assert not [text for text in said if "Content Security Policy" in text]
    context.close()


def test_the_result_fits_a_phone(site: Service, browser: Browser) -> None:
    """Links, tokens and passwords of any length wrap, also those without a place to break."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    leave(page, site, note="long", first_password="w" * 300, second_password="ü" * 300)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()


def test_every_control_has_a_label(site: Service, page: Page) -> None:
    """Somebody who cannot see the page hears what each control is for."""
    for path in STILL_PAGES:
        page.goto(site.url + path)
        assert page.locator("main").count() == 1
        assert page.locator("h1").count() == 1
        for control in page.locator("input:not([type=hidden]), select, textarea").all():
            assert control.evaluate("control => control.labels.length") == 1


def test_colours_follow_the_system(site: Service, browser: Browser) -> None:
    """The page is light or dark as the system is."""
    colours = []
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        context: BrowserContext = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(site.url)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        context.close()
    assert colours[0] != colours[1]
