"""The references of each task: what searches reach on the goals of the evaluation.

They ship in `references.json`, so that every study has the same scale. `gcgen benchmark
references` computes them again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from agents.baselines import GreedyAgent, RandomAgent
from agents.benchmark.tasks import EPISODES, SEED, find_task
from agents.common.evaluation import Agent, EpisodeStats, evaluate_agent
from agents.common.provenance import find_commit
from agents.gcgen.search import beam_search
from agents.gcgen.search_agent import SearchAgent
from agents.gcgen.two_step import two_step_search
from gcgen_env.atomic_files import read_json, write_json
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.tasks import ENV_CONFIGS
from gcgen_env.vector_env import GCGenVectorEnv

FILE = Path(__file__).with_name("references.json")
"""The references that ship."""
ROUNDED = ("two_step", "beam_16")
"""References that rounding may change a little."""
TIES = 5e-3
"""What they may differ by, as a share of the best gain."""
EQUAL = 1e-3
"""What the other references may differ by, in nats."""
IRRELEVANT = ("max_bytes", "data_dir", "device")
"""Settings of an environment that change no result."""


def describe_task(env: str) -> dict[str, Any]:
    """Return everything that decides the references of an id, as JSON values.

    Raises:
        ValueError: If the id is no task of the benchmark.
    """
    task, config = find_task(env), vars(ENV_CONFIGS[env])
    found = {k: v for k, v in config.items() if k not in IRRELEVANT} | task.env_kwargs
    own = {"weights": hash_weights(env), "thresholds": task.thresholds, "width": task.width}
    return json.loads(json.dumps({**found, **own, "episodes": EPISODES, "seed": SEED}))


@cache  # shipped weights do not change while a study runs
def hash_weights(env: str) -> str | None:
    """Return the hash of the S-agent that is shipped for a task; None if it has none."""
    find_task(env)  # raises if it is unknown
    config = ENV_CONFIGS[env]
    if config.proposer != "pretrained":
        return None
    return hashlib.sha256(pretrained_path(config.dataset).read_bytes()).hexdigest()[:12]


def compute_references(env: str) -> dict[str, Any]:
    """Play the goals of the evaluation with random actions and with searches.

    Args:
        env: Id of a task.

    Returns:
        The task, the commit, a hash of the goals, whether the best known codes are exact, and for
        each reference the mean gain in nats, the mean distance, and the share of successes at each
        threshold.
    """
    task = find_task(env)
    envs = make_evaluation(env, obs_mode="pixels")
    config = envs.config
    agents = make_players(env, envs)
    stats = {
        name: evaluate_agent(agent, envs, EPISODES, SEED, deterministic=name != "random")
        for name, agent in agents.items()
    }
    enumerates = task.width >= config.num_proposals ** (config.horizon - 1)
    return {
        "task": describe_task(env),
        "commit": find_commit(),
        "goals": hash_goals(envs),
        "exact": bool(enumerates or (stats["best"].distance == 0).all()),
        "references": {name: summarise(each, env) for name, each in stats.items()},
    }


def hash_goals(envs: GCGenVectorEnv) -> str:
    """Return the hash of all images that goals are drawn from, to six decimals."""
    dataset = envs.episodes.goals.dataset
    images = dataset.take(np.arange(len(dataset)))
    return hashlib.sha256(np.round(images, 6).tobytes()).hexdigest()[:12]


def make_players(env: str, envs: GCGenVectorEnv) -> dict[str, Agent]:
    """Return the agents whose play is a reference, by name; `envs` has `obs_mode="pixels"`."""
    chain, beam = envs.episodes.chain, partial(beam_search, prior=False)
    searches: dict[str, Callable[..., Any]] = {
        "two_step": two_step_search,
        "beam_16": partial(beam, width=16),
        "best": partial(beam, width=find_task(env).width),
    }
    agents: dict[str, Agent] = {"random": RandomAgent(0), "greedy": GreedyAgent(envs)}
    return agents | {name: SearchAgent(chain, search) for name, search in searches.items()}


def make_evaluation(env: str, num_envs: int = 64, **kwargs: Any) -> GCGenVectorEnv:
    """Build the environments of an evaluation: test images, every round begins with `reset`."""
    kwargs = {**find_task(env).env_kwargs, "split": "test", **kwargs}
    envs = gym.make_vec(env, num_envs=num_envs, autoreset_mode="Disabled", **kwargs)
    assert isinstance(envs, GCGenVectorEnv)  # what the ids register as vector environment
    return envs


def summarise(stats: EpisodeStats, env: str) -> dict[str, Any]:
    """Return the means of an evaluation: gain in nats, distance, successes at the thresholds."""
    reached = stats.distance[:, None] <= np.array(find_task(env).thresholds)  # (E, thresholds)
    return {
        "gain": float(stats.gain.mean()),
        "distance": float(stats.distance.mean()),
        "success": reached.mean(0).tolist(),
    }


def find_references(env: str, path: Path = FILE) -> dict[str, Any]:
    """Return the frozen references of a task: for each the gain, distance and success.

    Raises:
        ValueError: If the id is no task, has none, or they belong to another task.
    """
    find_task(env)
    entry = read_json(path).get(env) if path.is_file() else None
    if entry is None or entry["task"] != describe_task(env):
        why = "has no references" if entry is None else "has changed since its references"
        raise ValueError(
            f"{env} {why}: run gcgen benchmark references --envs {env}, and copy its entry of the "
            f"file that this writes to {path}"
        )
    return entry["references"]


def is_exact(env: str, path: Path = FILE) -> bool:
    """Return whether no code gains more than the best known ones of a task."""
    return bool(read_json(path)[env]["exact"])


def list_differences(env: str, entry: dict[str, Any]) -> list[str]:
    """Return how new references of a task differ from those that ship, one sentence each.

    Equal gains are told apart by rounding, which depends on the processor, and a search that is
    not exhaustive then goes another way: such references may differ by `TIES` of the best gain.
    """
    try:
        shipped = find_references(env)
    except ValueError as error:
        return [str(error)]
    known = read_json(FILE)[env]
    found = [] if known["goals"] == entry["goals"] else [f"{env}: the test goals are others"]
    ties = TIES * shipped["best"]["gain"]
    for name, new in entry["references"].items():
        gain = shipped[name]["gain"] if name in shipped else math.nan
        allowed = ties if name in ROUNDED else EQUAL
        if not abs(gain - new["gain"]) <= allowed:
            found.append(f"{env}: {name} ships with {gain:.3f} nats, computed {new['gain']:.3f}")
    return found


def update_references(env: str, path: Path = FILE) -> dict[str, Any]:
    """Compute the references of a task, write them beside those of other tasks; return them."""
    entry = compute_references(env)
    known = read_json(path) if path.is_file() else {}
    write_json(path, {**known, env: entry})
    return entry
