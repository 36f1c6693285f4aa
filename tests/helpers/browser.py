"""A real browser for tests: headless Chromium, driven by Playwright."""

import contextlib
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# It asks nobody for anything, and starts from an empty profile.
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def browser():
    """A Playwright `Browser`; skips the test where there is none.

    Example:
        >>> with browser() as chromium:
        ...     page = chromium.new_page()
    """
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed"
    )
    paths = [path for name in NAMES if (path := shutil.which(name))]
    if not paths:
        pytest.skip("there is no Chromium; install the package chromium")
    with playwright.sync_playwright() as driver:
        # Playwright makes a profile of its own for each start.
        chromium = driver.chromium.launch(
            executable_path=paths[0], args=list(SWITCHES), headless=True
        )
        try:
            yield chromium
        finally:
            chromium.close()


class Console:
    """What a page complains of: errors, and files that were refused.

    Args:
        page: a Playwright `Page`.

    Attributes:
        lines: list of str, to be empty where all is well.
    """

    def __init__(self, page):
        self.lines = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.lines.append(str(error)))

    def _heard(self, message):
        if message.type in ("error", "warning"):
            self.lines.append(message.text)
