"""The S-agent: proposes changes and chooses among them, blind to any goal. It generates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.config import EnvConfig
from gcgen_env.datasets import Dataset
from gcgen_env.model.build import check_saved, make_dataset, make_dynamics, make_likelihood_of
from gcgen_env.model.chain import Chain
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.model.network import NetworkConfig, ProposalNetwork
from gcgen_env.model.sampling import make_sampler
from gcgen_env.model.saved import SavedSAgent, load_s_agent, pretrained_path, save_s_agent

ACTIVE_SPREAD = 0.02
"""A value is active if its standard deviation, in units of the range, exceeds this."""
_SAMPLE_BATCH = 1024


@dataclass(frozen=True, eq=False)
class SAgent:
    """A generative model of images: p_S over codes, and p(g | x_H)."""

    network: ProposalNetwork
    """Proposals and prior."""
    chain: Chain
    """The decision chain with this network as its proposer."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Where it comes from."""

    @classmethod
    def fresh(cls, config: EnvConfig, data: Dataset, **sizes: Any) -> SAgent:
        """Make an untrained S-agent for an environment.

        Args:
            config: The environment's configuration.
            data: Its training images.
            **sizes: `width`, `depth`, `body` or `uniform_prior` of `NetworkConfig`.
        """
        likelihood = make_likelihood_of(config, data)
        dynamics = make_dynamics(config, data, likelihood)
        network_config = NetworkConfig(
            data.shape, config.num_proposals, config.horizon, config.likelihood, **sizes
        )
        active = find_active(data, likelihood.mean(dynamics.initial))
        network = ProposalNetwork(network_config, active)
        return cls(network, Chain(network, dynamics, likelihood), {"dataset": data.name})

    @classmethod
    def from_saved(cls, saved: SavedSAgent) -> SAgent:
        """Wrap a saved S-agent."""
        chain = Chain(saved.network, saved.dynamics, saved.likelihood)
        return cls(saved.network, chain, dict(saved.metadata))

    @classmethod
    def load(cls, path: str | Path, device: torch.device | str = "cpu") -> SAgent:
        """Read a file written by `save`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged or holds something else.
        """
        return cls.from_saved(load_s_agent(path, device))

    def save(self, path: str | Path, half: bool = False, **metadata: Any) -> Path:
        """Write the S-agent to one file: what `proposer=` of the environments takes.

        Args:
            path: Where to write, any suffix.
            half: Store the weights as float16.
            **metadata: JSON values to add to the file's metadata.

        Returns:
            The path written.
        """
        agent = self.to_saved()
        return save_s_agent(path, replace(agent, metadata={**agent.metadata, **metadata}), half)

    def to_saved(self) -> SavedSAgent:
        """Return the parts that a file holds."""
        return SavedSAgent(self.network, self.chain.dynamics, self.chain.likelihood, self.metadata)

    def to(self, device: torch.device | str) -> SAgent:
        """Return the same S-agent on another device; its weights move."""
        self.network.to(device)
        chain = replace(self.chain, dynamics=self.chain.dynamics.to(device))
        return replace(self, chain=chain)

    @property
    def likelihood(self) -> Likelihood:
        """p(g | x)."""
        return self.chain.likelihood

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.chain.dynamics.initial.device

    @torch.no_grad()
    def sample(
        self,
        num: int,
        seed: int | None = None,
        draw: str = "mean",
        return_trajectory: bool = False,
    ) -> NDArray[np.float32]:
        """Generate images: from x_0, add H proposals drawn from p_S.

        Args:
            num: How many images.
            seed: Reproduces the draws; None draws anew.
            draw: "mean" returns the likelihood's means, "sample" draws the values too.
            return_trajectory: Return the images of x_0 to x_H instead of x_H alone.

        Returns:
            Images, shape (num, *S), or (H + 1, num, *S); float32.

        Raises:
            ValueError: If `num` is not positive or `draw` is unknown.
        """
        if num < 1:
            raise ValueError(f"num must be at least 1, got {num}")
        if draw not in ("mean", "sample"):
            raise ValueError(f"draw must be 'mean' or 'sample', got {draw!r}")
        rng = np.random.default_rng(seed)
        choose = make_sampler(torch.Generator().manual_seed(int(rng.integers(2**62))))
        sizes = [min(_SAMPLE_BATCH, num - i) for i in range(0, num, _SAMPLE_BATCH)]

        horizon = self.chain.horizon

        def draw_action(h: int, log_prior: Tensor) -> Tensor:
            return choose(log_prior)

        batches = [self._roll(size, horizon, draw_action, return_trajectory) for size in sizes]
        images = torch.cat(batches, dim=1).cpu().numpy()  # (H + 1 or 1, num, *S)
        if draw == "sample":
            images[-1] = self.likelihood.sample(images[-1], rng)
        return images if return_trajectory else images[-1]

    @torch.no_grad()
    def decode(self, codes: Any, return_trajectory: bool = False) -> NDArray[np.float32]:
        """Return the images that codes stand for.

        Args:
            codes: Chosen indices, shape (B, h), integers in [0, A), h <= H: any prefix of a
                code decodes.
            return_trajectory: Return the images of x_0 to x_h instead of x_h alone.

        Returns:
            Likelihood means, shape (B, *S), or (h + 1, B, *S); float32.

        Raises:
            ValueError: If the codes are of another shape or out of range.
        """
        actions = torch.from_numpy(self._check_codes(codes)).to(self.device)

        def look_up(h: int, log_prior: Tensor) -> Tensor:
            return actions[:, h]

        images = self._roll(len(actions), actions.shape[1], look_up, return_trajectory)
        return (images if return_trajectory else images[-1]).cpu().numpy()

    def _roll(
        self, num: int, steps: int, choose: Callable[[int, Tensor], Tensor], keep: bool
    ) -> Tensor:
        """Add chosen proposals to x_0, computing no others.

        Args:
            num: B.
            steps: How many to add.
            choose: Maps h and log p_S (B, A) to actions (B,).
            keep: Return the images of all states instead of the last one alone.

        Returns:
            Likelihood means, shape (steps + 1 or 1, B, *S).
        """
        canvas = self.chain.dynamics.start(num)
        canvases = [canvas]
        for h in range(steps):
            step = torch.full((num,), h, device=self.device)
            offer = self.chain.offer(canvas, step, all_wanted=False)
            delta = offer.rows(choose(h, offer.log_prior))
            canvas = self.chain.dynamics.advance(canvas, delta, step)
            canvases = [*canvases, canvas] if keep else [canvas]
        return self.likelihood.mean(torch.stack(canvases))

    def _check_codes(self, codes: Any) -> NDArray[np.int64]:
        """Return codes as int64 (B, h), or raise."""
        array, num = np.asarray(codes), self.network.num_proposals
        if array.ndim != 2 or array.shape[1] > self.chain.horizon:
            raise ValueError(
                f"codes must have shape (B, h) with h <= {self.chain.horizon}, got {array.shape}"
            )
        if not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"codes must be integers, got {array.dtype}")
        if array.size and not (0 <= array.min() and array.max() < num):
            raise ValueError(f"codes must lie in [0, {num}), got {array.min()}..{array.max()}")
        return array.astype(np.int64)


def make_s_agent(config: EnvConfig, start: str | Path | SAgent | None, **sizes: Any) -> SAgent:
    """Return the S-agent to train on an environment, with its x_0 and rate.

    Args:
        config: The environment's configuration.
        start: None for a fresh one, "pretrained", a saved file, or an S-agent.
        **sizes: Of a fresh one, see `SAgent.fresh`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the S-agent does not fit the environment.
    """
    data = make_dataset(config, "train")
    if start is None:
        return SAgent.fresh(config, data, **sizes)
    if not isinstance(start, SAgent):
        is_shipped = start == "pretrained"
        start = SAgent.load(pretrained_path(str(config.dataset)) if is_shipped else start)
    for name, size in sizes.items():
        own = getattr(start.network.config, name, None)
        if size not in (None, own):
            raise ValueError(f"the S-agent to start from has {name}={own}, asked for {size}")
    saved, likelihood = start.to_saved(), make_likelihood_of(config, data)
    check_saved(saved, config, likelihood, data.shape)
    dynamics = make_dynamics(config, data, likelihood, saved)
    metadata = {"dataset": data.name, "started_from": start.metadata}
    chain = replace(start.chain, dynamics=dynamics)
    return replace(start, chain=chain, metadata=metadata)


def find_active(data: Dataset, initial: Tensor) -> Tensor:
    """Find the values that proposals need to change, shape (*S), bool.

    A value is left out only if it hardly varies over the training images and the initial
    image already has it right.

    Args:
        data: Training images.
        initial: The initial image, shape (*S).
    """
    count = min(len(data), 10_000)
    images = data.take(np.linspace(0, len(data) - 1, count).astype(np.int64))
    threshold = ACTIVE_SPREAD * (data.high - data.low)
    off = np.abs(images.mean(axis=0) - initial.cpu().numpy())
    return torch.from_numpy((images.std(axis=0) > threshold) | (off > threshold))
