"""How a trained model generates: with the S-agent alone, or guided by a black box."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from agents.guidance.black_box import Guidance
from agents.guidance.guided_sample import GuidedSample
from agents.guidance.sampling import BATCH_SIZE, sample_guided
from gcgen_env.config import EnvConfig
from gcgen_env.model.chain import Chain
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.turns import Turns, alone
from gcgen_env.viewer.card import draw_card


class Generation:
    """The part of `GCGen` that needs no GC-agent."""

    s_agent: SAgent
    env_config: EnvConfig | None
    policy: Any
    num_timesteps: int
    turns: Turns = staticmethod(alone)
    """Who computes which batch of `sample`, `encode` and `evaluate_nll`."""

    def __repr__(self) -> str:
        """Show the sizes and how far it is trained, not the weights."""
        if not hasattr(self, "policy"):  # `_init_setup_model=False` makes none
            return f"{type(self).__name__}(not set up)"
        facts = f"{type(self.policy).__name__}, timesteps={self.num_timesteps:,}"
        return f"{type(self).__name__}({facts}, s_agent={self.s_agent})"

    def _repr_html_(self) -> str:
        """Return facts of both agents and some samples, for notebooks."""
        facts = {"GC-agent": type(self.policy).__name__, "timesteps": f"{self.num_timesteps:,}"}
        picture = self.s_agent.draw_samples()
        return draw_card(type(self).__name__, {**facts, **self.s_agent.describe()}, picture)

    @property
    def chain(self) -> Chain:
        """The S-agent's chain with the environment's rules: its nucleus, and single use."""
        config = self.env_config
        if config is None:
            return self.s_agent.chain  # the S-agent's own keeps all proposals
        return replace(self.s_agent.chain, nucleus=config.nucleus, single_use=config.single_use)

    @overload
    def sample(
        self,
        num: int,
        seed: int | None = ...,
        draw: str = ...,
        return_trajectory: bool = ...,
        *,
        label: Any = ...,
    ) -> NDArray[np.float32]: ...

    @overload
    def sample(
        self,
        num: int,
        seed: int | None = ...,
        *,
        guidance: Guidance,
        scale: float = ...,
        num_particles: int = ...,
        batch_size: int = ...,
        label: int | None = ...,
    ) -> GuidedSample: ...

    def sample(
        self,
        num: int,
        seed: int | None = None,
        draw: str = "mean",
        return_trajectory: bool = False,
        *,
        guidance: Guidance | None = None,
        scale: float = 1.0,
        num_particles: int = 1,
        batch_size: int = BATCH_SIZE,
        label: Any = None,
    ) -> NDArray[np.float32] | GuidedSample:
        """Generate images with the S-agent; see `SAgent.sample`, and with guidance `sample_guided`.

        Args:
            num: Number of images.
            seed: Seed of the draws; None draws anew.
            draw: "mean" returns the likelihood's means, "sample" also draws the values.
            return_trajectory: Return the images of x_0 to x_H instead of x_H alone.
            guidance: A function that maps images (B, *S) to scores (B,), higher = better.
            scale: How much the scores count.
            num_particles: Trajectories that are compared for each image.
            batch_size: Largest number of images in one call of the guidance.
            label: Class of the images, for a model that was trained with `condition="label"`; or
                one for each image, shape (num,), but not with guidance. None draws from all.

        Returns:
            Images, shape (num, *S), or (H + 1, num, *S); with guidance a `GuidedSample`, whose
            codes give the trajectories: `decode(codes, return_trajectory=True)`.

        Raises:
            ValueError: If an option is invalid or the guidance fails.
        """
        if guidance is None:
            if (scale, num_particles, batch_size) != (1.0, 1, BATCH_SIZE):
                raise ValueError("scale, num_particles and batch_size need guidance=")
            pruned = replace(self.s_agent, chain=self.chain, turns=self.turns)
            return pruned.sample(num, seed, draw, return_trajectory, label)
        if draw != "mean" or return_trajectory:
            raise ValueError(
                "guided images are means: leave draw and return_trajectory out, and decode the "
                "codes for the trajectories"
            )
        if np.ndim(label):
            raise ValueError(f"guided images have one label for all of them, got {len(label)}")
        chain = self.chain.given(label)
        sample = sample_guided(chain, num, guidance, scale, num_particles, seed, batch_size)
        return replace(sample, label=label)  # its codes mean nothing without it

    def studio(self, **options: Any) -> Any:
        """Open the studio with this model; in a notebook it is shown below the cell.

        Args:
            **options: Of `agents.studio.notebook.open_studio`.

        Returns:
            The running studio, with `url` and `close()`.

        Raises:
            ImportError: If gradio is not installed: pip install -e '.[studio]'.
        """
        # By its name: the studio stands above the agents, and needs gradio.
        return import_module("agents.studio.notebook").open_studio(self, **options)

    def decode(
        self, codes: Any, return_trajectory: bool = False, label: Any = None
    ) -> NDArray[np.float32]:
        """Return the images of codes, or of prefixes of codes; see `SAgent.decode`."""
        return self.s_agent.decode(codes, return_trajectory, label)
