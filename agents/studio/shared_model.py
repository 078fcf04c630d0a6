"""A model as all sessions of the studio share it: it proposes, decodes and encodes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.codec.exact_chain import hash_s_agent
from agents.common.scorer import ProposalScorer
from agents.common.selection import Selection
from agents.common.selection_config import SelectionConfig
from agents.gcgen import GCGen
from agents.gcgen.rollout import rollout
from agents.gcgen.small_images import SMALL_RAMP, is_small
from gcgen_env.datasets import Dataset
from gcgen_env.model.codes import check_codes
from gcgen_env.model.fixed_batches import fill
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.sampling import choose_best
from gcgen_env.model.walk import Walk
from gcgen_env.proposal_cache import draw_next

Code = tuple[int, ...]
Image = NDArray[np.float32]
MOST_CANVASES = 256
"""Canvases that are kept for all sessions together, so that memory stays flat."""
_MULTIPLE = 8  # of images are encoded together, as in `GCGen.encode`


class Board(NamedTuple):
    """What a person sees at one step: the valid proposals as next images, most probable first."""

    code: Code
    """The choices so far."""
    image: Image
    """The current image, shape (*S)."""
    action: NDArray[np.int64]
    """Indices of the proposals, shape (V,); none at the end."""
    probability: NDArray[np.float64]
    """p_S of each, shape (V,)."""
    images: Image
    """The next images, shape (V, *S)."""


class SharedModel:
    """A model and a bounded memory of canvases; sessions hand in codes and keep no tensors."""

    def __init__(
        self, name: str, model: GCGen | SAgent, load_goals: Callable[[], Dataset] | None = None
    ) -> None:
        """Share a model.

        Args:
            name: What the page calls it.
            model: A model, or an S-agent alone.
            load_goals: Returns images to copy, such as the test set; None if there are none.
        """
        self.name = name
        self.model = model
        self.s_agent = model if isinstance(model, SAgent) else model.s_agent
        self.chain = model.chain
        self.likelihood = self.chain.likelihood
        self.horizon = self.chain.horizon
        self.num_proposals = self.chain.num_proposals
        self.shape = self.chain.shape
        self.digest = hash_s_agent(self.s_agent)[:16]
        self._load_goals = load_goals
        self._goals: Dataset | None = None
        self._canvases: OrderedDict[Code, Tensor] = OrderedDict()
        self._lock = threading.Lock()  # of the canvases
        self._roll_outs = threading.Lock()  # roll-outs cast the weights once for several steps

    @property
    def is_plane(self) -> bool:
        """Whether its data are points of a plane."""
        return self.shape == (2,)

    @property
    def has_goals(self) -> bool:
        """Whether there are images to copy."""
        return self._load_goals is not None

    def load_goals(self) -> Dataset:
        """Return the images to copy, read at the first call.

        Raises:
            ValueError: If there are none.
        """
        if self._load_goals is None:
            raise ValueError(f"no test images are known for {self.name}: upload or draw a goal")
        if self._goals is None:
            self._goals = self._load_goals()
        return self._goals

    @torch.no_grad()
    def look(self, code: Code) -> Board:
        """Return the proposals after some choices.

        Raises:
            ValueError: If a choice is not an index of a proposal, or there are too many.
        """
        canvas = self._find_canvas(self.check(code))
        image = self.likelihood.mean(canvas).cpu().numpy()  # (1, *S)
        if len(code) == self.horizon:
            nothing = np.zeros((0, *self.shape), np.float32)
            return Board(code, image[0], np.zeros(0, np.int64), np.zeros(0), nothing)
        step = torch.full((1,), len(code), device=self.chain.device)
        proposals = self.chain.propose(canvas, step, used=self._find_used(code))
        values = self.chain.next_images(proposals, step)[1]  # (1, A, P)
        images = draw_next(self.chain, values, image)[0]  # (A, *S)
        probability = proposals.log_prior[0].double().exp().cpu().numpy()  # (A,)
        order = np.argsort(-probability, kind="stable")
        order = order[probability[order] > 0]  # (V,)
        return Board(code, image[0], order, probability[order], images[order])

    @torch.no_grad()
    def find_prior(self, code: Code) -> NDArray[np.float64]:
        """Return p_S after some choices, shape (A,), zero where invalid."""
        step = torch.full((1,), len(code), device=self.chain.device)
        canvas, used = self._find_canvas(self.check(code)), self._find_used(code)
        proposals = self.chain.propose(canvas, step, need_all=False, used=used)
        return proposals.log_prior[0].double().exp().cpu().numpy()

    def show(self, codes: list[Code]) -> Image:
        """Return the images of codes of any length, shape (len(codes), *S)."""
        canvases = [self._find_canvas(self.check(code)) for code in codes]
        return self.likelihood.mean(torch.cat(canvases)).cpu().numpy()

    def measure_cost(self, code: Code) -> float:
        """Return -log p_S(code), in nats; infinite for a choice that is invalid."""
        prior = [self.find_prior(code[:h])[code[h]] for h in range(len(code))]
        with np.errstate(divide="ignore"):
            return float(-np.log(prior).sum()) + 0.0  # no -0.0

    @torch.no_grad()
    def complete(self, codes: list[Code]) -> list[Code]:
        """Append the most probable choices to codes of one length, up to H."""
        canvas = torch.cat([self._find_canvas(self.check(code)) for code in codes])  # (B, *S)
        used = [self._find_used(code) for code in codes]
        known = [each for each in used if each is not None]
        walk = Walk(self.chain, canvas, len(codes[0]), torch.cat(known) if known else None)
        walk.finish(lambda _, log_prior: log_prior.argmax(1))
        rest = torch.stack(walk.actions, 1).tolist() if walk.actions else [[]] * len(codes)
        return [(*code, *more) for code, more in zip(codes, rest, strict=True)]

    def encode(self, images: Image) -> NDArray[np.int64]:
        """Return the codes of images (B, *S) that the GC-agent selects, shape (B, H).

        An S-agent alone has no GC-agent; one that looks one step ahead takes its place.
        """
        with self._roll_outs:
            if isinstance(self.model, GCGen):
                return self.model.encode(images)
            goals = fill(torch.from_numpy(images).to(self.chain.device), _MULTIPLE)
            with torch.no_grad():
                found = rollout(self.chain, self._make_selection(), goals, choose_best)
            return found.action[: len(images)].cpu().numpy()

    def search(self, goal: Image, search: Callable[..., Tensor], **options: object) -> Code:
        """Return the code that a search finds for a goal (*S); see `beam_search`."""
        with self._roll_outs:
            found = search(
                self.chain, torch.from_numpy(goal[None]).to(self.chain.device), **options
            )
        return tuple(found[0].tolist())

    def check(self, code: Code) -> Code:
        """Return a code, or raise a ValueError if this model has no such choices."""
        check_codes(np.asarray([code], np.int64).reshape(1, -1), self.chain)
        return code

    def _make_selection(self) -> Selection:
        """Return a GC-agent without learned terms."""
        ramp = SMALL_RAMP if is_small(self.shape) else SelectionConfig.look_ahead
        config = SelectionConfig(learned=False, look_ahead=ramp)
        return Selection(config, ProposalScorer(int(np.prod(self.shape)), width=1))

    def _find_used(self, code: Code) -> Tensor | None:
        """Return which proposals cannot be chosen again, shape (1, A); None if all can."""
        used = None
        for action in code if self.chain.single_use else ():
            used = self.chain.use(used, torch.tensor([action], device=self.chain.device))
        return used

    @torch.no_grad()
    def _find_canvas(self, code: Code) -> Tensor:
        """Return the canvas after some choices, shape (1, *S)."""
        with self._lock:
            if (known := self._canvases.get(code)) is not None:
                self._canvases.move_to_end(code)
                return known
        if not code:
            return self.chain.dynamics.start(1)
        before = self._find_canvas(code[:-1])
        step = torch.full((1,), len(code) - 1, device=self.chain.device)
        action = torch.tensor([code[-1]], device=self.chain.device)
        canvas = self.chain.choose(before, step, action)
        with self._lock:
            self._canvases[code] = canvas
            if len(self._canvases) > MOST_CANVASES:
                self._canvases.popitem(last=False)
        return canvas
