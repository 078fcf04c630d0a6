"""Episodes as the offline algorithms read them: from Minari's files, or from memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.offline.collect import Round
from agents.offline.minari_layout import DATA, METADATA, import_minari
from gcgen_env.atomic_files import read_json
from gcgen_env.storage import describe_error

_NEEDED = {"observation", "desired_goal", "action_mask"}  # keys of observations


@dataclass(frozen=True, eq=False)
class EpisodeData:
    """E episodes of H decisions; S is the shape of one image."""

    image: NDArray[np.float32]
    """x_0 to x_H as images, shape (E, H + 1, *S)."""
    goal: NDArray[np.float32]
    """g, shape (E, *S)."""
    mask: NDArray[np.bool_]
    """Which of the A proposals are valid at each decision, shape (E, H, A)."""
    action: NDArray[np.int64]
    """The chosen proposals, shape (E, H)."""
    reward: NDArray[np.float64]
    """Shape (E, H)."""

    def __post_init__(self) -> None:
        """Check the shapes, and that every action was valid.

        Raises:
            ValueError: If they do not fit together.
        """
        episodes, horizon = self.action.shape
        shape = self.image.shape[2:]
        wanted = {
            "image": (episodes, horizon + 1, *shape),
            "goal": (episodes, *shape),
            "mask": (episodes, horizon, *self.mask.shape[2:]),
            "reward": (episodes, horizon),
        }
        for name, asked in wanted.items():
            if (own := getattr(self, name).shape) != asked:
                raise ValueError(f"{name} must have shape {asked}, got {own}")
        if not episodes:
            raise ValueError("the data set has no episode")
        if not np.take_along_axis(self.mask, self.action[..., None], axis=2).all():
            raise ValueError(
                "the data set has invalid actions, which no algorithm can learn: record them with "
                "an agent that reads the mask"
            )

    @property
    def horizon(self) -> int:
        """H, the number of decisions of an episode."""
        return self.action.shape[1]

    @property
    def num_proposals(self) -> int:
        """A, the number of proposals."""
        return self.mask.shape[2]

    def __len__(self) -> int:
        """Return E, the number of episodes."""
        return len(self.action)


def join_rounds(rounds: Iterable[Round]) -> EpisodeData:
    """Return the episodes of `collect_episodes`."""
    rows = [_select(each.observations, each.actions, each.rewards) for each in rounds]
    return EpisodeData(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def read_data(source: Any) -> EpisodeData:
    """Return the episodes of a data set.

    Args:
        source: An `EpisodeData`, which is returned as it is; a `minari.MinariDataset`; or the
            folder of one.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If Minari is not installed, or the episodes are not those of a GCGen
            environment in compact mode.
    """
    if isinstance(source, EpisodeData):
        return source
    if not isinstance(source, str | Path):
        return _read(source)
    folder = _find(Path(source))
    minari = import_minari()
    try:
        _check_spaces(folder)
        return _read(minari.MinariDataset(folder))
    except (AssertionError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        raise ValueError(f"{folder} cannot be read: {describe_error(error)}") from error


def _find(folder: Path) -> Path:
    """Return the folder of the files: the folder `data` of a data set, or itself."""
    if (folder / DATA).is_dir():
        return folder / DATA
    if not folder.is_dir():
        raise FileNotFoundError(f"no data set at {folder}")
    return folder


def _check_spaces(folder: Path) -> None:
    """Raise a ValueError if a data set has no spaces: Minari would make its environment.

    An environment is made by importing what the file names, which may run any code.
    """
    metadata = read_json(folder / METADATA)
    if missing := sorted({"observation_space", "action_space"} - metadata.keys()):
        raise ValueError(f"its {METADATA} has no {missing[0]}")


def _read(dataset: Any) -> EpisodeData:
    """Return the episodes of an open Minari data set."""
    rows = []
    for episode in dataset.iterate_episodes():
        if not isinstance(episode.observations, dict) or _NEEDED - episode.observations.keys():
            raise ValueError("the data set is not one of a GCGen environment with masks")
        observations = {key: episode.observations[key][None] for key in _NEEDED}
        rows.append(_select(observations, episode.actions[None], episode.rewards[None]))
    if len(lengths := {row[3].shape[1] for row in rows}) > 1:
        raise ValueError(f"all episodes must have the same length, got {sorted(lengths)}")
    if not rows:
        raise ValueError("the data set has no episode")
    return EpisodeData(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def _select(
    observations: dict[str, NDArray[Any]], actions: NDArray[Any], rewards: NDArray[Any]
) -> tuple[NDArray[Any], ...]:
    """Return the fields of `EpisodeData` for some episodes."""
    return (
        observations["observation"].astype(np.float32, copy=False),  # (E, H + 1, *S)
        observations["desired_goal"][:, 0].astype(np.float32),  # (E, *S), the same at all steps
        observations["action_mask"][:, :-1] > 0,  # (E, H, A)
        actions.astype(np.int64),
        rewards.astype(np.float64),
    )
