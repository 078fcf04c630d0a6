"""Asks a proposer the cheapest way it offers, and checks the answers of those not ours."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.proposer import Proposer

TOLERANCE = 1e-3
"""Largest |logsumexp| of a normalised log p_S."""

_PROTOCOL = "propose(canvas, step) must return two torch tensors, changes (B, A, *S) and log_prior"


def compute_offer(proposer: Proposer, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Return the changes, shape (B, A, *S), and log p_S, shape (B, A).

    Raises:
        ValueError: If a proposer of the user's breaks the protocol.
    """
    offered: Any = proposer.propose(canvas, step)
    if _is_ours(proposer):
        return offered
    if not isinstance(offered, tuple | list) or len(offered) != 2:
        raise ValueError(f"the proposer's {_PROTOCOL} (B, A), got {type(offered).__name__}")
    return _check_changes(offered[0], canvas), _check_prior(offered[1], canvas)


def compute_prior(proposer: Proposer, canvas: Tensor, step: Tensor) -> Tensor:
    """Return log p_S, shape (B, A), the cheapest way the proposer offers.

    Raises:
        ValueError: If a proposer of the user's breaks the protocol.
    """
    if not hasattr(proposer, "prior"):
        return compute_offer(proposer, canvas, step)[1]
    log_prior = proposer.prior(canvas, step)
    return log_prior if _is_ours(proposer) else _check_prior(log_prior, canvas)


def compute_rows(proposer: Proposer, canvas: Tensor, step: Tensor, action: Tensor) -> Tensor:
    """Return the chosen changes, shape (B, *S), the cheapest way the proposer offers.

    Raises:
        ValueError: If a proposer of the user's breaks the protocol.
    """
    if not hasattr(proposer, "propose_rows"):
        delta, _ = compute_offer(proposer, canvas, step)
        return delta[torch.arange(len(delta), device=delta.device), action]
    rows = proposer.propose_rows(canvas, step, action)
    if _is_ours(proposer):
        return rows
    rows = _check_changes(rows, canvas)
    if rows.shape != canvas.shape:
        raise ValueError(
            f"the proposer's propose_rows gave shape {tuple(rows.shape)}, the environment asks "
            f"for {tuple(canvas.shape)}"
        )
    return rows


def _is_ours(proposer: Proposer) -> bool:
    """Return whether a proposer keeps the protocol by construction."""
    return isinstance(proposer, ProposalNetwork | DictionaryProposer)


def _check_changes(delta: Any, canvas: Tensor) -> Tensor:
    """Return changes in the canvas's precision, or raise unless they are finite."""
    delta = _check_tensor("changes", delta).to(canvas)
    if not delta.isfinite().all():
        raise ValueError("the proposer's changes must be finite, got NaN or infinity")
    return delta


def _check_prior(log_prior: Any, canvas: Tensor) -> Tensor:
    """Return log p_S in the canvas's precision, or raise unless its rows are normalised."""
    log_prior = _check_tensor("log_prior", log_prior).to(canvas)
    if log_prior.ndim != 2 or len(log_prior) != len(canvas):
        raise ValueError(
            f"the proposer offered log_prior of shape {tuple(log_prior.shape)}, the environment "
            f"asks for (B, A) with B={len(canvas)}"
        )
    total = log_prior.logsumexp(-1)
    wrong = ~(total.abs() < TOLERANCE)  # NaN is wrong too
    if wrong.any():
        worst = float(total[wrong][0])
        raise ValueError(
            "the proposer's log_prior must be normalised: logsumexp over the A proposals must be "
            f"0 in every row, got {worst:g}" + (": is it NaN?" if worst != worst else "")
        )
    return log_prior


def _check_tensor(name: str, offered: Any) -> Tensor:
    """Return what was offered, or raise unless it is a tensor."""
    if not isinstance(offered, Tensor):
        raise ValueError(f"the proposer's {_PROTOCOL} (B, A); {name} is a {type(offered).__name__}")
    return offered
