"""The page in Chromium: every mode, keyboard, uploads, sessions, widths and colours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from agents import GCGen
from tests.agents.studio.test_given import make_bomb

pytestmark = pytest.mark.extra
pytest.importorskip("gradio")
pytest.importorskip("playwright")

from benchmarks.studio.browser import (  # noqa: E402
    DARK,
    LIGHT,
    MONITOR,
    NO_BROWSER,
    PHONE,
    browsing,
    choose,
    open_page,
    open_tab,
    serving,
    wait_for,
)
from benchmarks.studio.crowd import let_click  # noqa: E402
from benchmarks.studio.pictures import SCENES  # noqa: E402

CONTRASTS = (Path(__file__).parent / "contrasts.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def served():
    with serving("--seed", "0") as found:
        yield found


@pytest.fixture(scope="module")
def url(served):
    return served[0]


@pytest.fixture(scope="module")
def browser():
    try:
        with browsing() as found:
            yield found
    except FileNotFoundError as error:
        pytest.fail(str(error), pytrace=False)  # a sentence is enough


@pytest.fixture
def page(browser, url):
    opened = open_page(browser, url)
    yield opened
    opened.context.close()


def read_code(page, part="draw-side"):
    return json.loads(page.locator(f"#{part} .note").first.inner_text().split("]")[0][5:] + "]")


@pytest.mark.parametrize("name", SCENES)
def test_every_mode_works_and_fetches_nothing_from_elsewhere(browser, url, name):
    scene, size, scheme = SCENES[name]
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    page = context.new_page()
    hosts, errors = set(), []
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.goto(url)
    page.wait_for_selector("#draw-board [data-event]", timeout=60_000)
    scene(page)
    context.close()
    assert {host for host in hosts if host} == {url.split("/")[2]}  # data: has no host
    assert errors == []


def test_a_missing_browser_is_named_in_one_sentence(tmp_path):
    code = "from benchmarks.studio.__main__ import main; main()"
    places = {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **places}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == NO_BROWSER
    assert "Traceback" not in done.stderr


def test_the_server_listens_on_this_machine_alone(url):
    assert url.startswith("http://127.0.0.1:")


def test_the_keyboard_is_enough(page):
    page.locator("#draw-board .tile").first.focus()
    page.keyboard.press("3")
    wait_for(page, "draw-board", "Step 2 of")
    page.keyboard.press("ArrowRight")
    second = json.loads(page.evaluate("document.activeElement.dataset.event"))["value"]
    page.keyboard.press("Enter")
    wait_for(page, "draw-board", "Step 3 of")
    assert read_code(page)[1] == second
    page.keyboard.press("Backspace")
    wait_for(page, "draw-board", "Step 2 of")


def test_sessions_are_not_mixed_up(browser, url):
    pages = [open_page(browser, url) for _ in range(2)]
    for rank in (0, 1):
        for number, page in enumerate(pages):
            choose(page, "draw-board", rank + 5 * number)
    codes = [read_code(page) for page in pages]
    assert codes[0] != codes[1] and list(map(len, codes)) == [2, 2]
    for page in pages:
        page.context.close()


def test_a_drawing_is_saved_and_opened_again(page, tmp_path):
    for _ in range(2):
        choose(page, "draw-board", 2)
    code = read_code(page)
    page.get_by_text("Save this drawing").click()
    page.locator("#draw-form").get_by_text("json").click()
    page.click("#draw-save")
    with page.expect_download() as download:
        page.locator("#draw-saved a").first.click()
    path = tmp_path / "drawing.json"
    download.value.save_as(path)
    assert json.loads(path.read_text())["code"] == code
    page.click("#draw-anew")
    wait_for(page, "draw-board", "Step 1 of")
    page.locator("input[type=file]").first.set_input_files(path)
    wait_for(page, "draw-board", "Step 3 of")
    assert read_code(page) == code


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bomb.png", make_bomb(), "bomb.png: image too large"),
        ("../../evil.png", b"hello", "not a readable image"),
        ("huge.png", b"\0" * (9 << 20), "size"),
    ],
)
def test_hostile_uploads_get_one_sentence_and_the_page_goes_on(page, name, content, message):
    open_tab(page, "Copy")
    upload = {"name": name, "mimeType": "image/png", "buffer": content}
    page.locator("#copy-upload").locator("xpath=..").locator("input[type=file]").set_input_files(
        upload
    )
    page.get_by_text(message).first.wait_for(timeout=60_000)
    page.click("#copy-test")
    wait_for(page, "copy-board", "Step 1 of")


def test_a_picture_can_be_uploaded_as_a_goal(page, tmp_path):
    Image.new("RGB", (50, 30), "white").save(tmp_path / "white.jpg")
    open_tab(page, "Copy")
    page.locator("#copy-upload").locator("xpath=..").locator("input[type=file]").set_input_files(
        tmp_path / "white.jpg"
    )
    wait_for(page, "copy-board", "Step 1 of")


def test_a_goal_can_be_drawn_with_the_mouse(page):
    open_tab(page, "Copy")
    page.get_by_text("Draw a goal with the mouse").click()
    canvas = page.locator("#copy-pad canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 200, steps=4)
    page.mouse.up()
    wait_for(page, "copy-board", "Step 1 of")


@pytest.mark.parametrize("end", ["pointerup", "pointercancel"])
def test_a_stroke_that_is_cancelled_counts_as_well(page, end):
    """Pens and touch screens end a stroke with "pointercancel"."""
    open_tab(page, "Copy")
    page.get_by_text("Draw a goal with the mouse").click()
    canvas = page.locator("#copy-pad canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 200, steps=4)
    canvas.evaluate(
        "(node, end) => node.dispatchEvent(new PointerEvent(end, {isPrimary: true}))", end
    )
    wait_for(page, "copy-board", "Step 1 of")


@pytest.mark.parametrize("size", [MONITOR, PHONE], ids=["monitor", "phone"])
@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_text_has_contrast_and_nothing_is_cut(browser, url, size, scheme):
    page = open_page(browser, url, size, scheme)
    for name in ("Draw", "Copy", "Guide", "Code", "Atlas"):
        if size == MONITOR:  # on a phone the last tabs are in a menu
            open_tab(page, name)
            page.wait_for_timeout(800)
        assert page.evaluate(CONTRASTS) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    page.context.close()


def test_a_few_sessions_click_at_once(browser, served):
    report = let_click(browser, *served, 3, 10)
    assert report.wrong == []
    assert len(report.milliseconds) > 10


def test_a_model_opens_a_studio_of_its_own(browser):
    model = GCGen("GCPolicy", "GCGen-Digits-v0", s_agent="pretrained", seed=0)
    server = model.studio(inline=False)
    try:
        page = open_page(browser, server.url)
        assert page.locator("#draw-board .tile").count() == 16
        page.context.close()
    finally:
        server.close()
