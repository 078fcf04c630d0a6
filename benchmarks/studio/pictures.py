"""Makes the pictures of docs/studio.md: each mode of the studio, on a monitor and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.studio.browser import (
    DARK,
    LIGHT,
    MONITOR,
    PHONE,
    browsing,
    choose,
    open_page,
    open_tab,
    serving,
    wait_for,
)

COLOURS = 128
"""Colours of a picture: with more of them the files are larger and look no better."""


def draw(page: Any) -> None:
    """Make four choices, go back, and leave a branch."""
    for rank in (12, 3, 1, 0):
        choose(page, "draw-board", rank)
    page.locator("#draw-side [data-event*='\"go\"']").nth(1).click()
    wait_for(page, "draw-board", "Step 2 of")
    for rank in (9, 1):
        choose(page, "draw-board", rank)


def let_it_draw(page: Any) -> None:
    """Let it draw for a while."""
    page.click("#draw-play")
    wait_for(page, "draw-board", re.compile(r"Step (5|6|7|8|9) of"))  # a slow page skips steps
    page.click("#draw-stop")
    page.wait_for_timeout(1000)


def copy(page: Any) -> None:
    """Copy an image of the test set by the largest gains."""
    open_tab(page, "Copy")
    page.click("#copy-test")
    wait_for(page, "copy-board", "Step 1 of")
    for step in range(2, 12):
        page.locator("#copy-board .best").click()
        wait_for(page, "copy-board", re.compile(rf"Step {step} of|Complete"))
    page.locator("#copy-side [data-event*='\"go\"']").nth(5).click()
    wait_for(page, "copy-board", "Step 6 of")


def guide(page: Any) -> None:
    """Hide the lower half of an image, and ask for a class."""
    open_tab(page, "Guide")
    page.click("#guide-test")
    page.wait_for_selector("#guide-pad canvas")
    page.click("#guide-half")
    page.wait_for_timeout(500)
    page.click("#guide-go")
    wait_for(page, "guide-answers", "best one first")


def code(page: Any) -> None:
    """Look at a code, and slide to another one."""
    open_tab(page, "Code")
    page.click("#code-test")
    wait_for(page, "code-sheet", "Choice 1 of")
    page.click("#code-other")
    wait_for(page, "code-walk", "position 0")
    page.locator("#code-sheet .digit").nth(3).click()
    wait_for(page, "code-sheet", "Choice 4 of")


def atlas(page: Any) -> None:
    """Look at the first choices."""
    open_tab(page, "Atlas")
    wait_for(page, "atlas-tree", "After 0 of")


def plane(page: Any) -> None:
    """Copy a point of the plane."""
    page.click("#model input")
    page.get_by_role("option", name="Toy2D").click()
    page.wait_for_selector("#draw-board .plane")
    open_tab(page, "Copy")
    page.click("#copy-test")
    wait_for(page, "copy-board", "Step 1 of")
    choose(page, "copy-board", 1)


SCENES: dict[str, tuple[Callable[[Any], None], tuple[int, int], str]] = {
    "draw": (draw, MONITOR, LIGHT),
    "let_it_draw": (let_it_draw, MONITOR, DARK),
    "copy": (copy, MONITOR, LIGHT),
    "guide": (guide, MONITOR, LIGHT),
    "code": (code, MONITOR, LIGHT),
    "atlas": (atlas, MONITOR, LIGHT),
    "plane": (plane, MONITOR, LIGHT),
    "phone": (draw, PHONE, DARK),
}
"""What is done before each picture, the size of the window, and its colours."""


def take_picture(name: str, out: Path) -> None:
    """Write the picture of a scene as a PNG."""
    scene, size, scheme = SCENES[name]
    with browsing() as browser, serving("--seed", "0") as (url, _):
        page = open_page(browser, url, size, scheme)
        scene(page)
        page.wait_for_timeout(500)
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
        out.parent.mkdir(parents=True, exist_ok=True)
        picture.quantize(COLOURS).save(out, optimize=True)
