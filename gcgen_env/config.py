"""The keyword arguments of an environment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcgen_env.keywords import make_from_keywords
from gcgen_env.limits import MAX_BYTES
from gcgen_env.messages import show

REWARD_TYPES = ("potential", "distance", "sparse")
OBS_MODES = ("pixels", "compact")
LIKELIHOODS = ("bernoulli", "gaussian")
INVALID_ACTIONS = ("skip", "best_prior")
MOST = 1_000_000
"""Largest number of proposals and of steps."""
NUMBERS = ("sigma", "nucleus", "gamma", "reward_scale", "success_threshold")
COUNTS = {
    "num_proposals": (2, "the agent selects one of them"),
    "horizon": (1, "an episode has at least one step"),
}
"""A and H, with the smallest numbers and why."""
LARGEST_RATE = 1e6
"""Larger rates could lead a canvas beyond float32."""


@dataclass(frozen=True, eq=False)
class EnvConfig:
    """Keyword arguments of the environments, stored as JSON values where possible.

    Attributes:
        dataset: Name of a data set, an array (N, *S), or a path to a `.npy` file, a `.npz` file
            or a folder of images.
        data_dir: Folder of the data files. None reads `$GCGEN_DATA`, then the user's cache.
        split: Split that goals are drawn from: "train", "validation" or "test".
        image_size: Height and width that images are resized to; None keeps their size.
        num_proposals: A, the number of proposals at each step. None takes that of the proposer, or
            32 if it has any number. `GCGen` takes one that suits the images, if it trains a new
            S-agent.
        horizon: H, the number of steps of an episode. None likewise, or 10, or one for each rate.
        rate: alpha, the scale of the chosen proposal: one number, or one for each step. None
            uses the rate of the saved S-agent, or 1 without one.
        initial_state: "mean", "zeros", "noise", an image (*S), or a path to a `.npy` or image
            file. None uses the initial state of the saved S-agent; without one, "mean" for
            images and "zeros" for points.
        proposer: "pretrained", "dictionary", "toggles", a path to a saved S-agent, an `SAgent`,
            or a `Proposer` object.
        likelihood: "bernoulli" or "gaussian".
        sigma: Standard deviation of the Gaussian likelihood, in image units. None uses that of the
            saved S-agent, or 0.1 without one.
        binarize: Whether to sample a binary goal from the grey levels in each episode; True only
            with the Bernoulli likelihood. None means True with it.
        reward_type: "potential", "distance" or "sparse".
        success_threshold: Largest distance (root mean squared error) that counts as a success.
        gamma: Discount factor of the shaping reward; use the discount factor of the agent.
        reward_scale: Factor of all rewards, above 0.
        nucleus: Probability mass of the valid proposals under the prior, in (0, 1]; with 1 all
            proposals are valid.
        single_use: Whether a proposal can be chosen once in an episode; it is invalid from then
            on. The proposer should give an index the same meaning in all states.
        invalid_action: What an invalid action does: "skip" leaves the canvas unchanged,
            "best_prior" chooses the valid proposal that is most probable under the prior, and of
            equally probable ones the first in an order that `gcgen_env.invalid_actions` fixes.
        obs_mode: "pixels" includes the proposals in the observation, "compact" does not.
        device: Torch device on which proposals are computed, or "auto".
        max_bytes: Most bytes that your own compressed images may decode to; a single picture may
            take a sixteenth. Raise it for large sets.
    """

    dataset: Any = None
    data_dir: str | None = None
    split: str = "train"
    image_size: int | None = None
    num_proposals: int = 32
    horizon: int = 10
    rate: float | Sequence[float] | None = None
    initial_state: Any = None
    proposer: Any = "dictionary"
    likelihood: str = "gaussian"
    sigma: float | None = 0.1
    binarize: bool | None = None
    reward_type: str = "potential"
    success_threshold: float = 0.1
    gamma: float = 1.0
    reward_scale: float = 1.0
    nucleus: float = 1.0
    single_use: bool = False
    invalid_action: str = "skip"
    obs_mode: str = "pixels"
    device: str = "cpu"
    max_bytes: int = MAX_BYTES

    def __post_init__(self) -> None:
        """Check the fields that can be checked without the data."""
        for name, (least, why) in COUNTS.items():
            if getattr(self, name) is not None:  # else `model/open_sizes.py` finds it
                check_count(name, getattr(self, name), least, why, MOST)
        check_count("max_bytes", self.max_bytes, 1, "an image takes at least one byte")
        _check_member("reward_type", self.reward_type, REWARD_TYPES)
        _check_member("obs_mode", self.obs_mode, OBS_MODES)
        _check_member("likelihood", self.likelihood, LIKELIHOODS)
        _check_member("invalid_action", self.invalid_action, INVALID_ACTIONS)
        if self.sigma is not None:
            _check_range("sigma", self.sigma, 0.0, low_is_valid=False)
        _check_range("reward_scale", self.reward_scale, 0.0, low_is_valid=False)
        _check_range("nucleus", self.nucleus, 0.0, 1.0, low_is_valid=False)
        _check_range("gamma", self.gamma, 0.0, 1.0, low_is_valid=True)
        _check_range("success_threshold", self.success_threshold, 0.0, low_is_valid=True)
        if not isinstance(self.binarize, bool | np.bool_ | None):
            raise ValueError(f"binarize must be True, False or None, got {show(self.binarize)}")
        if self.binarize and self.likelihood != "bernoulli":
            raise ValueError(
                f"binarize=True needs likelihood='bernoulli', got {self.likelihood!r}: leave "
                "binarize out, or change the likelihood"
            )
        self._check_single_use()
        self._read_rate()  # raises if it is invalid
        self._normalise()

    def _check_single_use(self) -> None:
        """Raise a ValueError unless every step of an episode has an unused proposal."""
        if not isinstance(self.single_use, bool | np.bool_):
            raise ValueError(f"single_use must be True or False, got {show(self.single_use)}")
        if not self.single_use:
            return
        if self.nucleus < 1:
            raise ValueError("single_use=True needs nucleus=1: all valid proposals could be used")
        if None not in (self.horizon, self.num_proposals) and self.horizon > self.num_proposals:
            raise ValueError(
                f"single_use=True needs at least horizon={self.horizon} proposals, got "
                f"num_proposals={self.num_proposals}"
            )

    def _normalise(self) -> None:
        """Convert NumPy numbers, paths and devices to JSON values."""
        plain: dict[str, Any] = {"device": str(self.device), "single_use": bool(self.single_use)}
        if self.binarize is not None:
            plain["binarize"] = bool(self.binarize)
        given = {name: getattr(self, name) for name in (*COUNTS, "max_bytes", *NUMBERS)}
        kinds = {name: float if name in NUMBERS else int for name in given}
        plain |= {name: kinds[name](v) for name, v in given.items() if v is not None}
        if self.rate is not None:
            plain["rate"] = rate = np.asarray(self.rate, dtype=np.float64).tolist()
            if self.horizon is None and isinstance(rate, list):
                plain["horizon"] = len(rate)
        if self.image_size is not None:
            check_count("image_size", self.image_size, 1, "an image has at least one pixel")
            plain["image_size"] = int(self.image_size)
        if self.data_dir is not None:
            plain["data_dir"] = str(self.data_dir)
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @property
    def has_binary_goals(self) -> bool:
        """Whether goals are binarised anew in each episode."""
        return self.likelihood == "bernoulli" and self.binarize is not False

    @property
    def sizes(self) -> tuple[int, int]:
        """A and H; where they are open, those for a proposer that has any number."""
        a, h = (getattr(self, name) or getattr(EnvConfig, name) for name in COUNTS)
        return a, h

    def rates(self) -> np.ndarray:
        """Return alpha, shape (H,), float32."""
        rate = self._read_rate()
        return np.full(self.horizon, rate) if rate.ndim == 0 else rate  # one number for all steps

    def _read_rate(self) -> np.ndarray:
        """Return the rate as it is configured, shape () or (H,), float32.

        Raises:
            ValueError: If a rate is negative or above `LARGEST_RATE`, or their number is not H.
        """
        try:
            rates = np.asarray(1.0 if self.rate is None else self.rate, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"rate must be one number or a list of {self.horizon or 'them'}, got "
                f"{show(self.rate)}"
            ) from error
        if rates.ndim > 1 or (rates.ndim == 1 and self.horizon not in (None, len(rates))):
            raise ValueError(
                f"rate must be one number or a list of horizon={self.horizon} numbers, "
                f"got {rates.size}"
            )
        if not ((rates >= 0) & (rates <= LARGEST_RATE)).all():  # also true for NaN
            raise ValueError(f"rate must lie in [0, {LARGEST_RATE:g}], got {show(self.rate)}")
        return rates.astype(np.float32)


def make_config(**kwargs: Any) -> EnvConfig:
    """Make an `EnvConfig`, see `make_from_keywords`."""
    return make_from_keywords(EnvConfig, **kwargs)


def check_count(name: str, value: Any, least: int, why: str, most: int | None = None) -> None:
    """Raise a ValueError unless `value` is an integer from `least`, which `why` explains, on."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):  # True is an int
        raise ValueError(f"{name} must be an integer, got {show(value)}")
    if value < least:
        raise ValueError(f"{name} must be at least {least} ({why}), got {show(value)}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most:,}, got {show(value)}")


def _check_member(name: str, value: Any, members: Sequence[str]) -> None:
    """Raise unless `value` is one of `members`."""
    if value not in members:
        raise ValueError(f"{name} must be one of {', '.join(members)}; got {show(value)}")


def _check_range(
    name: str, value: Any, low: float, high: float = np.inf, *, low_is_valid: bool
) -> None:
    """Raise unless `value` is a finite number in (low, high], or in [low, high]."""
    is_real = isinstance(value, int | float | np.integer | np.floating)
    if isinstance(value, bool) or not is_real:
        raise ValueError(f"{name} must be a number, got {show(value)}")
    if not isinstance(value, int):  # an integer may be too large for a float
        value = float(value)
    is_above = value >= low if low_is_valid else value > low
    if not (is_above and value <= min(high, sys.float_info.max)):  # also true for NaN
        least = f"{'at least' if low_is_valid else 'above'} {low:g}"
        most = "finite" if np.isinf(high) else f"at most {high:g}"
        raise ValueError(f"{name} must be {least} and {most}, got {show(value)}")
