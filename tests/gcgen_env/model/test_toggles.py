"""Rectangles that invert pixels: the data set, the proposer, and goals that are reachable."""

from itertools import combinations

import gymnasium as gym
import numpy as np
import torch

from gcgen_env.datasets import load_dataset
from gcgen_env.datasets.toggles import CHOSEN, COUNT, draw_rectangles
from gcgen_env.model.toggles import ToggleProposer


def find_rank(rows):
    """Return the rank of bits (N, D) over the field of two elements."""
    rows, rank = rows.astype(np.uint8), 0
    for d in range(rows.shape[1]):
        pivots = np.flatnonzero(rows[rank:, d]) + rank
        if len(pivots):
            rows[[rank, pivots[0]]] = rows[[pivots[0], rank]]
            others = (rows[:, d] == 1) & (np.arange(len(rows)) != rank)
            rows[others] ^= rows[rank]
            rank += 1
        if rank == len(rows):
            break
    return rank


def test_every_choice_of_rectangles_makes_another_image():
    assert find_rank(draw_rectangles().reshape(COUNT, -1)) == COUNT


def test_the_splits_hold_every_choice_once():
    images = [load_dataset("toggles", s).array for s in ("train", "validation", "test")]
    assert [len(each) for each in images] == [6008, 1000, 1000]
    assert len(np.unique(np.concatenate(images), axis=0)) == 8008


def test_a_change_inverts_the_rectangle_and_nothing_else():
    proposer, canvas = ToggleProposer(), torch.zeros(2, 1, 8, 8)
    canvas[1] = torch.rand(1, 8, 8).round()
    step = torch.zeros(2, dtype=torch.long)
    delta, log_prior = proposer.propose(canvas, step)
    reached = canvas.unsqueeze(1) + delta
    expected = canvas.unsqueeze(1).bool() ^ torch.tensor(draw_rectangles()[:, None])
    assert torch.equal(reached, expected.float())
    assert torch.allclose(log_prior.exp(), torch.tensor(1 / COUNT))
    rows = proposer.propose_rows(canvas, step, torch.tensor([3, 5]))
    assert torch.equal(rows, delta[torch.arange(2), torch.tensor([3, 5])])


def test_every_goal_is_reached_in_the_episode():
    env = gym.make("GCGen-Toggles-v0", split="test")
    rectangles = draw_rectangles()
    codes = {
        np.logical_xor.reduce(rectangles[list(code)]).tobytes(): code
        for code in combinations(range(COUNT), CHOSEN)
    }
    for index in range(5):
        obs, _ = env.reset(seed=0, options={"goal_index": index})
        for action in codes[obs["desired_goal"][0].astype(bool).tobytes()]:
            obs, *_, info = env.step(action)
        assert info["distance"] == 0 and info["is_success"]
