"""The training options of `GCGen`: one dataclass for constructor, command line and checkpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from agents.common.augmentation import AUGMENTATIONS, Augmentation
from agents.gcgen.small_images import is_small
from gcgen_env.config import check_count
from gcgen_env.keywords import make_from_keywords

ObjectiveName = Literal[
    "leave_one_out", "expert_iteration", "path_consistency", "policy_gradient", "tree_search"
]
OptimizerName = Literal["soap", "adam"]
LRSchedule = Literal["linear", "cosine", "constant"]
Precision = Literal["auto", "float32", "bfloat16"]
ScoredPixels = Literal["half", "all"]
GoalKind = Literal["auto", "grey", "binary"]
Condition = Literal["label"]
WARM_UPDATES = 20
"""Updates during which the learning rate rises linearly."""


@dataclass(frozen=True)
class GCGenConfig:
    """Training options: keywords of `GCGen`, and options of `gcgen train`.

    Attributes:
        learning_rate: Learning rate of the S-agent; by default what suits SOAP: 6e-3, or 2e-2 for
            codebooks. Adam needs a lower one, such as 2e-3 for pixels.
        optimizer: Optimiser of the S-agent.
        gc_learning_rate: Learning rate of the GC-agent's learned score, temperatures and value.
        gc_objective: Objective of the GC-agent's learned terms; in Python also a subclass of
            `Objective`.
        gc_interval: Updates of the S-agent for each update of the GC-agent.
        auxiliary: Weight of the reconstruction at intermediate steps; falls to zero in training.
        lr_schedule: Learning-rate schedule; linear and cosine fall to zero at the end of training.
        n_envs: Number of goals drawn at a time.
        batch_size: Trajectories in each gradient step, best a multiple of 8: the leave-one-out
            objective compares gcd(batch_size, 8) trajectories of each goal; "auto" measures on a
            GPU which one fits and is fastest, and is 64 without one.
        precision: Precision in which proposals are scored during training; auto is the faster one
            on this machine.
        scored_pixels: Pixels on which proposals are scored during training; half of them, in
            turn, cost half of the work. Evaluation and small images always use all.
        goals: Goals of the S-agent's updates: grey ones are the means of the binary ones, and
            the gradient has no noise of the binarisation; auto: grey, unless images are small.
            Episodes and evaluation always use binary ones.
        replacement: Draw training images with replacement; otherwise each comes once in an epoch,
            in an order that is new in each epoch.
        minibatches: Parts into which the trajectories of an update are divided; the S-agent makes a
            gradient step for each. By default 1, or 2 for codebooks.
        weight_decay: Decay of the S-agent's matrices with SOAP; Adam ignores it. By default 0.1, or
            4 for linear maps in a basis.
        augment: Random changes of the training images, of "flip", "shift" and "colour": for small
            sets of images.
        train_s_agent: Train the S-agent; otherwise only the GC-agent learns.
        condition: "label" trains a conditional S-agent, which can be given the class of an image;
            without one it draws from all classes, as any other.
    """

    learning_rate: float | None = None
    optimizer: OptimizerName = "soap"
    gc_learning_rate: float = 3e-3
    gc_objective: ObjectiveName = "leave_one_out"
    gc_interval: int = 16
    auxiliary: float = 1.0
    lr_schedule: LRSchedule = "linear"
    n_envs: int = 128
    batch_size: int | Literal["auto"] = 64
    precision: Precision = "auto"
    scored_pixels: ScoredPixels = "half"
    goals: GoalKind = "auto"
    replacement: bool = True
    minibatches: int | None = None
    weight_decay: float | None = None
    augment: tuple[Augmentation, ...] = ()
    train_s_agent: bool = True
    condition: Condition | None = None

    def __post_init__(self) -> None:
        """Turn a list, as JSON has it, into a tuple."""
        if isinstance(self.augment, list):
            object.__setattr__(self, "augment", tuple(self.augment))

    def check(self) -> None:
        """Check every option; `GCGen` does so, the command line only builds the dataclass.

        Raises:
            ValueError: If an option is out of range; the message names it.
        """
        rates = {"learning_rate": self.learning_rate, "gc_learning_rate": self.gc_learning_rate}
        for name, rate in rates.items():
            if rate is None and name == "learning_rate":
                continue  # the S-agent decides
            if callable(rate):  # a schedule, as SB3 accepts it
                raise ValueError(
                    f"{name} must be a number: a callable cannot be saved without pickle; use "
                    "lr_schedule='linear', 'cosine' or 'constant'"
                )
            if isinstance(rate, bool) or not isinstance(rate, int | float | np.number):
                raise ValueError(f"{name} must be a number, got {rate!r}")
            if not 0 <= rate < math.inf:  # NaN fails, too
                raise ValueError(f"{name} must be finite and not negative, got {rate}")
        check_count("n_envs", self.n_envs, 1, "a round needs a goal")
        if self.batch_size != "auto":
            check_count("batch_size", self.batch_size, 1, "an update needs a trajectory")
        if self.minibatches is not None:
            check_count("minibatches", self.minibatches, 1, "each has a gradient step")
        check_count("gc_interval", self.gc_interval, 1, "it counts updates")
        decay = 0.0 if self.weight_decay is None else self.weight_decay
        for name, value in (("auxiliary", self.auxiliary), ("weight_decay", decay)):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be finite and not negative, got {value}")
        names = self.augment
        if not isinstance(names, tuple) or not all(isinstance(each, str) for each in names):
            raise ValueError(f"augment must be a list of names, got {names!r}")
        for each in names:
            _check_choice("augment", each, AUGMENTATIONS)
        _check_choice("optimizer", self.optimizer, get_args(OptimizerName))
        _check_choice("lr_schedule", self.lr_schedule, get_args(LRSchedule))
        if not isinstance(self.gc_objective, type):  # `GCGen` checks a class
            _check_choice("gc_objective", self.gc_objective, get_args(ObjectiveName))
        _check_choice("precision", self.precision, get_args(Precision))
        _check_choice("scored_pixels", self.scored_pixels, get_args(ScoredPixels))
        _check_choice("goals", self.goals, get_args(GoalKind))
        if self.condition is not None:
            _check_choice("condition", self.condition, get_args(Condition))
            if not self.train_s_agent:
                raise ValueError("condition trains the S-agent: omit train_s_agent=False")

    @property
    def update_size(self) -> int:
        """`batch_size` as a number; `GCGen` replaces "auto" before it trains."""
        assert self.batch_size != "auto"
        return self.batch_size

    def uses_grey_goals(self, shape: Sequence[int]) -> bool:
        """Return whether an S-agent of images of a shape S is trained, and on grey goals."""
        is_grey = self.goals == "grey" or (self.goals == "auto" and not is_small(shape))
        return is_grey and self.train_s_agent

    def learning_rate_factor(self, progress: float, updates: int) -> float:
        """Return the factor of both learning rates.

        Args:
            progress: Fraction of the training that is done, in [0, 1]. The "linear" schedule
                falls from 1 to 0, as "cosine" does (Loshchilov and Hutter, 2017).
            updates: Number of updates so far; the first twenty warm up linearly.
        """
        warm = min(1.0, (updates + 1) / WARM_UPDATES)  # above 0 in the first update
        if self.lr_schedule == "constant":
            return warm
        if self.lr_schedule == "linear":
            return warm * (1.0 - progress)
        return warm * 0.5 * (1.0 + math.cos(math.pi * progress))


def check_seed(seed: int | None) -> None:
    """Raise a ValueError unless a seed is None or an integer in [0, 2**32)."""
    if seed is None:
        return
    is_integer = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not is_integer or not 0 <= seed < 2**32:  # SB3 passes it to np.random.seed
        raise ValueError(f"seed must lie in [0, 2**32) and be an integer, got {seed!r}")


def check_options(given: dict[str, Any]) -> None:
    """Check the training options and the seed among some arguments of `GCGen`."""
    known = {name: value for name, value in given.items() if name in vars(GCGenConfig())}
    make_from_keywords(GCGenConfig, **known).check()
    check_seed(given.get("seed"))


def check_total_timesteps(total_timesteps: float) -> int:
    """Return a number of timesteps as an integer.

    Raises:
        ValueError: If it is not a positive whole number.
    """
    is_number = isinstance(total_timesteps, int | float | np.number)
    if not is_number or not 0 < total_timesteps < math.inf or total_timesteps % 1:
        raise ValueError(f"total_timesteps must be a positive integer, got {total_timesteps!r}")
    return int(total_timesteps)


def check_json(**options: Any) -> None:
    """Raise a ValueError that names the first option that JSON cannot hold."""
    for name, value in options.items():
        if value is not None and not isinstance(value, dict):
            raise ValueError(f"{name} must be a dictionary of keywords, got {value!r}")
        try:
            to_json(value)
        except TypeError as error:
            raise ValueError(
                f"{name} must hold JSON values, which can be saved without pickle: {error}"
            ) from error


def to_json(document: Any) -> Any:
    """Convert a document to JSON values: NumPy numbers to numbers, paths to strings.

    Raises:
        TypeError: If it holds anything else that JSON does not know.
    """

    def convert(value: Any) -> Any:
        if isinstance(value, np.generic | np.ndarray):
            return value.tolist()
        if isinstance(value, Path):
            return str(value)
        raise TypeError(f"{type(value).__name__} is not a JSON value")

    return json.loads(json.dumps(document, default=convert))  # tuples become lists


def _check_choice(name: str, value: Any, known: Collection[str]) -> None:
    """Raise a ValueError unless an option has one of the known values."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")
