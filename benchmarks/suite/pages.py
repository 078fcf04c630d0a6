"""Writes a page for each task of the suite: tables from the code, figures from the plays.

python -m benchmarks.suite.pages
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import gymnasium as gym

from agents.benchmark.references import FILE, find_references
from agents.benchmark.results import markdown
from agents.benchmark.tasks import SUITE_IDS, find_task
from benchmarks.suite.pictures import name_page
from benchmarks.suite.plays import read_rows
from benchmarks.suite.texts import TEXTS
from gcgen_env.atomic_files import read_json, write_bytes
from gcgen_env.config import EnvConfig
from gcgen_env.tasks import ENV_CONFIGS

FOLDER = Path(__file__).parents[2] / "docs" / "suite"
"""Where the pages lie."""
COLUMNS = 120
"""Most characters of a line."""
CAPTION = (
    "Above, what can be chosen; in the middle, how the references play one goal, on which greedy "
    "look-ahead loses about its average; below, mean scores after each decision (0 "
    "is doing nothing, 1 the best known). Everything is played on the test goals."
)
NAMES = {"random": "random", "greedy": "greedy", "two_step": "two-step", "beam_16": "beam 16"}
"""Names of the references; the best known codes have a longer one."""


def draw_page(env: str) -> str:
    """Return the page of a task."""
    text, name = TEXTS[env], name_page(env)
    lines = [
        *(f"# `{env}`", "", _wrap(text.what), ""),
        *(f"![The task and how it is played](../images/suite_{name}.png)", "", _wrap(CAPTION), ""),
        *markdown(("", ""), list_settings(env)),
        *("", "## What is hard about it", "", _wrap(text.hard.format(**find_facts(env))), ""),
        *("## References", "", _wrap(_introduce(env)), "", *_tabulate(env), ""),
        "What algorithms reach is on [benchmark.md](../benchmark.md), all tasks on "
        "[suite.md](../suite.md).",
    ]
    return "\n".join(lines) + "\n"


def list_settings(env: str) -> list[tuple[str, str]]:
    """Return the names and values of a task's settings."""
    config = ENV_CONFIGS[env]
    with gym.make(env) as made:
        action, spaces = made.action_space, made.observation_space
    assert isinstance(spaces, gym.spaces.Dict)
    seen = ", ".join(f"`{key}` {tuple(space.shape or ())}" for key, space in spaces.items())
    noise = f"Gaussian, sigma {config.sigma:g}" if config.likelihood == "gaussian" else "Bernoulli"
    return [
        ("make", f'`gym.make("gcgen_env:{env}")`'),
        ("action space", f"`{action}`"),
        ("observation space", f"{seen}; without `proposals` in the tracks without previews"),
        ("proposals A, decisions H", f"{config.num_proposals}, {config.horizon}"),
        ("data", f"`{config.dataset}`; training goals by default, test goals for scores"),
        ("likelihood", noise),
        ("reward", "change of log p(goal given image), in nats; 0 or -1 in the track `sparse`"),
        ("success", f"distance of at most {config.success_threshold:g} (root mean squared error)"),
        ("other settings", ", ".join(_list_others(config)) or "none"),
    ]


def _list_others(config: EnvConfig) -> list[str]:
    """Return settings of a task that differ from the defaults and stand nowhere else."""
    names = ("rate", "initial_state", "proposer", "single_use", "invalid_action")
    default = vars(EnvConfig())
    values = {k: vars(config)[k] for k in names if vars(config)[k] != default[k]}
    if "rate" in values and not isinstance(values["rate"], float):
        values["rate"] = [round(each, 2) for each in values["rate"]]
    return [f"`{name}={value!r}`" for name, value in values.items()]


def find_facts(env: str) -> dict[str, Any]:
    """Return the figures that the words of a page may name."""
    config, found, task = ENV_CONFIGS[env], find_references(env), find_task(env)
    at = task.thresholds.index(config.success_threshold)
    best = found["best"]["gain"]
    facts: dict[str, Any] = {"threshold": config.success_threshold}
    for name, each in found.items():
        facts |= {f"{name}_score": each["gain"] / best, f"{name}_success": each["success"][at]}
    rows = [row for row in read_rows() if row["env"] == env]
    gains = {n: [float(r["gain"]) for r in rows if r["play"] == n] for n in ("greedy", "best")}
    for name, curve in gains.items():
        for h, gain in enumerate(curve):
            facts |= {f"{name}_{h}": gain, f"{name}_loss_{h}": -gain}
            facts[f"{name}_score_{h}"] = gain / best
    pairs = list(zip(gains["greedy"], gains["best"], strict=True))
    lead = max(h for h, (greedy, other) in enumerate(pairs) if greedy >= other)
    low_at = gains["best"].index(min(gains["best"]))
    same = next(r for r in rows if r["play"] == "greedy" and r["decisions"] == "1")["same_choice"]
    return facts | {
        "lead": lead,
        "passed": lead + 1,
        "low_at": low_at,
        "low": gains["best"][low_at] / best,
        "first": 1 - float(same),
        "shortfall": best - found["greedy"]["gain"],
        "headroom": 1 - found["greedy"]["gain"] / best,
    }


def _introduce(env: str) -> str:
    """Return what the table of references needs to be understood."""
    thresholds = ", ".join(f"{each:g}" for each in find_task(env).thresholds)
    return (
        "Means over the 256 test goals of every evaluation: gain in nats, score, distance, and the "
        f"share of goals within {thresholds} of which the last image lies."
    )


def _tabulate(env: str) -> list[str]:
    """Return the table of references."""
    entry, task = read_json(FILE)[env], find_task(env)
    best = find_references(env)["best"]["gain"]
    names = {**NAMES, "best": f"best known ({describe_best(entry, task.width)})"}
    rows = [
        (
            *(names[name], f"{each['gain']:.1f}", f"{each['gain'] / best:.2f}"),
            *(f"{each['distance']:.3f}", *(f"{share:.2f}" for share in each["success"])),
        )
        for name, each in entry["references"].items()
    ]
    header = ("play", "gain", "score", "distance", *(f"within {t:g}" for t in task.thresholds))
    return markdown(header, rows)


def describe_best(entry: dict[str, Any], width: int) -> str:
    """Return how the best known codes were found."""
    return "exact" if entry["exact"] else f"beam {width:,}"


def _wrap(text: str) -> str:
    """Break a paragraph into lines."""
    return textwrap.fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False)


def write_pages() -> None:
    """Write the pages of all tasks."""
    for env in SUITE_IDS:
        write_bytes(FOLDER / f"{name_page(env)}.md", draw_page(env).encode())


if __name__ == "__main__":
    write_pages()
