"""What the viewer is given: one decision of one episode."""

from typing import NamedTuple

import numpy as np


class Frame(NamedTuple):
    """One decision of one episode, as shown to a person.

    S, the shape of a state, is (1, height, width) for grey images, (3, height, width) for colour
    images or (2,) for points of the plane.
    """

    state: np.ndarray
    """Current state, shape S, float32 in [low, high]."""
    goal: np.ndarray
    """Goal of the episode, shape S, same scale."""
    proposals: np.ndarray
    """Candidate next states, shape (A, *S), same scale."""
    action_mask: np.ndarray
    """Which proposals are valid, shape (A,), bool; invalid ones are drawn dimmed."""
    log_prior: np.ndarray
    """Log p_S over proposals, shape (A,), in nats; -inf stands for probability zero."""
    chosen: int | None
    """Index of the chosen proposal, or None before the choice."""
    step: int
    """Index h of the decision, 0 to `horizon`."""
    horizon: int
    """Number of decisions H of an episode."""
    distance: float
    """Distance from the state to the goal, in the environment's unit."""
    low: float
    """Value drawn black (images), or the left and bottom edge (points)."""
    high: float
    """Value drawn white (images), or the right and top edge (points)."""


def check_frame(frame: Frame) -> None:
    """Check that a frame can be drawn.

    Args:
        frame: The frame to check.

    Raises:
        ValueError: If shapes disagree, a number is not finite (`log_prior` may hold -inf) or an
            index is out of range; the message names the field.
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
        raise ValueError("Expected log_prior without NaN or +inf and with a finite entry.")
    if frame.chosen is not None and not 0 <= frame.chosen < num_proposals:
        raise ValueError(f"Expected chosen in 0..{num_proposals - 1} or None, got {frame.chosen}.")
    if not 0 <= frame.step <= frame.horizon:
        raise ValueError(f"Expected step in 0..{frame.horizon}, the horizon, got {frame.step}.")


def check_state_shape(shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `shape` is that of a grey image, a colour image or a 2-D point."""
    is_image = len(shape) == 3 and shape[0] in (1, 3) and min(shape) > 0
    if shape != (2,) and not is_image:
        raise ValueError(
            f"Expected states of shape (1, height, width), (3, height, width) or (2,), got {shape}."
        )


def check_bounds(low: float, high: float) -> None:
    """Raise ValueError unless low < high, both finite."""
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"Expected finite low < high, got low={low} and high={high}.")


def check_finite(name: str, values: np.ndarray | float) -> None:
    """Raise ValueError if `values` hold NaN or an infinity; the message calls them `name`."""
    if not np.isfinite(values).all():
        raise ValueError(f"Expected finite {name}, got NaN or an infinity.")


def prior_probabilities(log_prior: np.ndarray) -> np.ndarray:
    """Turn `log_prior`, shape (A,), in nats, into probabilities summing to one, shape (A,)."""
    weights = np.exp(np.asarray(log_prior, np.float64) - np.max(log_prior))
    return weights / weights.sum()


def header_line(frame: Frame) -> str:
    """Return the line above every picture, such as "step 3 / 10   distance 0.123"."""
    return f"step {frame.step} / {frame.horizon}   distance {frame.distance:.3f}"


def _check_shape(name: str, array: np.ndarray, expected: tuple[int, ...]) -> None:
    if np.shape(array) != expected:
        raise ValueError(f"Expected {name} of shape {expected}, got {np.shape(array)}.")
