"""What a trained pair of agents is for: generate, encode, decode, evaluate, select."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.gcgen.evaluation import NLLReport, evaluate_bound
from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.policies import GCPolicy
from agents.gcgen.prediction import predict_by_search
from agents.gcgen.rollout import Path, Selector, rollout
from agents.gcgen.search import STEPS, FixedCodes, SoftSearch, beam_search, check_search
from gcgen_env.config import EnvConfig
from gcgen_env.model.chain import Chain
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.sampling import choose_best

_BATCH = 256


class GenerativeModel:
    """The generative side of `GCGen`: everything here needs the two agents alone."""

    policy: GCPolicy
    s_agent: SAgent
    env_config: EnvConfig | None
    device: torch.device

    @property
    def chain(self) -> Chain:
        """The S-agent's chain, pruned as the environment asks."""
        nucleus = 1.0 if self.env_config is None else self.env_config.nucleus
        return replace(self.s_agent.chain, nucleus=nucleus)

    def sample(
        self,
        num: int,
        seed: int | None = None,
        draw: str = "mean",
        return_trajectory: bool = False,
    ) -> NDArray[np.float32]:
        """Generate images with the S-agent alone; see `SAgent.sample`."""
        return self._pruned().sample(num, seed, draw, return_trajectory)

    def encode(self, images: Any, search: str = "none", width: int = 8) -> NDArray[np.int64]:
        """Return the codes of images: the most probable choices, deterministic.

        Args:
            images: Goals, shape (B, *S), within the bounds of the data.
            search: "none" asks the GC-agent alone; "two_step" also looks behind its `width`
                best proposals, "three_step" behind the best of what follows these, too; "beam"
                keeps the `width` best partial paths.
            width: Of the search; its cost is about `width` times that of none, with three steps
                five times that.

        Returns:
            Codes, shape (B, H), int64.
        """
        return self._encode(images, search, width).action.cpu().numpy()

    def decode(self, codes: Any, return_trajectory: bool = False) -> NDArray[np.float32]:
        """Return the images that codes, or prefixes of codes, stand for; see `SAgent.decode`."""
        return self.s_agent.decode(codes, return_trajectory)

    def reconstruct(self, images: Any, search: str = "none", width: int = 8) -> NDArray[np.float32]:
        """Return what the agents make of images (B, *S) as goals: decode(encode(images, ...))."""
        return self.decode(self.encode(images, search, width))

    def evaluate_nll(
        self,
        images: Any,
        num_paths: int = 1,
        seed: int | None = 0,
        search: str = "none",
        width: int = 8,
    ) -> NLLReport:
        """Bound the negative log-likelihood of images.

        Args:
            images: Shape (N, *S). With a Bernoulli likelihood grey levels are binarised by
                `seed`, unless the environment keeps them (`binarize=False`).
            num_paths: M; 1 gives -ELBO, more IW-M.
            seed: Of the binarisation and the paths.
            search: As in `encode`; always a bound. "beam" finds one path for each image.
            width: Of the search.

        Raises:
            ValueError: If the images or the search do not fit.
        """
        check_search(search, width)
        if search == "beam" and num_paths > 1:
            raise ValueError(
                f"a beam search is certain of one path for each image, got num_paths={num_paths}"
            )
        goals = self._check_images(images)
        config = self.env_config
        if self.s_agent.likelihood.name == "bernoulli" and (config is None or config.binarize):
            draws = np.random.default_rng(seed).random(goals.shape, dtype=np.float32)
            goals = (torch.from_numpy(draws) < goals.cpu()).float().to(self.device)
        self.policy.set_training_mode(False)
        chain = self.chain

        def make_selector(batch: Tensor) -> Selector:
            return self._make_selector(chain, batch, search, width)

        return evaluate_bound(chain, make_selector, goals, num_paths, seed)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
        search: str = "none",
        width: int = 8,
    ) -> tuple[NDArray[Any], Any]:
        """Select proposals with the GC-agent; masks are read from the observation.

        Args:
            observation: Of an environment in pixels mode, single or batched.
            state: Unused, returned as it is.
            episode_start: Unused.
            deterministic: Take the most probable proposal instead of drawing one.
            search: As in `encode`; the environment's proposer must be the model's S-agent.
            width: Of the search.

        Returns:
            Actions, and `state`.

        Raises:
            ValueError: If the observation shows no proposals, or others than a search needs.
        """
        if "proposals" not in observation:
            raise ValueError(
                "the GC-agent selects among the proposals it is shown: make the environment "
                'with obs_mode="pixels"'
            )
        if search == "none":
            return self.policy.predict(observation, state, episode_start, deterministic)
        agent = GCAgent(self.policy, self.chain)
        return predict_by_search(agent, observation, search, width, deterministic), state

    def _encode(self, images: Any, search: str, width: int) -> Path:
        """Roll out the most probable choices."""
        check_search(search, width)
        self.policy.set_training_mode(False)
        goals, chain = self._check_images(images), self.chain
        with torch.no_grad():
            paths = [
                rollout(chain, self._make_selector(chain, batch, search, width), batch, choose_best)
                for batch in goals.split(_BATCH)
            ]
        return Path(*(torch.cat(part) for part in zip(*paths, strict=True)))

    def _make_selector(self, chain: Chain, goals: Tensor, search: str, width: int) -> Selector:
        """Make what selects for these goals: the GC-agent, or a search that starts from it."""
        if search == "beam":
            return FixedCodes(beam_search(chain, goals, width))
        agent = GCAgent(self.policy, chain)
        return agent if search == "none" else SoftSearch(agent, width, STEPS[search])

    def _check_images(self, images: Any) -> Tensor:
        """Return images (B, *S) as float32 on the device, or raise."""
        array, likelihood = np.asarray(images, dtype=np.float32), self.s_agent.likelihood
        if array.shape[1:] != self.s_agent.chain.shape or not len(array):
            raise ValueError(
                f"images must have shape (B, {str(self.s_agent.chain.shape)[1:]} with B >= 1, "
                f"got {array.shape}"
            )
        low, high = likelihood.low, likelihood.high
        if not np.isfinite(array).all() or array.min() < low or array.max() > high:
            raise ValueError(f"images must be finite and within [{low:g}, {high:g}]")
        return torch.from_numpy(array).to(self.device)

    def _pruned(self) -> SAgent:
        """Return the S-agent with the environment's pruning."""
        return replace(self.s_agent, chain=self.chain)
