"""The dictionary: cosine atoms, checked by hand and against their definition."""

import math

import numpy as np
import pytest
import torch

from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.proposer import Proposer

SHAPES = pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (3, 5, 7)], ids=str)


def propose(proposer, num=3):
    canvas = torch.zeros(num, *proposer.atoms.shape[1:])
    return proposer.propose(canvas, torch.arange(num) % proposer.horizon)


def test_atoms_by_hand():
    atoms = DictionaryProposer((1, 2, 2), 6, 1, amplitude=1.0).atoms
    ones, columns, rows = [[1, 1], [1, 1]], [[1, -1], [1, -1]], [[1, 1], [-1, -1]]
    torch.testing.assert_close(atoms[0::2], torch.tensor([[ones], [columns], [rows]]).float())


def test_a_point_moves_along_both_diagonals():
    atoms = DictionaryProposer((2,), 4, 1).atoms
    expected = [[0.5, 0.5], [-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5]]
    torch.testing.assert_close(atoms, torch.tensor(expected))


@SHAPES
@pytest.mark.parametrize("num", [2, 8, 40])
def test_atoms_come_in_opposite_pairs(shape, num):
    atoms = DictionaryProposer(shape, num, 4).atoms
    assert atoms.shape == (num, *shape) and atoms.dtype == torch.float32
    assert torch.equal(atoms[0::2], -atoms[1::2])


@SHAPES
def test_all_pairs_of_one_octave_are_orthogonal(shape):
    size = math.prod(shape)
    atoms = DictionaryProposer(shape, 2 * size, 1).atoms[0::2].flatten(1).double()
    products = atoms @ atoms.T
    np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-5)
    assert (products.diag() > 0.01).all()


def test_more_atoms_than_frequencies_repeat_at_half_the_amplitude():
    atoms = DictionaryProposer((1, 2, 2), 20, 1, amplitude=0.8).atoms  # 8 signed frequencies
    torch.testing.assert_close(atoms[8:16], atoms[:8] / 2)
    torch.testing.assert_close(atoms[16:], atoms[:4] / 4)
    assert len(atoms.unique(dim=0)) == 20


@pytest.mark.parametrize("num", [1, 3, 17])
def test_an_odd_number_leaves_the_last_atom_alone(num):
    atoms = DictionaryProposer((1, 4, 4), num, 1).atoms
    assert torch.equal(atoms, DictionaryProposer((1, 4, 4), num + 1, 1).atoms[:num])


def test_colours_change_together_first_and_apart_later():
    atoms = DictionaryProposer((3, 4, 4), 2 * 48, 1).atoms
    assert (atoms[0] == 0.5).all()
    spread = (atoms.amax(1) - atoms.amin(1)).flatten(1).amax(1)  # between channels, (A,)
    assert spread[:6:2].tolist() == [0, 0, 0] and spread[6] == 1  # constant, columns, rows


@SHAPES
def test_the_scale_decreases_with_the_step(shape):
    proposer = DictionaryProposer(shape, 8, 5, amplitude=0.4, decay=0.5)
    delta, _ = propose(proposer, 5)
    largest = delta.abs().flatten(1).amax(1)
    torch.testing.assert_close(largest, torch.tensor([0.4, 0.2, 0.1, 0.05, 0.025]))
    torch.testing.assert_close(delta[3], delta[0] / 8)


@SHAPES
def test_the_prior_is_uniform(shape):
    delta, log_prior = propose(DictionaryProposer(shape, 8, 5))
    assert delta.shape == (3, 8, *shape) and delta.dtype == torch.float32
    torch.testing.assert_close(log_prior, torch.full((3, 8), -math.log(8)))


@SHAPES
def test_chosen_atoms_are_those_of_all(shape):
    proposer = DictionaryProposer(shape, 8, 5)
    step, action = torch.tensor([0, 4, 2]), torch.tensor([7, 0, 3])
    canvas = torch.zeros(3, *shape)
    chosen = proposer.propose_rows(canvas, step, action)
    assert torch.equal(chosen, proposer.propose(canvas, step)[0][torch.arange(3), action])


@SHAPES
def test_no_randomness_and_no_goal(shape):
    first, second = (DictionaryProposer(shape, 8, 5) for _ in range(2))
    assert torch.equal(first.atoms, second.atoms)
    step = torch.zeros(2, dtype=torch.int64)
    delta, _ = first.propose(torch.stack([torch.zeros(shape), torch.ones(shape)]), step)
    assert torch.equal(delta[0], delta[1])


def test_satisfies_the_protocol():
    assert isinstance(DictionaryProposer((2,), 4, 3), Proposer)
    assert not isinstance(object(), Proposer)


def test_more_atoms_than_memory_are_refused():
    with pytest.raises(
        MemoryError, match=r"1,000,000 atoms of shape .3, 512, 512. would take 6,291"
    ):
        DictionaryProposer((3, 512, 512), 1_000_000, 2)
