"""Self-attention over the set of proposals: tokens, blocks, logits and value features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agents.common.decision import INVALID_LOGIT, Decision
from agents.common.scorer import KNOTS
from agents.common.state_features import make_step_basis

SMALLEST_SPREAD = 1e-3
"""Added to the standard deviation of gains, in nats: equal gains stay equal after rounding."""


class ProposalTokens(nn.Module):
    """Makes a token of each proposal: its change, its gain, its log prior, the state, the goal."""

    def __init__(self, values: int, width: int) -> None:
        """Make the linear layers; `values` is D, `width` the size of a token."""
        super().__init__()
        self.from_change = nn.Linear(values, width, bias=False)
        self.from_numbers = nn.Linear(3, width, bias=False)
        self.from_state = nn.Linear(2 * values + KNOTS, width)

    def forward(self, decision: Decision, relative_gain: Tensor, invalid: Tensor) -> Tensor:
        """Return tokens, shape (B, A, width); 0 where invalid.

        Args:
            decision: The proposals.
            relative_gain: `standardise` of the gains, shape (B, A).
            invalid: Whether a proposal is invalid, shape (B, A).
        """
        image, goal, gain = decision.image, decision.goal, decision.gain
        change = decision.proposals - image.unsqueeze(1)  # (B, A, D)
        size = gain.sign() * gain.abs().log1p()  # thousands of nats become less than 10
        numbers = [relative_gain, size, decision.log_prior.masked_fill(invalid, 0.0)]
        state = [image, goal - image, make_step_basis(decision.progress)]  # (B, 2 D + KNOTS)
        once = self.from_state(torch.cat(state, dim=1)).unsqueeze(1)  # (B, 1, width)
        tokens = self.from_change(change) + self.from_numbers(torch.stack(numbers, dim=2)) + once
        return tokens.masked_fill(invalid.unsqueeze(2), 0.0)


class AttentionBlock(nn.Module):
    """A transformer block with layer norms in front (Xiong et al., 2020), without positions."""

    def __init__(self, width: int, heads: int) -> None:
        """Make the layers.

        Args:
            width: Size of a token, a multiple of `heads`.
            heads: Number of attention heads.
        """
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)  # queries, keys, values
        self.join = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens: Tensor, padding: Tensor) -> Tensor:
        """Return new tokens, shape (B, A, width).

        Args:
            tokens: Shape (B, A, width).
            padding: Added to the logits of attention, shape (B, 1, 1, A).
        """
        parts = self.project(self.norm(tokens)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (B, heads, A, width / heads) each
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=padding)
        tokens = tokens + self.join(mixed.transpose(1, 2).flatten(2))  # (B, A, width)
        return tokens + self.perceptron(tokens)


class SetNetwork(nn.Module):
    """Compares proposals by self-attention (Lee et al., 2019; Zambaldi et al., 2018).

        logit_a = sharpness z_a + s(token_a),    z_a = (gain_a - mean) / standard deviation

    Mean and deviation are those of the valid gains. No weight belongs to an index: permuting
    proposals permutes the logits and leaves the value features as they are.
    """

    def __init__(self, values: int, width: int, heads: int, depth: int, sharpness: float) -> None:
        """Make the layers.

        Args:
            values: D, the number of values of one image.
            width: Size of a token.
            heads: Attention heads.
            depth: Blocks.
            sharpness: Logit of one standard deviation of the gains, before any learning.
        """
        super().__init__()
        self.width, self.sharpness = width, sharpness
        self.tokens = ProposalTokens(values, width)
        self.blocks = nn.ModuleList(AttentionBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, 1)

    def reset_score(self) -> None:
        """Set the learned score s to zero."""
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, decision: Decision) -> tuple[Tensor, Tensor]:
        """Return the logits (B, A), `INVALID_LOGIT` where invalid, and the mean token (B, width).

        Args:
            decision: The proposals.
        """
        invalid = decision.log_prior <= INVALID_LOGIT  # (B, A)
        relative_gain = standardise(decision.gain, invalid)
        tokens = self.tokens(decision, relative_gain, invalid)
        padding = (invalid * INVALID_LOGIT)[:, None, None].to(tokens)  # finite: no NaN if all are
        for block in self.blocks:
            tokens = block(tokens, padding)
        tokens = self.norm(tokens)
        logits = self.sharpness * relative_gain + self.score(tokens).squeeze(2)  # (B, A)
        valid = (~invalid).to(tokens).unsqueeze(2)  # (B, A, 1)
        pooled = (valid * tokens).sum(1) / valid.sum(1).clamp_min(1)  # (B, width)
        return logits.masked_fill(invalid, INVALID_LOGIT), pooled


def standardise(gain: Tensor, invalid: Tensor) -> Tensor:
    """Subtract the mean of the valid gains and divide by their standard deviation.

    Args:
        gain: Shape (B, A), in nats.
        invalid: Shape (B, A).

    Returns:
        Relative gains, shape (B, A); 0 where invalid.
    """
    count = (~invalid).sum(1, keepdim=True).clamp_min(1)  # (B, 1)
    mean = gain.masked_fill(invalid, 0.0).sum(1, keepdim=True) / count
    centred = (gain - mean).masked_fill(invalid, 0.0)
    spread = (centred.square().sum(1, keepdim=True) / count).sqrt()
    return centred / (spread + SMALLEST_SPREAD)
