"""What an environment is made of: one dataclass, and one table of defaults for every id."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

REWARD_TYPES = ("potential", "distance", "sparse")
OBS_MODES = ("pixels", "compact")
LIKELIHOODS = ("bernoulli", "gaussian")


@dataclass(frozen=True, eq=False)
class EnvConfig:
    """Keyword arguments of the environments; JSON values when they go through `gym.make`."""

    dataset: Any = None
    """Name of a data set, an array (N, *S), a path to `.npy`, `.npz`, or a folder of images."""
    data_dir: str | None = None
    """Folder of the data files; else `$GCGEN_DATA`, else the user's cache."""
    split: str = "train"
    """Which goals: "train", "validation" or "test"."""
    image_size: int | None = None
    """Resize images to this height and width; None leaves them."""
    num_proposals: int = 32
    """A, the number of proposals offered at each step."""
    horizon: int = 10
    """H, the number of decisions of an episode."""
    rate: float | Sequence[float] | None = None
    """alpha, the scale of the chosen proposal: one number, or one for each step. None: as the
    saved S-agent was trained, else 1."""
    initial_state: Any = None
    """ "mean", "zeros", "noise", an image (*S), or a path to a `.npy` or image file. None: as
    the saved S-agent was trained, else "mean" for images and "zeros" for points."""
    proposer: Any = "dictionary"
    """ "pretrained", "dictionary", a path to a saved S-agent, or a `Proposer` object."""
    likelihood: str = "gaussian"
    """ "bernoulli" or "gaussian"."""
    sigma: float = 0.1
    """Standard deviation of the Gaussian likelihood, in image units."""
    binarize: bool = True
    """Bernoulli only: draw binary goals from the grey levels, afresh each episode."""
    reward_type: str = "potential"
    """ "potential", "distance" or "sparse"."""
    success_threshold: float = 0.1
    """An episode is a success at this distance (root mean squared error) or below."""
    gamma: float = 1.0
    """Discount of the shaping reward; must be the agent's own."""
    nucleus: float = 1.0
    """Prior mass of the valid proposals, in (0, 1]; 1 makes all of them valid."""
    obs_mode: str = "pixels"
    """ "pixels" shows the proposals, "compact" leaves them out."""
    device: str = "cpu"
    """Torch device of the batched core, or "auto"."""

    def __post_init__(self) -> None:
        """Check every field that can be checked without the data."""
        check_count("num_proposals", self.num_proposals, 2, "there is nothing to select below 2")
        check_count("horizon", self.horizon, 1, "an episode needs a decision")
        _check_member("reward_type", self.reward_type, REWARD_TYPES)
        _check_member("obs_mode", self.obs_mode, OBS_MODES)
        _check_member("likelihood", self.likelihood, LIKELIHOODS)
        _check_range("sigma", self.sigma, 0.0, np.inf)
        _check_range("nucleus", self.nucleus, 0.0, 1.0)
        _check_range("gamma", self.gamma, -1e-12, 1.0)
        _check_range("success_threshold", self.success_threshold, -1e-12, np.inf)
        if not isinstance(self.binarize, bool | np.bool_):
            raise ValueError(f"binarize must be True or False, got {self.binarize!r}")
        self.rates()
        self._normalise()

    def _normalise(self) -> None:
        """Turn NumPy numbers, paths and devices into what JSON can hold."""
        plain: dict[str, Any] = {"device": str(self.device), "binarize": bool(self.binarize)}
        plain |= {name: int(getattr(self, name)) for name in ("num_proposals", "horizon")}
        numbers = ("sigma", "nucleus", "gamma", "success_threshold")
        plain |= {name: float(getattr(self, name)) for name in numbers}
        if self.rate is not None:
            plain["rate"] = np.asarray(self.rate, dtype=np.float64).tolist()
        if self.image_size is not None:
            check_count("image_size", self.image_size, 1, "an image needs a pixel")
            plain["image_size"] = int(self.image_size)
        if self.data_dir is not None:
            plain["data_dir"] = str(self.data_dir)
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def rates(self) -> np.ndarray:
        """Return alpha as float32 (H,).

        Raises:
            ValueError: If a rate is negative, not finite, or the list is not H long.
        """
        try:
            rates = np.asarray(1.0 if self.rate is None else self.rate, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"rate must be one number or a list of {self.horizon}, got {self.rate!r}"
            ) from error
        if rates.ndim == 0:
            rates = np.full(self.horizon, rates)
        if rates.shape != (self.horizon,):
            raise ValueError(
                f"rate must be one number or a list of horizon={self.horizon} numbers, "
                f"got {rates.size}"
            )
        if not np.isfinite(rates).all() or (rates < 0).any():
            raise ValueError(f"rate must be finite and not negative, got {self.rate}")
        return rates


def make_config(**kwargs: Any) -> EnvConfig:
    """Make an `EnvConfig`, naming the nearest field when a keyword is unknown.

    Raises:
        TypeError: If a keyword is no field of `EnvConfig`.
        ValueError: If a value is out of range.
    """
    names = [field.name for field in fields(EnvConfig)]
    for name in kwargs:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(names)}"
            raise TypeError(f"got an unexpected keyword argument {name!r}{hint}")
    return EnvConfig(**kwargs)


def check_count(name: str, value: Any, least: int, why: str) -> None:
    """Check a count.

    Args:
        name: What to call it in an error.
        value: The count.
        least: Its smallest value.
        why: Why it may not be smaller.

    Raises:
        ValueError: If it is not an integer, or below `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least} ({why}), got {value}")


def _check_member(name: str, value: Any, members: Sequence[str]) -> None:
    """Raise unless `value` is one of `members`."""
    if value not in members:
        raise ValueError(f"{name} must be one of {', '.join(members)}; got {value!r}")


def _check_range(name: str, value: Any, above: float, most: float) -> None:
    """Raise unless above < value <= most."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ValueError(f"{name} must be a number, got {value!r}")
    if not above < value <= most or not np.isfinite(value):
        low = "at least 0" if above < 0 else f"above {above:g}"
        high = "" if np.isinf(most) else f" and at most {most:g}"
        raise ValueError(f"{name} must be {low}{high}, got {value}")


_IMAGES = EnvConfig()
ENV_CONFIGS: dict[str, EnvConfig] = {
    "GCGen-Toy2D-v0": EnvConfig(
        dataset="two_moons", num_proposals=8, horizon=6, sigma=0.05,
        proposer="pretrained", success_threshold=0.05,
    ),
    "GCGen-Digits-v0": EnvConfig(
        dataset="digits", num_proposals=16, horizon=8, likelihood="bernoulli",
        proposer="pretrained", success_threshold=0.3,
    ),
    "GCGen-MNIST-v0": EnvConfig(
        dataset="mnist", likelihood="bernoulli", proposer="pretrained", success_threshold=0.2,
    ),
    "GCGen-FashionMNIST-v0": replace(_IMAGES, dataset="fashion_mnist"),
    "GCGen-Images-v0": _IMAGES,
}  # fmt: skip
"""Defaults of every registered id."""

ENV_IDS = tuple(ENV_CONFIGS)
