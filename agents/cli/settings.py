"""The options of `gcgen train` that make a model, in the groups that its help shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from agents.common.selection import SelectionConfig
from gcgen_env.model.network import NetworkConfig

Ramp = tuple[float, float] | Literal["none"]
"""Two temperatures, or none."""


@dataclass(frozen=True)
class EnvironmentSettings:
    """What the agents learn from; what is left out is the id's own."""

    dataset: str | None = None
    """Name of a data set, or a .npy, .npz or folder of your own images."""
    data_dir: Path | None = None
    """Folder of the data files; else $GCGEN_DATA, else the cache, else a download."""
    image_size: int | None = None
    """Resize images to this height and width."""
    num_proposals: int | None = None
    """A, the number of proposals at each step."""
    horizon: int | None = None
    """H, the number of decisions of a trajectory."""
    likelihood: Literal["bernoulli", "gaussian"] | None = None
    """Of a goal given the last state."""
    sigma: float | None = None
    """Standard deviation of the Gaussian likelihood, in image units."""
    binarize: bool | None = None
    """Bernoulli only: draw binary goals from the grey levels."""
    initial_state: str | None = None
    """mean, zeros, noise, or a .npy or image file."""
    rate: tuple[float, ...] | None = None
    """Scale of the chosen proposal: one number, or one for each step."""
    nucleus: float | None = None
    """Prior mass of the valid proposals, in (0, 1]; training the S-agent ignores it."""

    def to_kwargs(self) -> dict[str, Any]:
        """Return the fields that were given, as keywords of `EnvConfig`."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if "data_dir" in given:
            given["data_dir"] = str(given["data_dir"])
        if len(given.get("rate", ())) == 1:
            given["rate"] = given["rate"][0]
        return given


@dataclass(frozen=True)
class SAgentSettings:
    """The generative model."""

    s_agent: str | None = None
    """Start from a saved S-agent's file, or "pretrained"; else from a fresh one."""
    train_s_agent: bool = True
    """Train it; otherwise only the GC-agent learns."""
    width: int = NetworkConfig.width
    """Hidden units; channels of a convolutional body are an eighth of it."""
    depth: int = NetworkConfig.depth
    """Number of residual blocks."""
    body: Literal["mlp", "conv"] | None = None
    """Perceptron or convolutions; by the size of the images if left out."""
    uniform_prior: bool = NetworkConfig.uniform_prior
    """Fix p_S(a) = 1/A, as Discrete Distribution Networks do."""

    def to_kwargs(self) -> dict[str, Any]:
        """Return keywords of `GCGen`; sizes only where they are not the usual ones."""
        fields, usual = asdict(self), asdict(SAgentSettings())
        own = {name: fields.pop(name) for name in ("s_agent", "train_s_agent")}
        sizes = {name: size for name, size in fields.items() if size != usual[name]}
        return {**own, "s_agent_kwargs": sizes}


@dataclass(frozen=True)
class GCAgentSettings:
    """The selection among proposals: log q = prior + look-ahead + learned score."""

    look_ahead: Ramp = SelectionConfig.look_ahead or "none"
    """Temperatures at the first step and after the last."""
    learned: bool = SelectionConfig.learned
    """Add the learned score."""
    prior: bool = SelectionConfig.prior
    """Add log p_S."""
    hard: bool = SelectionConfig.hard
    """Put all probability on the best proposal, as Discrete Distribution Networks do."""
    gc_width: int = 128
    """Hidden units of the learned score."""

    def to_kwargs(self) -> dict[str, Any]:
        """Return keywords of `GCPolicy`."""
        fields = {**asdict(self), "look_ahead": parse_ramp(self.look_ahead)}
        width = fields.pop("gc_width")
        return {**fields, "width": width}


@dataclass(frozen=True)
class OptimisationSettings:
    """How both are trained."""

    learning_rate: float = 2e-3
    """Of the S-agent."""
    gc_learning_rate: float = 3e-3
    """Of the GC-agent's learned score, temperature and value."""
    gc_objective: Literal[
        "leave_one_out", "expert_iteration", "path_consistency", "policy_gradient"
    ] = "leave_one_out"
    """How these learn."""
    gc_interval: int = 16
    """Updates of the S-agent for each one of the GC-agent."""
    auxiliary: float = 1.0
    """Weight of the reconstructions on the way, which falls to zero over the budget."""
    lr_schedule: Literal["cosine", "constant"] = "cosine"
    """Cosine falls to zero at the end of the budget."""
    n_envs: int = 128
    """Trajectories rolled out at once."""
    batch_size: int = 64
    """Trajectories of one gradient step, best a multiple of 8: leave-one-out compares
    gcd(batch_size, 8) paths of each goal."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """In which proposals are scored while training; auto is the faster one here."""


def parse_ramp(ramp: Ramp) -> tuple[float, float] | None:
    """Return a ramp as `SelectionConfig` takes it."""
    return None if isinstance(ramp, str) else ramp
