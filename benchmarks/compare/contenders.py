"""What the comparison needs of a generative model, and the models that it trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from agents import GCGen, NLLReport
from agents.gcgen.schedule import Clock, Schedule
from benchmarks.ablation.contenders import UNLIMITED, Agents, OnRolloutEnd
from benchmarks.ablation.vae import VAESizes
from benchmarks.ablation.variants import DDN_POLICY, DDN_S_AGENT
from benchmarks.compare.conv_vae import ConvVAE
from benchmarks.compare.settings import Setting
from gcgen_env.config import EnvConfig
from gcgen_env.model.likelihoods import Gaussian

Images = NDArray[np.float32]
AGENTS: dict[str, dict[str, Any]] = {
    "gcgen": {},
    "ddn": {"policy_kwargs": DDN_POLICY, "s_agent_kwargs": DDN_S_AGENT},
}
"""The models that are agents, and what their rule changes."""
DENOISERS = ("diffusion", "flow")
NAMES = (*AGENTS, "vae", *DENOISERS)
"""The models, in the order of the table."""


class Contender(Protocol):
    """A generative model of images that is trained for some time of the processor."""

    @property
    def images_seen(self) -> int:
        """Number of training images so far, repetitions included."""
        ...

    @property
    def updates(self) -> int:
        """Number of gradient steps so far."""
        ...

    def learn(self, max_minutes: float, on_update: Callable[[], None]) -> None:
        """Train, and call `on_update` after every update."""

    def sample(self, num: int, seed: int) -> Images:
        """Generate images, shape (num, *S)."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model to a folder."""


@runtime_checkable
class Encoder(Contender, Protocol):
    """A model that also encodes images, and bounds how probable they are."""

    def fit_sigma(self, images: Images) -> float | None:
        """Set sigma of a Gaussian likelihood to the best one, and return it; None for others."""
        ...

    def evaluate_nll(self, images: Images, num_paths: int, seed: int) -> NLLReport:
        """Bound -log p of images; `seed` also determines their binarisation."""
        ...

    def reconstruct(self, images: Images) -> Images:
        """Return the reconstructions of images, shape (B, *S)."""
        ...


class Variant(NamedTuple):
    """One row of the table."""

    name: str
    """Name of the variant."""
    options: dict[str, Any]
    """What it changes, as JSON values; saved with its results."""
    make: Callable[[int], Contender]
    """Function that builds the model from a seed."""


class ImageAgents(Agents):
    """The two agents of `GCGen`; training time is the processor's."""

    def learn(self, max_minutes: float, on_update: Callable[[], None]) -> None:
        """Train, and call `on_update` after every iteration of `GCGen.learn`."""
        total, callback = self.model._setup_learn(UNLIMITED, OnRolloutEnd(on_update))
        callback.on_training_start({}, {})
        clock = Clock(max_minutes, 0.0, time.process_time)
        self.model.train_until(Schedule(0, total), clock, callback, None)
        callback.on_training_end()

    def fit_sigma(self, images: Images) -> float | None:
        """Set sigma of a Gaussian likelihood to the best one, and return it; None for others."""
        is_open = isinstance(self.model.s_agent.likelihood, Gaussian)
        return self.model.fit_sigma(images) if is_open else None

    def reconstruct(self, images: Images) -> Images:
        """Return the reconstructions of images, by the most probable choices."""
        return self.model.reconstruct(images)

    def sample(self, num: int, seed: int) -> Images:
        """Generate images with the S-agent."""
        return self.model.sample(num, seed)

    def save(self, folder: Path) -> None:
        """Write model.gcgen, which the commands of `gcgen` read."""
        self.model.save(folder / "model.gcgen", exclude=["optimizer"])


class Autoencoder(ConvVAE):
    """The convolutional autoencoder."""

    def save(self, folder: Path) -> None:
        """Write the weights."""
        save_file(self.get_weights(), folder / "vae.safetensors")


def make_variant(
    name: str, config: EnvConfig, setting: Setting, augment: tuple[str, ...] = ()
) -> Variant:
    """Return a model, by its name, with a setting.

    Args:
        name: One of `NAMES`.
        config: The environment whose images and likelihood it uses; agents also its A and H.
        setting: Keyword arguments of the model; for agents, `num_proposals` and `horizon` replace
            those of the environment.
        augment: Random changes of the training images, see `GCGenConfig.augment`.
    """
    if name in AGENTS:
        return _make_agents(name, config, dict(setting), augment)
    make = _make_autoencoder if name == "vae" else _make_denoiser
    return Variant(name, dict(setting), lambda seed: make(name, config, setting, seed, augment))


def check_packages(names: list[str]) -> None:
    """Raise an ImportError if a model needs a package that is missing."""
    needed = [name for name in names if name in DENOISERS]
    if needed and find_spec("diffusers") is None:
        raise ImportError(
            f"{' and '.join(needed)} need diffusers: pip install -e '.[compare]', or pass "
            "--variants gcgen ddn vae"
        )


def _make_agents(
    name: str, config: EnvConfig, setting: Setting, augment: tuple[str, ...]
) -> Variant:
    sizes = {key: setting.pop(key, getattr(config, key)) for key in ("num_proposals", "horizon")}
    options = {**AGENTS[name], **setting}

    def make(seed: int) -> ImageAgents:
        task = replace(config, **sizes)
        return ImageAgents(GCGen("GCPolicy", task, seed=seed, augment=augment, **options))

    return Variant(name, {**sizes, **options}, make)


def _make_autoencoder(
    name: str, config: EnvConfig, setting: Setting, seed: int, augment: tuple[str, ...]
) -> Contender:
    return Autoencoder(config, VAESizes(**setting), seed, augment)


def _make_denoiser(
    name: str, config: EnvConfig, setting: Setting, seed: int, augment: tuple[str, ...]
) -> Contender:
    from benchmarks.compare.denoiser import DenoiserSizes  # only these need diffusers
    from benchmarks.compare.diffusion import Diffusion
    from benchmarks.compare.flow_matching import FlowMatching

    kind = Diffusion if name == "diffusion" else FlowMatching
    return kind(config, DenoiserSizes(**setting), seed, augment)
