"""Measures the offline algorithms on data of every behaviour policy, and writes one table.

python -m benchmarks.offline --env GCGen-DigitsAtoms16-v0 --episodes 5000 --out offline.csv
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import gymnasium as gym
import torch

from agents.benchmark.references import find_references, make_evaluation, summarise
from agents.benchmark.scores import normalise
from agents.benchmark.tasks import EPISODES, SEED, SUITE_IDS
from agents.common.evaluation import evaluate_agent
from agents.offline.behaviour_names import Behaviour
from agents.offline.behaviours import find_obs_mode, make_behaviour
from agents.offline.collect import NUM_ENVS, collect_episodes
from agents.offline.episode_data import EpisodeData, join_rounds
from agents.offline.gcbc import GCBC
from agents.offline.gciql import GCIQL

METHODS: dict[str, tuple[Any, int, dict[str, Any]]] = {
    "gcbc": (GCBC, 2_500, {}),
    "gcbc+hindsight": (GCBC, 2_500, {"hindsight": 1.0, "goal_selection_strategy": "final"}),
    "gciql": (GCIQL, 2_000, {}),
}
"""Class, gradient steps and hyperparameters of each line."""
FIELDS = ("env", "behaviour", "method", "seed", "data", "score", "gain", "success", "cpu_seconds")


def collect(env: str, behaviour: Behaviour, episodes: int, seed: int) -> EpisodeData:
    """Collect episodes of a behaviour policy on training goals, in memory."""
    mode = find_obs_mode(behaviour)
    envs = gym.make_vec(env, num_envs=NUM_ENVS, autoreset_mode="Disabled", obs_mode=mode)
    agent = make_behaviour(behaviour, envs, seed)  # type: ignore[arg-type]
    return join_rounds(collect_episodes(agent, envs, episodes, seed))  # type: ignore[arg-type]


def measure(env: str, behaviour: Behaviour, episodes: int, seed: int) -> list[dict[str, Any]]:
    """Train every method on the data of one behaviour policy; return a row for each."""
    data, envs = collect(env, behaviour, episodes, seed), make_evaluation(env, obs_mode="compact")
    best, rows = find_references(env)["best"]["gain"], []
    of_data = float(data.reward.sum(1).mean()) / best
    for name, (method, steps, options) in METHODS.items():
        start = time.process_time()
        model = method(envs, data, seed=seed, device="cpu", learning_rate=1e-3, **options)
        model.learn(steps)
        cpu = time.process_time() - start
        means = summarise(evaluate_agent(model, envs, EPISODES, SEED, deterministic=True), env)
        score = float(normalise(means["gain"], best))
        row = (env, behaviour, name, seed, of_data, score, means["gain"], means["success"], cpu)
        rows.append(dict(zip(FIELDS, row, strict=True)))
        print(f"{behaviour}, {name}: score {score:.3f}, of the data {of_data:.3f}", flush=True)
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Read the options, measure, and write the table."""
    parser = argparse.ArgumentParser("benchmarks.offline", description=__doc__)
    parser.add_argument("--env", choices=SUITE_IDS, default="GCGen-DigitsAtoms16-v0")
    parser.add_argument("--behaviours", nargs="+", default=get_args(Behaviour))
    parser.add_argument("--episodes", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("offline.csv"))
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        for behaviour in options.behaviours:
            writer.writerows(measure(options.env, behaviour, options.episodes, options.seed))
            file.flush()


if __name__ == "__main__":
    main()
