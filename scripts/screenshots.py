"""Take the pictures of the README anew, from a real service in a real browser: python -m scripts.screenshots.

Pictures go to docs/images. What they show is made up on the spot and gone with the service.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.service.server import ROOT, running

PICTURES = ROOT / "docs" / "images"
DESKTOP: ViewportSize = {"width": 1120, "height": 760}
PHONE: ViewportSize = {"width": 360, "height": 740}
Scheme = Literal["light", "dark"]
LIGHTS: tuple[tuple[str, Scheme, tuple[str, ...]], ...] = (
    ("desktop", "light", ("home", "result")),
    ("phone", "light", ("home",)),
    ("phone", "dark", ("share",)),
)
"""Which pictures the README shows."""


def take(browser: Browser, url: str, device: str, scheme: Scheme, wanted: tuple[str, ...]) -> None:
    """Leave a note in one light, and take the pages that somebody sees on the way."""
    size = DESKTOP if device == "desktop" else PHONE
    context = browser.new_context(viewport=size, color_scheme=scheme, java_script_enabled=False, device_scale_factor=1)
    page = context.new_page()

    def shot(name: str) -> None:
        if name in wanted:
            page.screenshot(path=PICTURES / f"{name}-{device}-{scheme}.png", full_page=device == "desktop")

    page.goto(url)
    shot("home")
    page.get_by_text("Write a note").click()
    page.fill("#note", "The photographs of Sunday.")
    page.fill("#downloads", "3")
    page.get_by_role("button", name="Leave it").click()
    shot("result")
    page.goto(page.locator("code.secret").first.inner_text())
    shot("share")
    context.close()


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with running(Path(folder), DROP_REPORT_CONTACT="abuse@example.org") as service:
            for device, scheme, wanted in LIGHTS:
                take(browser, service.url, device, scheme, wanted)


if __name__ == "__main__":
    main()
