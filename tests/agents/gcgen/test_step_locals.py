"""What callbacks read in `self.locals` at each decision."""

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

from agents.gcgen.rollout import StepRecord
from agents.gcgen.step_locals import LazySequence, make_locals
from tests.agents.conftest import make_model

RECORD = StepRecord(
    step=1,
    action=torch.tensor([2, 0]),
    potential=torch.tensor([-5.0, -4.0]),
    potential_next=torch.tensor([-3.0, -4.5]),
)
NO_OBSERVATIONS = r"GCGen computes no observations in its roll-outs.*model.get_env\(\)"


class Keep(BaseCallback):
    """Copies the locals of every decision, and the trajectories of every roll-out."""

    def __init__(self):
        super().__init__()
        self.steps, self.trajectories = [], []

    def _on_step(self):
        copied = {key: np.array(self.locals[key]) for key in ("actions", "rewards", "dones")}
        self.steps.append({**copied, "infos": list(self.locals["infos"])})
        return True

    def _on_rollout_end(self):
        self.trajectories.append(self.locals["trajectories"])


@pytest.fixture(scope="module")
def kept():
    """The locals of two roll-outs of 8 decisions of 16 trajectories."""
    callback = Keep()
    make_model().learn(2 * 16 * 8, callback=callback)
    assert len(callback.steps) == 16 and len(callback.trajectories) == 2
    return callback


def test_actions_are_those_of_the_trajectories(kept):
    for i, trajectories in enumerate(kept.trajectories):
        actions = np.stack([step["actions"] for step in kept.steps[8 * i : 8 * i + 8]], axis=1)
        assert actions.dtype == np.int64
        np.testing.assert_array_equal(actions, trajectories.action)


def test_rewards_sum_to_the_gain_of_the_potential(kept):
    for i, trajectories in enumerate(kept.trajectories):
        rewards = np.stack([step["rewards"] for step in kept.steps[8 * i : 8 * i + 8]])
        potential = trajectories.potential.detach().numpy()
        assert rewards.dtype == np.float32 and rewards.shape == (8, 16)
        np.testing.assert_allclose(rewards, np.diff(potential, axis=1).T, atol=1e-5)
        gain = potential[:, -1] - potential[:, 0]
        np.testing.assert_allclose(rewards.sum(axis=0), gain, rtol=1e-4, atol=1e-4)
        assert np.abs(gain).mean() > 0.1


def test_dones_are_true_at_the_last_decision(kept):
    dones = np.stack([step["dones"] for step in kept.steps])
    assert dones.dtype == bool
    np.testing.assert_array_equal(dones, (np.arange(16) % 8 == 7)[:, None].repeat(16, axis=1))


def test_infos_have_the_potential_and_the_step(kept):
    for i, trajectories in enumerate(kept.trajectories):
        for h, step in enumerate(kept.steps[8 * i : 8 * i + 8]):
            assert len(step["infos"]) == 16
            assert {info["step"] for info in step["infos"]} == {h + 1}
            found = [info["potential"] for info in step["infos"]]
            np.testing.assert_array_equal(found, trajectories.potential[:, h + 1].detach())


def test_locals_of_numbers_typed_by_hand():
    found = make_locals(RECORD, horizon=2)
    assert found["actions"][0] == 2 and np.asarray(found["actions"]).tolist() == [2, 0]
    assert np.asarray(found["rewards"]).tolist() == [2.0, -0.5]
    assert found["dones"].tolist() == [True, True]
    assert list(found["infos"]) == [
        {"potential": -3.0, "step": 2},
        {"potential": -4.5, "step": 2},
    ]
    assert [len(found[key]) for key in ("actions", "rewards", "dones", "infos")] == [2] * 4
    assert not make_locals(RECORD, horizon=3)["dones"].any()


@pytest.mark.parametrize(
    "read",
    [
        lambda obs: obs["observation"],
        lambda obs: obs.items(),
        lambda obs: obs.shape,
        lambda obs: len(obs),
        lambda obs: np.asarray(obs),
        lambda obs: list(obs),
        lambda obs: bool(obs),
        lambda obs: "observation" in obs,
    ],
)
def test_reading_new_observations_raises_an_error(read):
    with pytest.raises(ValueError, match=NO_OBSERVATIONS):
        read(make_locals(RECORD, horizon=2)["new_obs"])


def test_a_callback_that_reads_new_observations_gets_the_error():
    class Read(BaseCallback):
        def _on_step(self):
            return bool(self.locals["new_obs"]["achieved_goal"].any())

    with pytest.raises(ValueError, match=NO_OBSERVATIONS):
        make_model().learn(16, callback=Read())


def test_values_are_computed_once_and_only_if_they_are_read():
    calls = []

    def compute():
        calls.append(None)
        return np.arange(3)

    values = LazySequence(3, compute)
    assert len(values) == 3 and calls == []
    assert values[1] == 1 and list(values) == [0, 1, 2] and np.asarray(values, float).sum() == 3
    assert repr(values) == "array([0, 1, 2])" and len(calls) == 1
