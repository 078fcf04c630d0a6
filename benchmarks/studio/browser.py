"""A studio in a process of its own, and Chromium to visit it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = (
    "there is no Chromium: install the package `chromium` of your system, or run "
    "`python -m playwright install chromium`"
)
LIGHT, DARK = "light", "dark"
PHONE = (390, 844)
"""Width and height of a phone, in pixels."""
MONITOR = (1200, 900)


@contextmanager
def serving(*words: str) -> Iterator[tuple[str, int]]:
    """Run `gcgen studio` on a free port; yield its address and its process id.

    Args:
        *words: Further words of the command.
    """
    command = [sys.executable, "-m", "agents.cli.main", "studio", "--port", "0", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = None
        while found is None:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the studio has ended before it has printed its address")
            found = re.search(r"http://\S+", line)
        yield found.group(), process.pid
    finally:
        process.terminate()
        process.wait(120)  # a busy machine needs more than a moment


def find_chromium() -> str | None:
    """Return the path of an installed Chromium; None lets Playwright use its own."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


@contextmanager
def browsing() -> Iterator[Any]:
    """Start Chromium without a window; yield Playwright's browser.

    Raises:
        FileNotFoundError: If there is no Chromium on this machine.
    """
    from playwright.sync_api import Error, sync_playwright

    options = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=options)
        except Error as error:
            if "Executable doesn't exist" not in str(error):  # Playwright's own words
                raise
            raise FileNotFoundError(NO_BROWSER) from None
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Any, url: str, size: tuple[int, int] = MONITOR, scheme: str = LIGHT) -> Any:
    """Open the studio in a session of its own, and wait for the first proposals."""
    width, height = size
    page = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme
    ).new_page()
    page.goto(url, wait_until="commit")
    wait_for_proposals(page)
    return page


def wait_for_proposals(page: Any) -> None:
    """Wait until a new page shows its first proposals."""
    page.wait_for_selector("#draw-board [data-event]", timeout=300_000)


def open_tab(page: Any, name: str) -> None:
    """Choose a tab by its name."""
    page.get_by_role("tab", name=name, exact=True).click()


def choose(page: Any, board: str, rank: int) -> None:
    """Click the proposal of a rank, counted from 0, and wait for the next ones."""
    tiles = f"#{board} [data-event*='choose']"
    before = page.locator(tiles).first.get_attribute("data-event")
    page.locator(tiles).nth(rank).click()
    changed = "([tiles, before]) => document.querySelector(tiles)?.dataset.event !== before"
    page.wait_for_function(changed, arg=[tiles, before])


def wait_for(page: Any, part: str, text: str | re.Pattern[str]) -> None:
    """Wait until a part of the page holds a text, or one that a pattern matches."""
    page.locator(f"#{part}").get_by_text(text).first.wait_for(timeout=60_000)
