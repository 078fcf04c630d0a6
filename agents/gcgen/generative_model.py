"""What a trained pair of agents can do: generate, encode, decode, evaluate, select."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.common.decision import NEEDS_PROPOSALS, check_observation
from agents.common.masking import join_masks
from agents.gcgen.bound import evaluate_bound
from agents.gcgen.conditional_bound import evaluate_given
from agents.gcgen.generation import Generation
from agents.gcgen.nll_report import NLLReport
from agents.gcgen.noise_scale import fit_sigma
from agents.gcgen.policies import GCPolicy
from agents.gcgen.predict_by_search import predict_by_search
from agents.gcgen.rollout import GCAgent, rollout
from agents.gcgen.search import FixedCodes, SoftSearch, beam_search
from agents.gcgen.search_names import STEPS, check_search
from gcgen_env.datasets import Dataset, DataSource
from gcgen_env.model.build import open_data
from gcgen_env.model.chain import Chain
from gcgen_env.model.coordinates import RolloutSpace
from gcgen_env.model.fixed_batches import fill
from gcgen_env.model.likelihoods import Gaussian, binarize
from gcgen_env.model.sampling import choose_best

_BATCH = 256  # goals in one roll-out: memory does not grow with their number
_MULTIPLE = 8  # of goals are encoded together: matrix products of fewer rows round otherwise


class GenerativeModel(Generation):
    """The generative side of `GCGen`; it needs the two agents only."""

    policy: GCPolicy
    device: torch.device
    _data: DataSource | None
    _live_env: Any

    def load_split(self, name: str) -> Dataset:
        """Return a split of the model's data set: "train", "validation" or "test".

        Data that the model has read already are not read again.
        """
        return self._open_data().split(name)

    def encode(self, images: Any, search: str = "none", width: int = 8) -> NDArray[np.int64]:
        """Return the codes of images: the most probable choices, which the others do not affect.

        Args:
            images: Goals, shape (B, *S), within the bounds of the data.
            search: "none" uses the GC-agent alone; "two_step" also evaluates the states after its
                `width` best proposals, "three_step" also those after their best proposals; "beam"
                keeps the `width` best partial paths.
            width: Width of the search. It costs about `width` times as much as no search, and
                "three_step" five times more.

        Returns:
            Codes, shape (B, H), int64.
        """
        check_search(search, width)
        self.policy.set_training_mode(False)
        space = self._space(self.chain)
        goals, chain = space.enter(self._check_images(images)), space.chain

        @torch.no_grad()
        def choose(batch: Tensor) -> tuple[Tensor]:
            agent = self._make_agent(chain, batch, search, width)
            return (rollout(chain, agent, batch, choose_best).action,)

        codes = self.turns(fill(goals, _MULTIPLE).split(_BATCH), choose)
        return torch.cat([each for (each,) in codes])[: len(goals)].cpu().numpy()  # (B, H)

    def reconstruct(self, images: Any, search: str = "none", width: int = 8) -> NDArray[np.float32]:
        """Return the reconstructions of images (B, *S): decode(encode(images, ...))."""
        return self.decode(self.encode(images, search, width))

    def evaluate_nll(
        self,
        images: Any,
        num_paths: int = 1,
        seed: int | None = 0,
        search: str = "none",
        width: int = 8,
        label: Any = None,
    ) -> NLLReport:
        """Bound the negative log-likelihood of images.

        Args:
            images: Shape (N, *S). With a Bernoulli likelihood grey levels are binarised, unless
                the environment keeps them (`binarize=False`).
            num_paths: M; 1 gives -ELBO, more IW-M.
            seed: Seed of the binarisation and the paths; None draws both anew.
            search: As in `encode`; the result is always a bound. "beam" finds one path for each
                image.
            width: Width of the search.
            label: Classes of the images, shape (N,), or one for all: bounds -log p_S(g | class) of
                a conditional model instead of -log p_S(g).

        Raises:
            ValueError: If the images, the search or the labels do not fit.
        """
        check_search(search, width)
        if search == "beam" and num_paths > 1:
            raise ValueError(
                f"a beam search finds one path for each image, got num_paths={num_paths}"
            )
        goals = self._check_images(images)
        config = self.env_config
        is_bernoulli = self.s_agent.likelihood.name == "bernoulli"
        if is_bernoulli and (config is None or config.has_binary_goals):
            binary = binarize(goals.cpu().numpy(), np.random.default_rng(seed))
            goals = torch.from_numpy(binary).to(self.device)
        self.policy.set_training_mode(False)

        def make_agent(chain: Chain, batch: Tensor) -> GCAgent:
            return self._make_agent(chain, batch, search, width)

        options = (num_paths, seed, self.turns)
        if label is not None:
            return evaluate_given(self._space, make_agent, self.chain, goals, label, *options)
        space = self._space(self.chain)
        return evaluate_bound(space, partial(make_agent, space.chain), goals, *options)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
        search: str = "none",
        width: int = 8,
        action_masks: Any = None,
    ) -> tuple[NDArray[Any], Any]:
        """Select proposals with the GC-agent; masks are read from the observation.

        Args:
            observation: Of an environment in pixels mode, single or batched.
            state: Unused, returned as it is.
            episode_start: Unused.
            deterministic: Take the most probable proposal instead of drawing one.
            search: As in `encode`; the environment's proposer must be the model's S-agent.
            width: Width of the search.
            action_masks: Further masks, shape (A,) or (B, A), as contrib's functions pass them.

        Returns:
            Actions, and `state`.

        Raises:
            ValueError: If the observation shows no proposals, or not those that a search needs.
        """
        check_observation(observation, "proposals", NEEDS_PROPOSALS)
        mask = observation["action_mask"]
        allowed = mask if action_masks is None else join_masks(mask, action_masks)
        if search == "none":
            observation = {**observation, "action_mask": allowed}
            return self.policy.predict(observation, state, episode_start, deterministic)
        agent = self.policy.make_selection()
        return predict_by_search(
            agent, self.chain, observation, search, width, deterministic, allowed
        ), state

    def fit_sigma(self, images: Any) -> float:
        """Set sigma of the Gaussian likelihood to that of the shortest code of images.

        If they have no code length (see `bits_per_dim`), it minimises minus their log-density.

        Args:
            images: Images that were not trained on, shape (B, *S): the validation split.

        Returns:
            sigma.

        Raises:
            ValueError: If the environment has a number as sigma, or the likelihood has none.
        """
        likelihood = self._find_open_likelihood()
        sigma = fit_sigma(likelihood, self.reconstruct(images), self._check_images(images))
        self.set_sigma(sigma)
        return sigma

    def set_sigma(self, sigma: float) -> None:
        """Set sigma of the Gaussian likelihood, in image units; see `fit_sigma`.

        Raises:
            ValueError: As `fit_sigma` does, or if it is not positive and finite.
        """
        likelihood = self._find_open_likelihood()
        chain = replace(self.s_agent.chain, likelihood=replace(likelihood, sigma=sigma))
        self.s_agent = replace(self.s_agent, chain=chain)
        self._live_env = None  # it has the sigma of before

    def _find_open_likelihood(self) -> Gaussian:
        """Return the likelihood if its sigma may be set, or raise a ValueError."""
        config, likelihood = self.env_config, self.s_agent.likelihood
        is_fixed = config is not None and config.sigma is not None
        if not isinstance(likelihood, Gaussian) or is_fixed:
            raise ValueError("there is no sigma to fit: it needs likelihood='gaussian', sigma=None")
        return likelihood

    def _space(self, chain: Chain) -> RolloutSpace:
        """Return where trajectories are computed; learned terms read images."""
        has_score = self.policy.selection.learned or self.policy.make_selection().next_scores
        return RolloutSpace(chain, chain) if has_score else RolloutSpace.of(chain)

    def _enter(self, chain: Chain, goals: Tensor) -> tuple[Chain, Tensor]:
        """Return the chain of the roll-outs, and goals (B, *S) as they see them."""
        space = self._space(chain)
        return space.chain, space.enter(goals)

    def _open_data(self) -> DataSource:
        """Return the data of the environment; a loaded model opens them when they are needed."""
        if self._data is None:
            assert self.env_config is not None
            self._data = open_data(self.env_config)
        return self._data

    def _make_agent(self, chain: Chain, goals: Tensor, search: str, width: int) -> GCAgent:
        """Make the GC-agent of a roll-out with these goals, or the search that extends it."""
        if search == "beam":
            return FixedCodes(beam_search(chain, goals, width))
        agent = self.policy.make_selection()
        return agent if search == "none" else SoftSearch(agent, chain, width, STEPS[search])

    def _check_images(self, images: Any) -> Tensor:
        """Return images (B, *S) as float32 on the device, or raise a ValueError."""
        likelihood = self.s_agent.likelihood
        try:
            array = np.asarray(images, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(f"images must be an array of numbers: {error}") from error
        if array.shape[1:] != self.s_agent.chain.shape or not len(array):
            raise ValueError(
                f"images must have shape (B, {str(self.s_agent.chain.shape)[1:]} with B >= 1, "
                f"got {array.shape}"
            )
        low, high = likelihood.low, likelihood.high
        if not np.isfinite(array).all() or array.min() < low or array.max() > high:
            hint = "; divide bytes by 255" if (low, high) == (0, 1) and array.max() > 2 else ""
            raise ValueError(
                f"images must be finite and within [{low:g}, {high:g}], got values from "
                f"{array.min():g} to {array.max():g}{hint}"
            )
        return torch.from_numpy(array).to(self.device)
