"""The S-agent's network: p_S(a | x, h) and the proposals y[a], without any goal."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from gcgen_env.model.basis import SPREAD
from gcgen_env.model.codebooks import CodebookHead, CodebookPrior
from gcgen_env.model.convolutional import ConvHead, ConvTrunk
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.perceptron import LinearHead, MLPTrunk
from gcgen_env.model.proposer import LazyProposer, Proposals


class ProposalNetwork(nn.Module, LazyProposer):
    """A trainable proposer; it reads and changes only the P `active` values of an image."""

    pixels: Tensor

    def __init__(self, config: NetworkConfig, active: Tensor | None = None) -> None:
        """Build the network.

        Args:
            config: Its sizes.
            active: Values that proposals may change, shape (*S), bool; None means all.
                Convolutions always change all.
        """
        super().__init__()
        self.config = config
        self.shape = config.shape
        values = math.prod(config.shape)
        if active is None or config.body == "conv":
            active = torch.ones(
                values, dtype=torch.bool, device="cpu"
            )  # (D,), also for meta weights
        self.register_buffer("pixels", active.flatten().nonzero().squeeze(1))  # (P,)
        self._all_active = len(self.pixels) == values
        self.head: LinearHead | ConvHead | CodebookHead
        if config.body == "mlp":
            self.trunk: nn.Module = MLPTrunk(config, len(self.pixels))
            self.head = _make_head(config, len(self.pixels))
        else:
            self.trunk = ConvTrunk(config.shape, config.horizon, config.width, config.depth)
            self.head = ConvHead(self.trunk.channels, config.num_proposals, config.shape[0])
        if config.num_classes:  # zeros: a fresh conditional network ignores the class
            size = self.trunk.step_embedding.embedding_dim
            self.class_embedding = nn.Parameter(torch.zeros(config.num_classes, size))
        self.prior_head: nn.Linear | CodebookPrior
        if isinstance(self.head, CodebookHead):
            self.prior_head = CodebookPrior(self.head, config.width)
        else:
            self.prior_head = nn.Linear(config.width, config.num_proposals)  # (B, W) to (B, A)
            nn.init.zeros_(self.prior_head.weight)  # a fresh prior is uniform
            nn.init.zeros_(self.prior_head.bias)
        self.set_trainable(True)

    @property
    def num_proposals(self) -> int:
        """A."""
        return self.config.num_proposals

    @property
    def num_classes(self) -> int:
        """Classes that it can be given; 0 if it is unconditional."""
        return self.config.num_classes

    @property
    def horizon(self) -> int:
        """H."""
        return self.config.horizon

    def set_trainable(self, trainable: bool) -> None:
        """Enable or disable the gradient of every weight; a uniform prior is never trained."""
        self.requires_grad_(trainable)
        self.prior_head.requires_grad_(trainable and not self.config.uniform_prior)

    def start_with(self, changes: Tensor) -> None:
        """Let a fresh perceptron propose these changes (A, *S); convolutions stay as they are."""
        if isinstance(self.head, LinearHead):
            with torch.no_grad():
                self.head.bias.copy_(self.compress(changes))

    def compress(self, images: Tensor) -> Tensor:
        """Select the active values of images or canvases: (..., *S) to (..., P)."""
        values = images.flatten(-len(self.shape))
        return values if self._all_active else values.index_select(-1, self.pixels)

    def expand(self, values: Tensor) -> Tensor:
        """Put active values back into images, zeros elsewhere: (..., P) to (..., *S)."""
        if not self._all_active:
            full = values.new_zeros(*values.shape[:-1], math.prod(self.shape))  # (..., D)
            values = full.scatter_(-1, self.pixels.expand_as(values), values)  # (..., D)
        return values.unflatten(-1, self.shape)

    def place(self, values: Tensor, out: Tensor) -> None:
        """Write active values (..., P) into contiguous images or canvases `out` (..., *S)."""
        flat = out.view(*values.shape[:-1], math.prod(self.shape))  # never a copy
        if self._all_active:
            flat.copy_(values)
        else:
            flat.scatter_(-1, self.pixels.expand_as(values), values)

    def encode(self, x: Tensor, step: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Compute the input of the proposal head, and the prior.

        Args:
            x: Active values of the canvas, shape (B, P).
            step: h, shape (B,), int64.
            label: The classes, shape (B,), int64, -1 for no class; None if no state has one.

        Returns:
            Features, (B, K) or (B, F, h, w), or the step, (B,), for codebooks; and log p_S, (B, A).
        """
        if self.config.likelihood == "bernoulli":
            x = torch.sigmoid(x)  # logits to pixels
        given = None
        if label is not None:
            is_known = (label >= 0).unsqueeze(1)
            given = torch.where(is_known, self.class_embedding[label.clamp_min(0)], 0.0)  # (B, W)
        if isinstance(self.head, CodebookHead):
            _, summary = self.trunk(x / SPREAD, step, given)  # (B, W)
            return step, self.prior_head(summary, step, self.head)
        z, summary = self.trunk(2 * x - 1, step, given)  # maps [0, 1] to [-1, 1]; summary: (B, W)
        return z, self.prior_head(summary).log_softmax(-1)

    def lazy(
        self,
        canvas: Tensor,
        step: Tensor,
        same_state: bool = False,
        need_all: bool = True,
        label: Tensor | None = None,
    ) -> Proposals:
        """Encode the states now, and compute the changes on demand; see `LazyProposer`.

        `label`, shape (B,), holds the classes of a conditional network, as in `encode`.
        """
        x = self.compress(canvas)  # (B, P)
        if same_state:
            label = None if label is None else label[:1]
            z, log_prior = self.encode(x[:1], step[:1], label)  # one state for all B
            z, log_prior = (v.expand(len(canvas), *v.shape[1:]) for v in (z, log_prior))  # views
        else:
            z, log_prior = self.encode(x, step, label)
        head = None if isinstance(self.head, ConvHead) else self.head
        return Proposals(
            x,
            log_prior,
            lambda action: self.expand(self.head.chosen(z, action)),  # (B,) to (B, *S)
            lambda dtype, part=None: self.head(z.detach(), dtype, part).detach(),  # (B, A, P)
            None if head is None else lambda r, w: head.products(z, r, w),
            isinstance(head, CodebookHead),
        )

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Propose A changes for each canvas; see `Proposer`."""
        z, log_prior = self.encode(self.compress(canvas), step)
        return self.expand(self.head(z)), log_prior  # (B, A, *S), (B, A)

    def cast_once(
        self, dtype: torch.dtype, part: Tensor | None = None
    ) -> AbstractContextManager[None]:
        """Select and cast the head's weights once inside the context."""
        return self.head.cast_once(dtype, part)


def _make_head(config: NetworkConfig, values: int) -> LinearHead | CodebookHead:
    """Return the head of a perceptron, which proposes P values."""
    if config.groups is not None:
        return CodebookHead(config.groups, config.num_proposals, values)
    return LinearHead(config.features or config.width, config.num_proposals, values)
