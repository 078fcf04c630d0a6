"""References: searches against enumeration, what ships, and what a changed task does to it."""

import itertools
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.baselines import GreedyAgent
from agents.benchmark import references
from agents.benchmark.references import (
    describe_task,
    find_references,
    list_differences,
    make_evaluation,
    update_references,
)
from agents.benchmark.tasks import SUITE_IDS, TASKS
from agents.common.evaluation import evaluate_agent
from agents.gcgen.search import beam_search
from agents.gcgen.search_agent import SearchAgent
from agents.gcgen.two_step import two_step_search
from gcgen_env.config import EnvConfig
from gcgen_env.model.build import make_chain, open_data
from gcgen_env.tasks import ENV_CONFIGS

PLANE = "GCGen-PlaneFineToCoarse-v0"


def make_small(num_proposals=4, horizon=4, **kwargs):
    """Return a chain of points and three goals."""
    config = EnvConfig(
        dataset="two_moons", num_proposals=num_proposals, horizon=horizon, sigma=0.1, **kwargs
    )
    data = open_data(config)
    goal = torch.from_numpy(data.split("test").take(range(3)))
    return make_chain(config, data, "cpu"), goal


def play(chain, goal, code):
    """Return the potential log p(g | x_H) of one code, shape (B,)."""
    canvas = chain.dynamics.start(len(goal))
    for h, action in enumerate(code):
        step, chosen = (torch.full((len(goal),), value) for value in (h, action))
        canvas = chain.choose(canvas, step, chosen)
    return chain.likelihood.log_prob(canvas, goal)


def enumerate_best(chain, goal, codes):
    """Return the largest potential over codes, shape (B,)."""
    return torch.stack([play(chain, goal, code) for code in codes]).amax(0)


def measure(chain, goal, found):
    """Return the potential of one code for each goal."""
    return torch.stack(
        [play(chain, g[None], c.tolist())[0] for g, c in zip(goal, found, strict=True)]
    )


def test_a_beam_of_all_paths_is_exact():
    chain, goal = make_small()
    found = beam_search(chain, goal, width=4**3, prior=False)
    best = enumerate_best(chain, goal, itertools.product(range(4), repeat=4))
    torch.testing.assert_close(measure(chain, goal, found), best)


def test_a_beam_without_repetition_is_exact_among_permutations():
    chain, goal = make_small(5)
    found = beam_search(replace(chain, single_use=True), goal, width=5**3, prior=False)
    assert all(len(set(code)) == 4 for code in found.tolist())
    best = enumerate_best(chain, goal, itertools.permutations(range(5), 4))
    torch.testing.assert_close(measure(chain, goal, found), best)


@pytest.mark.parametrize("single_use", [False, True])
def test_two_steps_are_exact_for_two_decisions(single_use):
    chain, goal = make_small(4, 2)
    found = two_step_search(replace(chain, single_use=single_use), goal)
    kind = itertools.permutations if single_use else itertools.product
    codes = kind(range(4), 2) if single_use else kind(range(4), repeat=2)
    torch.testing.assert_close(measure(chain, goal, found), enumerate_best(chain, goal, codes))


def test_one_decision_is_greedy():
    chain, goal = make_small(8, 1)
    best = enumerate_best(chain, goal, itertools.product(range(8)))
    torch.testing.assert_close(measure(chain, goal, two_step_search(chain, goal)), best)


def test_no_action_pays_by_being_repeated():
    best = find_references("GCGen-DigitsOnce-v0")["best"]["gain"]
    envs = make_evaluation("GCGen-DigitsOnce-v0", obs_mode="compact")
    for action in range(16):  # seven of its eight choices are invalid
        envs.reset(seed=0)
        gain = sum(envs.step(np.full(64, action))[1] for _ in range(8))  # (64,)
        assert gain.mean() / best < -3  # 0 is doing nothing, and random play has -4.5


def test_a_single_use_search_plays_valid_actions_only():
    envs = make_evaluation("GCGen-DigitsOnce-v0", 8)
    for search in (two_step_search, partial(beam_search, width=4, prior=False)):
        agent = SearchAgent(envs.episodes.chain, search)
        assert not evaluate_agent(agent, envs, 8, 0).invalid_actions.any()


@pytest.mark.parametrize("env", TASKS)
def test_references_ship_for_every_task(env):
    found = find_references(env)
    gains = {name: each["gain"] for name, each in found.items()}
    assert list(gains) == ["random", "greedy", "two_step", "beam_16", "best"]
    assert max(gains.values()) == gains["best"] > 0 and gains["random"] < gains["greedy"]
    assert all(len(each["success"]) == len(TASKS[env].thresholds) for each in found.values())
    assert ENV_CONFIGS[env].success_threshold in TASKS[env].thresholds


@pytest.mark.parametrize("env", SUITE_IDS)
def test_the_suite_leaves_room_above_greedy(env):
    found, task = find_references(env), TASKS[env]
    best, greedy, random = (found[name] for name in ("best", "greedy", "random"))
    headroom = (best["gain"] - greedy["gain"]) / best["gain"]
    at = task.thresholds.index(ENV_CONFIGS[env].success_threshold)
    gap = best["success"][at] - greedy["success"][at]
    assert headroom >= 0.2 or gap >= 0.3
    assert random["gain"] < greedy["gain"] - 0.5 * best["gain"]


def test_greedy_is_what_ships():
    envs = make_evaluation(PLANE, obs_mode="pixels")
    stats = evaluate_agent(GreedyAgent(envs), envs, references.EPISODES, references.SEED)
    shipped = find_references(PLANE)["greedy"]
    assert stats.gain.mean() == pytest.approx(shipped["gain"], abs=1e-3)
    assert stats.distance.mean() == pytest.approx(shipped["distance"], abs=1e-5)


def test_a_changed_task_has_no_references(tmp_path, monkeypatch):
    path = tmp_path / "references.json"
    with pytest.raises(ValueError, match=f"{PLANE} has no references: run gcgen benchmark"):
        find_references(PLANE, path)
    document = {PLANE: {"task": {**describe_task(PLANE), "sigma": 1.0}, "references": {}}}
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=f"{PLANE} has changed since its references"):
        find_references(PLANE, path)


def test_new_references_are_written_beside_others(tmp_path, monkeypatch):
    path = tmp_path / "references.json"
    path.write_text('{"other": 1}')
    monkeypatch.setattr(references, "EPISODES", 16)
    monkeypatch.setattr(references, "make_evaluation", partial(make_evaluation, num_envs=16))
    small = TASKS[PLANE].__class__((0.02,), 4)
    monkeypatch.setitem(TASKS, PLANE, small)
    entry = update_references(PLANE, path)
    assert list(json.loads(path.read_text())) == ["other", PLANE]
    assert find_references(PLANE, path) == entry["references"] and not entry["exact"]
    assert list_differences(PLANE, entry) == [
        f"{PLANE} has changed since its references: run gcgen benchmark references --envs {PLANE}, "
        f"and copy its entry of the file that this writes to {references.FILE}"
    ]
    assert np.isfinite([each["gain"] for each in entry["references"].values()]).all()


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("best", 0.002, "best ships with 65.865 nats, computed 65.867"),
        ("two_step", 0.3, ""),
        ("beam_16", -0.4, "beam_16 ships with"),
        ("random", -0.002, "random ships with"),
    ],
)
def test_differences_are_named(name, change, found):
    entry = json.loads(references.FILE.read_text())[PLANE]
    assert list_differences(PLANE, entry) == []
    entry["references"][name]["gain"] += change
    differences = list_differences(PLANE, entry)
    assert len(differences) == bool(found) and found in "".join(differences)
    entry["goals"] = "others"
    assert f"{PLANE}: the test goals are others" in list_differences(PLANE, entry)


def read_rows(env):
    """Return the cells of the two rows of an id in docs/suite.md."""
    page = (Path(__file__).parents[3] / "docs" / "suite.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith((f"| `{env}`", f"| [`{env}`]"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("env", SUITE_IDS)
def test_the_page_of_the_suite_says_what_the_code_does(env):
    config, found = ENV_CONFIGS[env], find_references(env)
    described, measured = read_rows(env)
    assert described[1].replace(" ", "_") == config.dataset
    assert described[2:4] == [str(config.num_proposals), str(config.horizon)]
    assert described[5] == f"{config.success_threshold:g}"
    gains = [each["gain"] for each in found.values()]
    shown = [float(cell.split(" ")[0]) for cell in measured[1:6]]
    assert shown == pytest.approx(gains, abs=0.051)
    assert measured[6] == f"{(gains[4] - gains[1]) / gains[4]:.0%}"
