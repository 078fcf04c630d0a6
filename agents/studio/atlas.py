"""The atlas: a tree of the most probable choices, and the pictures that they lead to."""

from __future__ import annotations

from typing import NamedTuple

from agents.studio.shared_model import Code, Image, SharedModel

FIRST, SECOND = 8, 4
"""Numbers of branches at a root, and at each branch of it."""


class Twig(NamedTuple):
    """One choice in the tree."""

    code: Code
    """The choices that lead here."""
    probability: float
    """p_S of the last choice."""
    image: Image
    """The picture that the most probable further choices lead to, shape (*S)."""
    twigs: tuple[Twig, ...] = ()
    """What can be chosen next, most probable first."""


def grow(model: SharedModel, root: Code, widths: tuple[int, ...] = (FIRST, SECOND)) -> list[Twig]:
    """Return the most probable choices after some choices, and those after them.

    Args:
        model: The model.
        root: The choices so far.
        widths: Number of branches of each level.

    Raises:
        ValueError: If the root is no code of the model.
    """
    if not widths or len(root) == model.horizon:
        return []
    prior = model.find_prior(root)  # (A,)
    best = [int(a) for a in (-prior).argsort(kind="stable")[: widths[0]] if prior[a] > 0]
    codes: list[Code] = [(*root, action) for action in best]
    images = model.s_agent.decode(model.complete(codes))  # (W, *S)
    return [
        Twig(code, float(prior[code[-1]]), image, tuple(grow(model, code, widths[1:])))
        for code, image in zip(codes, images, strict=True)
    ]
