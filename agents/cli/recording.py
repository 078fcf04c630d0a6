"""Records the episodes of `gcgen dataset`, and checks where they will be written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from tqdm import tqdm

from agents.cli.checks import reading_input
from agents.common.provenance import find_command
from agents.common.versions import find_versions
from agents.offline.behaviour_names import Behaviour, list_players
from agents.offline.behaviours import find_obs_mode, make_behaviour
from agents.offline.collect import NUM_ENVS, collect_episodes
from agents.offline.minari_layout import DATA, METADATA, check_name
from agents.offline.minari_writer import writing_dataset
from gcgen_env.registration import default_kwargs
from gcgen_env.vector_env import GCGenVectorEnv


def find_name(env_id: str, behaviour: Behaviour) -> str:
    """Return the usual name of a data set, such as gcgen/digits/beam-v0."""
    short = env_id.removeprefix("gcgen_env:").removeprefix("GCGen-").removesuffix("-v0").lower()
    return f"gcgen/{short}/{behaviour}-v0"


def check_place(root: Path, name: str, overwrite: bool) -> Path:
    """Return the folder of a data set.

    Raises:
        ValueError: If the name is invalid, or something is there that must not be replaced.
    """
    folder = root / check_name(name)
    first = next(each for each in (folder, *folder.parents) if each.exists())
    if not first.is_dir():
        raise ValueError(f"--out cannot be {root}: {first} is a file, not a folder")
    if first == folder and not (folder / DATA / METADATA).is_file():
        raise ValueError(f"{folder} is in the way, and no data set: choose another --name or --out")
    if first == folder and not overwrite:
        raise ValueError(
            f"{folder} already exists: replace it with --overwrite, or choose another --name"
        )
    return folder


def make_spec(env_id: str, kwargs: dict[str, Any]) -> EnvSpec:
    """Return the specification of an environment with training goals, in compact mode.

    Raises:
        ValueError: If the id is unknown, or an option does not fit.
    """
    env_id = env_id.removeprefix("gcgen_env:")
    default_kwargs(env_id)  # raises if the id is unknown
    kwargs = {**kwargs, "obs_mode": "compact", "split": "train"}
    spec = gym.make(env_id, **kwargs).spec
    assert spec is not None
    return spec


def record(
    root: Path,
    name: str,
    spec: EnvSpec,
    behaviour: Behaviour,
    *,
    episodes: int,
    seed: int,
    width: int,
) -> float:
    """Play episodes and write them as a data set; return their mean return.

    Args:
        root: Folder of all data sets.
        name: Name of the data set.
        spec: Specification of the environment, in compact mode.
        behaviour: Who plays.
        episodes: Number of episodes.
        seed: Seed of the goals and of the random choices.
        width: Width of the beam search.

    Raises:
        OSError: If the files cannot be written; nothing is left of them.
    """
    kwargs = {**spec.kwargs, "obs_mode": find_obs_mode(behaviour)}
    with reading_input():
        envs = GCGenVectorEnv(NUM_ENVS, autoreset_mode="Disabled", **kwargs)
        agent = make_behaviour(behaviour, envs, seed, width)
    returns = []
    with writing_dataset(root, name, spec) as writer, tqdm(total=episodes, unit="episode") as bar:
        writer.describe(
            algorithm_name=behaviour,
            description=f"{episodes} episodes of {spec.id} by {', '.join(list_players(behaviour))}",
            gcgen={"command": find_command(), "seed": seed, "versions": find_versions()},
        )
        for played in collect_episodes(agent, envs, episodes, seed):
            writer.add(played)
            returns.append(played.rewards.sum(axis=1))
            bar.update(len(played.seed))
    return float(np.concatenate(returns).mean())
