"""The options of `gcgen train`, in the groups that its help shows; they need no torch.

`GCGenConfig` is the group of the optimisation; the defaults of the others are those of
`EnvConfig`, `NetworkConfig` and `SelectionConfig`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from agents.common.selection_config import WIDTH, SelectionConfig
from agents.gcgen.config import GCGenConfig
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
    """Number of proposals at each step, A; on Images one that suits the images."""
    horizon: int | None = None
    """Number of decisions of a trajectory, H; Images likewise."""
    likelihood: Literal["bernoulli", "gaussian"] | None = None
    """Likelihood of a goal given the last state."""
    sigma: float | None = None
    """Standard deviation of the Gaussian likelihood, in image units; Images and FashionMNIST train
    with 0.1 by default, and the end of the run fits it to the validation images."""
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
    """Hidden units."""
    depth: int = NetworkConfig.depth
    """Number of residual blocks."""
    features: int | Literal["auto"] | None = "auto"
    """What proposals are made of, a linear map of the hidden units; auto: 64, with a basis
    codewords instead."""
    basis: int | None = None
    """Largest number of principal components in which images are proposed, 0 for their pixels; by
    default 800 for images of more than 784 values with a Gaussian likelihood."""
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

    look_ahead: Ramp | Literal["auto"] = "auto"
    """Temperatures of the look-ahead at the first step and after the last; auto: 0.2 1.1, for small
    images 0.8 1.0."""
    learned: bool = False
    """Add the learned score; always so if the S-agent is frozen."""
    prior: bool = SelectionConfig.prior
    """Add log p_S."""
    hard: bool = SelectionConfig.hard
    """Put all probability on the best proposal, as in Discrete Distribution Networks."""
    gc_width: int = WIDTH
    """Hidden units of the learned score."""

    def to_kwargs(self) -> dict[str, Any]:
        """Return keywords of `GCPolicy`."""
        fields = asdict(self)
        if self.look_ahead == "auto":
            del fields["look_ahead"]  # the default of `GCGen`
        else:
            fields["look_ahead"] = parse_ramp(self.look_ahead)
        if not self.learned:
            del fields["learned"]  # likewise
        return {"width": fields.pop("gc_width"), **fields}


def parse_ramp(ramp: Ramp) -> tuple[float, float] | None:
    """Return the temperatures as `SelectionConfig` accepts them."""
    return None if isinstance(ramp, str) else ramp


@dataclass(frozen=True)
class TrainSettings:
    """Every option of `gcgen train`; a run records them."""

    env: str = "GCGen-Digits-v0"
    """Id of an environment; `gcgen info` lists them."""
    minutes: float | None = None
    """Training time; 3 without --timesteps. With both, the first limit that is reached counts."""
    timesteps: int | None = None
    """Number of decisions, summed over all trajectories."""
    out: Path | None = None
    """Folder of the run; by default runs/<short id>-<seed>."""
    keep: Literal["auto", "best", "last"] = "auto"
    """The model that a run ends with: the last one, or the best one on validation images, which are
    evaluated for about 5 % of the training; auto: best for your own images if they have a
    validation split of their own, otherwise last."""
    seed: int = 0
    """Seed of the run; it reproduces a run with a given number of timesteps."""
    track: Literal["none", "wandb", "mlflow"] = "none"
    """Also send figures and pictures to Weights & Biases or to MLflow, as the environment variables
    of these libraries say; without a network the files stay on this machine."""
    config: Path | None = None
    """The config.json or the folder of another run: its settings are the defaults of all other
    options but --out, --resume and --overwrite."""
    resume: Annotated[tuple[Path, ...] | None, tyro.conf.arg(metavar="[FOLDER]")] = None
    """Continue the run in a folder, or in --out, with its own settings and budget;
    --minutes and --timesteps change the budget of the whole run."""
    overwrite: bool = False
    """Start a new run in a folder that already has one."""
    device: str = "auto"
    """Torch device."""
    threads: int | None = None
    """Number of torch's threads; by default it is left as it is."""
    processes: int = 1
    """Processes on this machine that share each update. Not needed with torchrun."""
    max_restarts: int = 0
    """How often the processes are started again, from the last checkpoint, if one of them dies. Not
    needed with torchrun, which has the same option."""
    environment: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    s_agent: SAgentSettings = field(default_factory=SAgentSettings)
    gc_agent: GCAgentSettings = field(default_factory=GCAgentSettings)
    optimisation: GCGenConfig = field(default_factory=GCGenConfig)
    """How both agents are trained."""

    def find_path(self) -> Path:
        """Return the folder of the run.

        Raises:
            ValueError: If --resume names several folders, or another folder than --out.
        """
        named = self.resume or ()
        if len(named) > 1 or (named and self.out not in (None, named[0])):
            raise ValueError("--resume continues one run: name its folder once")
        short = self.env.removeprefix("gcgen_env:").removeprefix("GCGen-").removesuffix("-v0")
        default = Path("runs") / f"{short.lower()}-{self.seed}"
        return named[0] if named else self.out or default

    def to_json(self) -> dict[str, Any]:
        """Return every setting as JSON values, in groups; paths become strings."""
        return json.loads(json.dumps(asdict(self), default=str))
