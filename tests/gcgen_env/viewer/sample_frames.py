"""Frames with known contents, for every kind of state."""

import numpy as np

from gcgen_env.viewer import Frame

SHAPES = {"digit": (1, 8, 8), "grey": (1, 28, 28), "colour": (3, 64, 64), "points": (2,)}


def make_sample_frame(shape, num_proposals=8, **fields):
    """Return a frame of random values in [0, 1], all proposals valid and none chosen."""
    rng = np.random.default_rng(0)
    values = {
        "state": rng.random(shape, np.float32),
        "goal": rng.random(shape, np.float32),
        "proposals": rng.random((num_proposals, *shape), np.float32),
        "action_mask": np.ones(num_proposals, bool),
        "log_prior": np.full(num_proposals, -np.log(num_proposals), np.float32),
        "chosen": None,
        "step": 3,
        "horizon": 10,
        "distance": 0.12345,
        "low": 0.0,
        "high": 1.0,
    }
    return Frame(**(values | fields))
