"""Roll-outs without a goal, which compute the chosen proposals alone: samples and decoded codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from gcgen_env.model.chain import Chain
from gcgen_env.model.fixed_batches import split_fixed
from gcgen_env.model.walk import Walk

SAMPLE_BATCH = 1024
"""Number of images that are generated at once, which bounds the memory."""


def split_draws(chain: Chain, num: int) -> Iterator[tuple[Chain, int]]:
    """Yield the chain, given the classes of each batch of `num` images, and the batch's size.

    Raises:
        ValueError: If there are classes, but neither one nor `num`.
    """
    label = check_number(chain, num)
    for start in range(0, num, SAMPLE_BATCH):
        size = min(SAMPLE_BATCH, num - start)
        one_each = label is not None and label.ndim > 0
        part = label[start:][:size] if one_each else label  # type: ignore[index]
        yield replace(chain, label=part), size


def split_labels(chain: Chain, num: int) -> list[Chain]:
    """Return the chain of each fixed batch of `num` codes, given their classes; see `split_fixed`.

    Raises:
        ValueError: If there are classes, but neither one nor `num`.
    """
    label = check_number(chain, num)
    if label is None or not label.ndim:
        return [chain] * len(split_fixed(torch.zeros(num, 0)))
    return [replace(chain, label=part) for part in split_fixed(label)]  # filled up with class 0


def check_number(chain: Chain, num: int) -> Tensor | None:
    """Return the classes of a chain, or raise a ValueError if they are neither one nor `num`."""
    label = chain.label
    if label is not None and label.ndim and len(label) != num:
        raise ValueError(f"label must be one class, or one for each of {num}, got {len(label)}")
    return label


def unroll(
    chain: Chain,
    num: int,
    choose: Callable[[int, Tensor], Tensor],
    keep: bool,
    steps: int | None = None,
) -> Tensor:
    """Add the chosen proposals to x_0, without computing the others.

    Args:
        chain: Makes the proposals.
        num: B.
        choose: Maps h and log p_S (B, A) to actions (B,).
        keep: Return the images of all states instead of the last one alone.
        steps: Number of decisions; None for H.

    Returns:
        Likelihood means, shape (steps + 1 or 1, B, *S).
    """
    walk = Walk.start(chain, num)
    canvases = [walk.canvas]
    for h in range(chain.horizon if steps is None else steps):
        walk.take(choose(h, walk.log_prior))
        canvases = [*canvases, walk.canvas] if keep else [walk.canvas]  # each (B, *S)
    return chain.likelihood.mean(torch.stack(canvases))


def unroll_codes(chain: Chain, actions: Tensor, keep: bool) -> Tensor:
    """Return the images of checked codes (B, h), as `unroll` does."""
    return unroll(chain, len(actions), lambda h, _: actions[:, h], keep, actions.shape[1])
