"""Edits of codes: draw the rest anew, change one choice, walk between two, begin elsewhere.

Codes and images go in and out as arrays. Every result is an image that the S-agent can make, so
edits stay among plausible images as far as p_S does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.gcgen import GCGen
from gcgen_env.config import check_count
from gcgen_env.model.codes import check_codes
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.sampling import make_sampler
from gcgen_env.model.walk import Walk

SOFTNESS = 0.05
"""How far `begin_from` keeps bits away from 0 and 1, whose canvases no proposal could move."""


def resample_rest(
    model: GCGen | SAgent, code: Any, keep: int, num: int = 8, seed: int | None = 0
) -> NDArray[np.int64]:
    """Keep the first choices of a code and draw the others from p_S.

    Args:
        model: A model or an S-agent.
        code: Shape (H,), integers in [0, A).
        keep: Number of choices to keep, in [0, H].
        num: Number of results.
        seed: Seed of the draws; None draws anew.

    Returns:
        Codes, shape (num, H).

    Raises:
        ValueError: If an argument is out of range.
    """
    kept = _check_code(model, code, "keep", keep, num, 0)
    draw = make_sampler(_seed(seed))

    def choose(h: int, log_prior: Tensor) -> Tensor:
        return kept[h].expand(num) if h < keep else draw(log_prior)

    walk = Walk.start(model.chain, num)
    walk.finish(choose)
    return torch.stack(walk.actions, 1).cpu().numpy()


def change_choice(model: GCGen | SAgent, code: Any, step: int, num: int = 8) -> NDArray[np.int64]:
    """Replace one choice of a code by others, and keep all other choices.

    Args:
        model: A model or an S-agent.
        code: Shape (H,), integers in [0, A).
        step: h, the choice to replace, in [0, H).
        num: Number of results, at most A - 1.

    Returns:
        Codes, shape (num, H): those with the most probable other choices, the best one first.

    Raises:
        ValueError: If an argument is out of range.
    """
    kept = _check_code(model, code, "step", step, num, 1)
    chain = model.chain
    found: list[Tensor] = []
    most = chain.num_proposals - 1
    if num > most:
        raise ValueError(f"num must be at most {most}, as many other proposals are there")

    def choose(h: int, log_prior: Tensor) -> Tensor:
        found.append(log_prior[0])  # (A,)
        return kept[h].expand(1)

    Walk.start(chain, 1).finish(choose)
    order = found[step].argsort(descending=True, stable=True)  # (A,)
    codes = kept.repeat(num, 1)  # (num, H)
    codes[:, step] = order[order != kept[step]][:num]
    return codes.cpu().numpy()


def interpolate(
    model: GCGen, start: Any, end: Any, num: int = 8, search: str = "none", width: int = 8
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Walk from one image to another: the canvases between theirs become goals, which are encoded.

    The two last canvases are mixed, not the two codes: the same choice means something else in
    another state.

    Args:
        model: Both agents.
        start: An image, shape (*S), within the bounds of the data.
        end: Another one.
        num: Number of results, the two ends included; at least 2.
        search: As in `GCGen.encode`.
        width: Width of the search.

    Returns:
        Codes, shape (num, H), the first and last of which are those of the two images; and the
        goals that they are codes of, shape (num, *S).

    Raises:
        ValueError: If an argument is out of range.
    """
    check_count("num", num, 2, "it counts the results and the two ends")
    ends = model.encode(np.stack([np.asarray(start), np.asarray(end)]), search, width)  # (2, H)
    goals = mix_ends(model, ends, num)
    between = [model.encode(goals[1:-1], search, width)] if num > 2 else []
    return np.concatenate([ends[:1], *between, ends[1:]]), goals


def mix_ends(model: GCGen | SAgent, codes: Any, num: int) -> NDArray[np.float32]:
    """Mix the last canvases of two codes; see `interpolate`.

    Args:
        model: A model or an S-agent.
        codes: Shape (2, H).
        num: Number of results, the two ends included.

    Returns:
        Means of the likelihood, shape (num, *S).
    """
    likelihood, means = model.chain.likelihood, torch.from_numpy(model.decode(codes))
    first, last = likelihood.to_canvas(means)  # (*S) both
    share = torch.linspace(0, 1, num).view(-1, *(1,) * first.ndim)  # (num, 1, ...)
    return likelihood.mean(torch.lerp(first, last, share)).numpy()


def begin_from(
    model: GCGen | SAgent, image: Any, step: int, num: int = 8, seed: int | None = 0
) -> NDArray[np.float32]:
    """Begin on the way to an image, and draw the remaining choices from p_S.

    Canvas h is x_0 + h / H (x - x_0), where x is the canvas of the image: nothing of the image at
    h = 0, all of it at h = H. The S-agent has seen no such canvases, so the results are less
    clean than those of `resample_rest`, but they follow images that it cannot encode well.

    Args:
        model: A model or an S-agent.
        image: Shape (*S), within the bounds of the data.
        step: h, in [0, H]: H - h choices are drawn; the more, the further they lead away.
        num: Number of results.
        seed: Seed of the draws; None draws anew.

    Returns:
        Means of the likelihood, shape (num, *S). They have no codes, which begin at x_0.

    Raises:
        ValueError: If an argument is out of range.
    """
    chain = model.chain
    check_count("num", num, 1, "it counts results")
    _check_position("step", step, chain.horizon)
    start = torch.as_tensor(np.asarray(image, np.float32))
    low, high = chain.likelihood.low, chain.likelihood.high
    if tuple(start.shape) != chain.shape or not ((start >= low) & (start <= high)).all():
        raise ValueError(
            f"image must have shape {chain.shape} and values in [{low:g}, {high:g}], got shape "
            f"{tuple(start.shape)}"
        )
    if chain.likelihood.name == "bernoulli":
        start = start.clamp(SOFTNESS, 1 - SOFTNESS)
    end, first = chain.likelihood.to_canvas(start).to(chain.device), chain.dynamics.start(num)
    canvas = torch.lerp(first, end.expand_as(first), step / chain.horizon)  # (num, *S)
    draw = make_sampler(_seed(seed))
    walk = Walk(chain, canvas, step)
    walk.finish(lambda _, log_prior: draw(log_prior))
    return chain.likelihood.mean(walk.canvas).cpu().numpy()


def _check_code(
    model: GCGen | SAgent, code: Any, name: str, value: int, num: int, margin: int
) -> Tensor:
    """Return a code (H,) on the device of the model, and check a step in it."""
    s_agent = model.s_agent if isinstance(model, GCGen) else model
    horizon = s_agent.chain.horizon
    array = np.asarray(code)
    if array.shape != (horizon,):
        raise ValueError(f"code must have shape ({horizon},), got {array.shape}")
    check_count("num", num, 1, "it counts results")
    _check_position(name, value, horizon - margin)
    return torch.from_numpy(check_codes(array[None], s_agent.chain))[0].to(s_agent.device)


def _check_position(name: str, value: int, most: int) -> None:
    """Raise a ValueError unless a step lies in [0, most]."""
    check_count(name, value, 0, "it counts choices")
    if value > most:
        raise ValueError(f"{name} must lie in [0, {most}], got {value}")


def _seed(seed: int | None) -> torch.Generator:
    """Return a generator; None seeds it anew."""
    generator = torch.Generator()
    generator.manual_seed(generator.seed() if seed is None else seed)
    return generator
