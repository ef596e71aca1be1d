"""A real browser for the tests of the page: Debian's chromium (see chromium.sh), driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
"""Where pictures of the page are kept, for people to look at."""

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str | None:
    """Return the browser's path, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def missing_for_chromium() -> str | None:
    """Return why no browser can be started here, or None."""
    if find_spec("playwright") is None:
        return "needs Playwright, which is not installed: `make dev`"
    if executable() is None:
        return "needs chromium, which is not installed: `apt-get install chromium`, or `make dev` as root"
    return None


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Start a headless browser; its profile is new and thrown away. As root it has no sandbox of its own."""
    from playwright.sync_api import sync_playwright

    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(), headless=True, args=[*FLAGS, *as_root]
        )
        yield browser
        browser.close()
