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
    parents, levels = [root], []
    for width in widths:
        choices = [each for parent in parents for each in _choose(model, parent, width)]
        if not choices:  # the pictures are complete
            break
        parents = [code for code, _ in choices]
        levels.append((choices, model.s_agent.decode(model.complete(parents))))  # (W, *S)
    twigs: dict[Code, list[Twig]] = {}  # by the code of their parent
    for choices, images in reversed(levels):
        below, twigs = twigs, {}
        for (code, probability), image in zip(choices, images, strict=True):
            twig = Twig(code, probability, image, tuple(below.get(code, ())))
            twigs.setdefault(code[:-1], []).append(twig)
    return twigs.get(root, [])


def _choose(model: SharedModel, code: Code, width: int) -> list[tuple[Code, float]]:
    """Return the most probable next codes, with p_S of their last choice."""
    if len(code) == model.horizon:
        return []
    prior = model.find_prior(code)  # (A,)
    best = [int(a) for a in (-prior).argsort(kind="stable")[:width] if prior[a] > 0]
    return [((*code, action), float(prior[action])) for action in best]
