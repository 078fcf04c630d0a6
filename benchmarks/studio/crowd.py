"""Many sessions that click at once: are they mixed up, how fast are they, does memory grow?"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import psutil

from benchmarks.studio.browser import browsing, serving, wait_for_proposals

PLAYER = """
([seconds, seed]) => { window.report = null; (async () => {
  const end = performance.now() + 1000 * seconds;
  const wrong = [], times = [];
  let code = [], clicks = seed;
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const tiles = () => [...document.querySelectorAll("#draw-board [data-event*='choose']")];
  const read = () => {
    const text = document.querySelector("#draw-side .note")?.textContent ?? "";
    return text.slice(text.indexOf("["), text.indexOf("]") + 1);
  };
  const reach = async () => {
    const limit = performance.now() + 60000;
    while (performance.now() < limit) {
      if (read() === JSON.stringify(code).replaceAll(",", ", ")) return true;
      await sleep(2);
    }
    return false;
  };
  while (performance.now() < end) {
    const open = tiles();
    const start = performance.now();
    if (open.length) {
      const tile = open[(clicks++ * 7) % Math.min(open.length, 12)];
      code.push(JSON.parse(tile.dataset.event).value);
      tile.click();
    } else {
      code = [];
      document.querySelector("#draw-anew").click();
    }
    if (!await reach()) { wrong.push(`expected ${JSON.stringify(code)}, shown ${read()}`); break; }
    times.push(performance.now() - start);
    const toast = document.querySelector(".toast-body");
    if (toast) wrong.push(toast.textContent);
    await sleep(300 + 700 * Math.random());
  }
  window.report = { wrong, times };
})(); }
"""
"""Clicks in a session, and compares the code that is shown with its own clicks."""


class CrowdReport(NamedTuple):
    """What a crowd has seen."""

    wrong: list[str]
    """Errors, and codes that are not those of the session's own clicks."""
    milliseconds: list[float]
    """Time from each click to the next proposals."""
    megabytes: list[float]
    """Resident memory of the server, every ten seconds."""

    def describe(self) -> str:
        """Return the figures in three lines."""
        middle, most = np.percentile(self.milliseconds, [50, 95])
        memory = f"{self.megabytes[0]:.0f} MB at first, {self.megabytes[-1]:.0f} MB at the end"
        return (
            f"{len(self.milliseconds):,} clicks, {len(self.wrong)} wrong\n"
            f"median {middle:.0f} ms, 95 % within {most:.0f} ms\n"
            f"memory: {memory}, at most {max(self.megabytes):.0f} MB"
        )


def run_crowd(num: int, seconds: float) -> CrowdReport:
    """Start a studio, and let sessions click for a while; see `let_click`."""
    with browsing() as browser, serving("--seed", "0") as (url, pid):
        return let_click(browser, url, pid, num, seconds)


def let_click(browser: Any, url: str, pid: int, num: int, seconds: float) -> CrowdReport:
    """Let sessions click for a while.

    Args:
        browser: Playwright's browser.
        url: Address of the studio.
        pid: Its process id.
        num: Number of sessions, each with cookies and a state of its own.
        seconds: How long they click.
    """
    pages = [browser.new_context().new_page() for _ in range(num)]
    for page in pages:
        page.goto(url, wait_until="commit")
    for page in pages:
        wait_for_proposals(page)
    for seed, page in enumerate(pages):
        page.evaluate(PLAYER, [seconds, seed])
    memory, end = [], time.monotonic() + seconds
    server = psutil.Process(pid)
    while time.monotonic() < end:
        memory.append(server.memory_info().rss / 2**20)
        time.sleep(min(10, seconds))
    memory.append(server.memory_info().rss / 2**20)
    reports = [_wait(page) for page in pages]
    for page in pages:
        page.context.close()
    wrong = [text for report in reports for text in report["wrong"]]
    return CrowdReport(wrong, [t for report in reports for t in report["times"]], memory)


def _wait(page: Any) -> dict[str, Any]:
    """Wait until a session has ended; return what it has seen."""
    page.wait_for_function("() => window.report", timeout=300_000)
    return page.evaluate("() => window.report")
