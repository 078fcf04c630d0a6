"""The options of `gcgen train` that define a model, in the groups that its help shows.

`GCGenConfig` is the group of the optimisation; the defaults of the others are those of
`EnvConfig`, `NetworkConfig` and `SelectionConfig`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from agents.common.scorer import WIDTH
from agents.common.selection import SelectionConfig
from gcgen_env.model.network_config import NetworkConfig

Ramp = tuple[float, float] | Literal["none"]
"""Temperatures of the look-ahead at the first step and after the last; "none" disables it."""


@dataclass(frozen=True)
class EnvironmentSettings:
    """The environment; options that are not given keep the values of the id."""

    dataset: str | None = None
    """Name of a data set, or a .npy, .npz or folder of your own images."""
    data_dir: Path | None = None
    """Folder of the data files; by default $GCGEN_DATA, then the cache, then a download."""
    image_size: int | None = None
    """Resize images to this height and width."""
    max_bytes: int | None = None
    """Most bytes that your own compressed images may decode to; by default 2 GiB."""
    num_proposals: int | None = None
    """Number of proposals at each step, A."""
    horizon: int | None = None
    """Number of decisions of a trajectory, H."""
    likelihood: Literal["bernoulli", "gaussian"] | None = None
    """Likelihood of a goal given the last state."""
    sigma: float | None = None
    """Standard deviation of the Gaussian likelihood, in image units."""
    binarize: bool | None = None
    """Draw binary goals from the grey levels (Bernoulli likelihood only)."""
    initial_state: str | None = None
    """The first state: mean, zeros, noise, or a .npy or image file."""
    rate: tuple[float, ...] | None = None
    """Scale of the chosen proposal: one number, or one for each step."""
    nucleus: float | None = None
    """Prior mass of the valid proposals, in (0, 1]; ignored while the S-agent is trained."""

    def to_kwargs(self) -> dict[str, Any]:
        """Return the fields that were given, as keywords of `EnvConfig`."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if "data_dir" in given:
            given["data_dir"] = str(given["data_dir"])  # the configuration is saved as JSON
        if len(given.get("rate", ())) == 1:
            given["rate"] = given["rate"][0]  # the same for all steps
        return given


@dataclass(frozen=True)
class SAgentSettings:
    """The S-agent, which is the generative model."""

    s_agent: str | None = None
    """Start from a saved S-agent's file, or from "pretrained"; by default from a new one."""
    width: int = NetworkConfig.width
    """Hidden units; a convolutional body has an eighth as many channels."""
    depth: int = NetworkConfig.depth
    """Number of residual blocks."""
    body: Literal["mlp", "conv"] | None = None
    """Perceptron or convolutions; by default the size of the images decides."""
    uniform_prior: bool = NetworkConfig.uniform_prior
    """Fix p_S(a) = 1/A, as in Discrete Distribution Networks."""

    def to_kwargs(self) -> dict[str, Any]:
        """Return keywords of `GCGen`; of the sizes only those that are not the defaults."""
        fields, defaults = asdict(self), asdict(SAgentSettings())
        s_agent = fields.pop("s_agent")
        sizes = {name: size for name, size in fields.items() if size != defaults[name]}
        return {"s_agent": s_agent, "s_agent_kwargs": sizes}


@dataclass(frozen=True)
class GCAgentSettings:
    """The GC-agent's selection: log q is the sum of log prior, look-ahead and learned score."""

    look_ahead: Ramp = SelectionConfig.look_ahead or "none"
    """Temperatures of the look-ahead at the first step and after the last."""
    learned: bool = SelectionConfig.learned
    """Add the learned score."""
    prior: bool = SelectionConfig.prior
    """Add log p_S."""
    hard: bool = SelectionConfig.hard
    """Put all probability on the best proposal, as in Discrete Distribution Networks."""
    gc_width: int = WIDTH
    """Hidden units of the learned score."""

    def to_kwargs(self) -> dict[str, Any]:
        """Return keywords of `GCPolicy`."""
        fields = {**asdict(self), "look_ahead": parse_ramp(self.look_ahead)}
        return {"width": fields.pop("gc_width"), **fields}


def parse_ramp(ramp: Ramp) -> tuple[float, float] | None:
    """Return the temperatures as `SelectionConfig` accepts them."""
    return None if isinstance(ramp, str) else ramp
