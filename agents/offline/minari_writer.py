"""Writes data sets in Minari's format, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec

from agents.offline.collect import Round
from agents.offline.minari_layout import DATA, import_minari
from gcgen_env.atomic_files import writing_folder


class MinariWriter:
    """Adds episodes to a data set that is not yet at its place."""

    def __init__(self, folder: Path, name: str, spec: EnvSpec) -> None:
        """Begin a data set.

        Args:
            folder: A new folder, in which the files are written.
            name: Name of the data set.
            spec: Specification of the environment, in compact mode; it is stored, and the one
                for evaluation, whose goals are test images, beside it.
        """
        minari = import_minari()
        from minari.dataset.minari_storage import MinariStorage

        spec = replace(spec, max_episode_steps=None)  # else a time limit truncates the last step
        env = gym.make(spec)
        folder = folder.resolve()  # minari joins relative paths twice
        folder.mkdir(parents=True)
        self._storage = MinariStorage.new(
            folder / DATA, env.observation_space, env.action_space, spec, jpeg_encoding=False
        )
        evaluation = replace(spec, kwargs={**spec.kwargs, "split": "test"})
        self.describe(
            dataset_id=name,
            minari_version=minari.__version__,
            eval_env_spec=evaluation.to_json(),
        )

    def describe(self, **metadata: Any) -> None:
        """Add entries to the metadata of the data set; JSON values."""
        self._storage.update_metadata(metadata)

    def add(self, played: Round) -> None:
        """Write episodes behind those that were written before."""
        from minari.data_collector import EpisodeBuffer

        self._storage.update_episodes(
            EpisodeBuffer(
                seed=seed,
                observations={key: value[i] for key, value in played.observations.items()},
                actions=played.actions[i],
                rewards=played.rewards[i],
                terminations=_mark_end(played, True),
                truncations=_mark_end(played, False),
                infos={key: value[i] for key, value in played.infos.items()},
            )
            for i, seed in enumerate(played.seed)
        )


def _mark_end(played: Round, value: bool) -> list[bool]:
    """Return H values, all False but the last one."""
    return [False] * (played.actions.shape[1] - 1) + [value]


@contextmanager
def writing_dataset(root: Path, name: str, spec: EnvSpec) -> Iterator[MinariWriter]:
    """Write a data set; at the end of the context it moves to its place, replacing another one.

    If the context ends by an exception, also by Ctrl-C, nothing is left of it, and a data set
    that it would have replaced is as it was.

    Args:
        root: Folder of all data sets, $MINARI_DATASETS_PATH.
        name: Name of the data set, which is its folder in `root`.
        spec: See `MinariWriter`.

    Raises:
        OSError: If the files cannot be written.
    """
    with writing_folder(root / name) as temporary:  # its name is hidden to Minari
        yield MinariWriter(temporary, name, spec)
