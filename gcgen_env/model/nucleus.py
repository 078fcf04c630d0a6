"""Nucleus pruning: keeps the most probable proposals of each state."""

from __future__ import annotations

from torch import Tensor


def prune_prior(log_prior: Tensor, nucleus: float) -> Tensor:
    """Keep the most probable proposals and renormalise p_S over them (Holtzman et al., 2020).

    Args:
        log_prior: Normalised log p_S, shape (B, A), in nats.
        nucleus: Prior mass to keep, in (0, 1]; 1 keeps every proposal of positive probability.

    Returns:
        The pruned log p_S, shape (B, A), -inf for invalid proposals. At least one proposal of
        each state is valid.
    """
    if nucleus >= 1.0:
        return log_prior
    ordered, order = log_prior.sort(dim=-1, descending=True, stable=True)  # (B, A) both
    mass_before = ordered.exp().cumsum(-1) - ordered.exp()  # of the more probable proposals
    keep = mass_before < nucleus
    keep[:, 0] = True
    mask = keep.new_zeros(keep.shape).scatter(-1, order, keep) & log_prior.isfinite()  # (B, A)
    pruned = log_prior.masked_fill(~mask, float("-inf"))  # (B, A), not normalised
    return pruned.log_softmax(-1)
