"""Several processes sample, encode and evaluate what one does, bit for bit."""

import numpy as np
import pytest
import torch

from agents import GCGen
from agents.distributed import Ranks
from gcgen_env.datasets import load_dataset
from gcgen_env.model import unrolling
from tests.agents.distributed.processes import run_on_ranks


@pytest.fixture(scope="module")
def model():
    options = {"s_agent": "pretrained", "train_s_agent": False, "n_envs": 8, "seed": 0}
    return GCGen("GCPolicy", "GCGen-Digits-v0", **options)


def measure(model):
    """Return the results of everything that can be divided."""
    images = load_dataset("digits", "train").take(range(600))  # three batches of an encoding
    return {
        "samples": model.sample(100, seed=3, return_trajectory=True),
        "pixels": model.sample(100, seed=3, draw="sample"),
        "codes": model.encode(images),
        "bound": model.evaluate_nll(images, seed=1).per_image,
        "iw": model.evaluate_nll(images[:40], num_paths=48, seed=1).per_image,  # uneven roll-outs
    }


@pytest.mark.parametrize("size", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_results_do_not_depend_on_the_number_of_processes(size, model, tmp_path, monkeypatch):
    monkeypatch.setattr(unrolling, "SAMPLE_BATCH", 32)
    alone = measure(model)

    def take_part(ranks):
        model.turns = ranks.take_turns
        return measure(model)

    for found in run_on_ranks(size, take_part, tmp_path):
        for name, array in alone.items():
            np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_each_process_computes_its_turns_alone(tmp_path):
    def take_part(ranks: Ranks):
        computed, skipped = [], []
        batches = list("abcde")

        def compute(batch):
            computed.append(batch)
            return (torch.tensor([ord(batch)]), torch.zeros(0, 3, dtype=torch.bool))

        results = ranks.take_turns(batches, compute, skipped.append)
        return computed, skipped, [chr(int(first)) for first, _ in results]

    first, second = run_on_ranks(2, take_part, tmp_path)
    assert first == (["a", "c", "e"], ["b", "d"], list("abcde"))
    assert second == (["b", "d"], ["a", "c", "e"], list("abcde"))
