"""`Frame`, which holds one decision of an episode, and checks of images and points."""

from typing import NamedTuple

import numpy as np


class Frame(NamedTuple):
    """One decision of one episode.

    S, the shape of a state, is (1, height, width) for grey images, (3, height, width) for colour
    images, or (2,) for points.

    Attributes:
        state: Current state, shape S, float32 in [low, high].
        goal: Goal of the episode, shape S, in [low, high].
        proposals: Proposed next states, shape (A, *S), in [low, high].
        action_mask: Whether each proposal is valid, shape (A,), bool.
        log_prior: log p_S of the proposals, shape (A,), in nats; may be -inf.
        chosen: Index of the chosen proposal, or None before the choice.
        step: Index h of the decision, from 0 to `horizon`.
        horizon: H, the number of decisions of an episode.
        distance: Distance from the state to the goal.
        low: Value of black, or of the left and bottom edges of a plot of points.
        high: Value of white, or of the right and top edges of a plot of points.
    """

    state: np.ndarray
    goal: np.ndarray
    proposals: np.ndarray
    action_mask: np.ndarray
    log_prior: np.ndarray
    chosen: int | None
    step: int
    horizon: int
    distance: float
    low: float
    high: float


def check_frame(frame: Frame) -> None:
    """Check that a frame can be drawn.

    Raises:
        ValueError: If shapes disagree, a number is not finite, or an index is out of range.
    """
    shape, num_proposals = np.shape(frame.state), len(frame.proposals)
    check_state_shape(shape)
    _check_shape("goal", frame.goal, shape)
    _check_shape("proposals", frame.proposals, (num_proposals, *shape))
    _check_shape("action_mask", frame.action_mask, (num_proposals,))
    _check_shape("log_prior", frame.log_prior, (num_proposals,))
    for name in ("state", "goal", "proposals", "distance"):
        check_finite(name, getattr(frame, name))
    check_bounds(frame.low, frame.high)
    log_prior = np.asarray(frame.log_prior)
    if np.isnan(log_prior).any() or not np.isfinite(log_prior.max(initial=-np.inf)):
        raise ValueError("Expected log_prior below +inf with a finite entry and no NaN.")
    if frame.chosen is not None and not 0 <= frame.chosen < num_proposals:
        raise ValueError(f"Expected chosen in 0..{num_proposals - 1} or None, got {frame.chosen}.")
    if not 0 <= frame.step <= frame.horizon:
        raise ValueError(f"Expected step in 0..{frame.horizon}, the horizon, got {frame.step}.")


def check_state_shape(shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless `shape` is that of an image or a point."""
    is_image = len(shape) == 3 and shape[0] in (1, 3) and min(shape) > 0
    if shape != (2,) and not is_image:
        raise ValueError(
            f"Expected states of shape (1, height, width), (3, height, width) or (2,), got {shape}."
        )


def check_bounds(low: float, high: float) -> None:
    """Raise a ValueError unless low < high and both are finite."""
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"Expected finite low < high, got low={low} and high={high}.")


def check_finite(name: str, values: np.ndarray | float) -> None:
    """Raise a ValueError if `values` contain NaN or infinity."""
    if not np.isfinite(values).all():
        raise ValueError(f"Expected finite {name}, got NaN or infinity.")


def prior_probabilities(log_prior: np.ndarray) -> np.ndarray:
    """Return the probabilities of proposals, shape (A,), normalised, from `log_prior`."""
    weights = np.exp(np.asarray(log_prior, np.float64) - np.max(log_prior))  # (A,), largest 1
    return weights / weights.sum()


def header_line(frame: Frame) -> str:
    """Return the header of a frame, such as "step 3 / 10   distance 0.123"."""
    return f"step {frame.step} / {frame.horizon}   distance {frame.distance:.3f}"


def _check_shape(name: str, array: np.ndarray, expected: tuple[int, ...]) -> None:
    if np.shape(array) != expected:
        raise ValueError(f"Expected {name} of shape {expected}, got {np.shape(array)}.")
