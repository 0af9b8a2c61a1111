"""A person at a real browser: headless Chromium, driven by Playwright, at Keycloak's pages.

`browser.py URL NAME PASSWORD [SESSION]` goes there, logs in, agrees, and says on standard error what the
last page says. With SESSION, a file, the browser's cookies are read from it and kept in it: the
same browser again.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
AT_MOST_SECONDS = 90.0
OPTIONS = (
    "--no-sandbox",  # tests may be root, for whom Chromium has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# What a person presses: agree to a device, and the end of a session.
_BUTTONS = ('[name="accept"]', "#kc-logout")
_ON_ITS_WAY = 'input[name="SAMLResponse"], input[name="SAMLRequest"]'  # a page that posts itself


def chromium() -> str:
    """The machine's browser."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found is not None, "a browser is needed: apt-get install chromium"
    return found


def command(name: str, password: str, session: Path | None = None) -> str:
    """What `BROWSER` must be, so that this person is at the browser."""
    more = "" if session is None else f" {session}"
    return f"{sys.executable} {Path(__file__).resolve()} %s {name} {password}{more} &"


def person(url: str, name: str, password: str, session: Path | None = None) -> str:
    """Go there as that person does; the text of the last page."""
    words = [sys.executable, str(Path(__file__).resolve()), url, name, password]
    done = subprocess.run(
        [*words, *([str(session)] if session else [])],
        capture_output=True,
        text=True,
        timeout=AT_MOST_SECONDS + 60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stderr


def _drive(page: Page, name: str, password: str) -> None:
    """Do what each page asks of a person, until one asks nothing."""
    until = time.monotonic() + AT_MOST_SECONDS
    calm, entered = 0, False
    while calm < 2:  # a page that redirects by itself is not the last
        assert time.monotonic() < until, page.content()
        with contextlib.suppress(Error):  # it went on while it was looked at
            page.wait_for_load_state()
            if page.locator("#password").count() and not entered:
                entered = True  # once: a wrong one is not tried again
                page.fill("#username", name)
                page.fill("#password", password)
                page.click("#kc-login")
                calm = 0
            else:
                calm = 0 if _acted(page) else calm + 1
        page.wait_for_timeout(250)


def _acted(page: Page) -> bool:
    if page.locator(_ON_ITS_WAY).count():
        return True
    for button in _BUTTONS:
        if page.locator(button).count():
            page.click(button)
            return True
    return False


def main(url: str, name: str, password: str, session: str | None = None) -> None:
    """One visit."""
    kept = session if session is not None and Path(session).exists() else None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(OPTIONS))
        try:
            context = browser.new_context(storage_state=kept)
            page = context.new_page()
            page.goto(url)
            _drive(page, name, password)
            sys.stderr.write(page.locator("body").inner_text())  # the login's own is its agent's
            if session is not None:
                context.storage_state(path=session)
        finally:
            browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
