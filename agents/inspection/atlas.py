"""The atlas of an S-agent: the tree of its first choices, and what each of them leads to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.gcgen import GCGen
from gcgen_env.config import check_count
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.sampling import make_sampler
from gcgen_env.model.walk import Walk
from gcgen_env.viewer.card import draw_card
from gcgen_env.viewer.grids import image_grid

Image = NDArray[np.float32]


@dataclass(frozen=True)
class AtlasNode:
    """A state that is reached by the first choices of a code."""

    code: tuple[int, ...]
    """The choices that lead here."""
    probability: float
    """p_S of the last of them, given the others."""
    image: Image
    """m(x), the image of this state, shape (*S)."""
    mean: Image
    """Mean of images that are drawn from here on, shape (*S)."""
    examples: Image
    """Some of these images, shape (n, *S)."""
    children: tuple[AtlasNode, ...]
    """The most probable next choices, in order."""

    @property
    def shown(self) -> float:
        """Probability of the children together; the other choices have the rest."""
        return sum(child.probability for child in self.children)

    def __repr__(self) -> str:
        """Show the code and its probability, not the images."""
        return f"AtlasNode({self.describe()})"

    def _repr_html_(self) -> str:
        """Return the code, the next choices and what each means, for notebooks."""
        means = np.stack([self.mean, *(child.mean for child in self.children)])
        picture = image_grid(means, columns=len(means))  # what follows, then what each choice means
        return draw_card("The first choices, and what each means", self.describe(), picture)

    def describe(self) -> dict[str, str]:
        """Return the code, its last probability, and those of the next choices."""
        after = [f"{child.code[-1]} ({child.probability:.3f})" for child in self.children]
        return {
            "code": str(list(self.code)),
            "probability": f"{self.probability:.3f}",
            "next choices": ", ".join(after) or "not shown",
        }


def grow_atlas(
    model: GCGen | SAgent,
    branches: Sequence[int] = (5, 3),
    num_drawn: int = 64,
    num_examples: int = 6,
    seed: int = 0,
) -> AtlasNode:
    """Follow the most probable first choices, and draw images from each state that they reach.

    Args:
        model: A model or an S-agent.
        branches: Number of choices that are followed at the first step, the second one, and so on.
        num_drawn: Number of images that are drawn from each state.
        num_examples: Number of these that a node keeps, at most `num_drawn`.
        seed: Seed of the draws.

    Returns:
        The root, whose image is x_0.

    Raises:
        ValueError: If there are more branches than steps or proposals, or a number is too small.
    """
    chain = model.chain
    check_count("num_drawn", num_drawn, 1, "it counts images")
    check_count("num_examples", num_examples, 0, "it counts images")
    if not 1 <= len(branches) <= chain.horizon:
        raise ValueError(f"branches must have 1 to {chain.horizon} numbers, got {len(branches)}")
    for width in branches:
        if not 1 <= width <= chain.num_proposals:
            raise ValueError(
                f"branches must lie between 1 and the {chain.num_proposals} proposals, got {width}"
            )
    draw = make_sampler(torch.Generator().manual_seed(seed))

    def look_ahead(walk: Walk) -> NDArray[np.float32]:
        """Return images that are drawn from each state, shape (B, num_drawn, *S)."""
        copies = walk.repeat(num_drawn)
        copies.finish(lambda _, log_prior: draw(log_prior))
        return _images(walk, copies).reshape(len(walk.canvas), num_drawn, *chain.shape)

    walk = Walk.start(chain, 1)
    levels = [_Level(np.ones(1), _images(walk, walk), look_ahead(walk))]
    for width in branches:
        best = walk.log_prior.topk(width)  # (B, width) both
        walk = walk.repeat(width)
        walk.take(best.indices.flatten())
        probability = best.values.exp().flatten().cpu().numpy()
        levels.append(_Level(probability, _images(walk, walk), look_ahead(walk)))
    codes = torch.stack(walk.actions, 1).tolist()  # of the leaves
    return _build(levels, branches, codes, num_examples)


@dataclass(frozen=True)
class _Level:
    """The nodes of one depth; those of a parent are neighbours."""

    probability: NDArray[Any]  # (B,)
    image: Image  # (B, *S)
    drawn: Image  # (B, n, *S)


def _build(
    levels: Sequence[_Level], branches: Sequence[int], codes: list[list[int]], num_examples: int
) -> AtlasNode:
    """Join the nodes, from the leaves to the root."""
    children: list[AtlasNode] = []
    for depth in range(len(levels) - 1, -1, -1):
        level, below = levels[depth], children
        width = branches[depth] if below else 0
        leaves = len(codes) // len(level.image)  # below each node
        children = [
            AtlasNode(
                code=tuple(codes[i * leaves][:depth]),
                probability=float(level.probability[i]),
                image=level.image[i],
                mean=level.drawn[i].mean(0),
                examples=level.drawn[i, :num_examples],
                children=tuple(below[i * width : (i + 1) * width]),
            )
            for i in range(len(level.image))
        ]
    return children[0]


def _images(like: Walk, walk: Walk) -> Image:
    """Return the images of the canvases of a walk, shape (B, *S)."""
    return like.chain.likelihood.mean(walk.canvas).cpu().numpy()
