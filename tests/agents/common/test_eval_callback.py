"""Contrib's MaskableEvalCallback evaluates everyone who respects masks."""

import gymnasium as gym
import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.callbacks import MaskableEvalCallback

from agents import MaskableGCPolicy
from agents.common.vec_env import GCGenVecEnv
from agents.maskable_dqn import MaskableDQN
from agents.maskable_qrdqn import MaskableQRDQN

ENV, KWARGS = "GCGen-Toy2D-v0", {"nucleus": 0.9}
OFF_POLICY = {"buffer_size": 200, "learning_starts": 32, "gamma": 1.0}


class CountInvalid(gym.Wrapper):
    """Counts steps and invalid actions."""

    steps = invalid = 0

    def step(self, action):
        """Count, and step."""
        *rest, info = self.env.step(action)
        self.steps, self.invalid = self.steps + 1, self.invalid + int(info["invalid_action"])
        return *rest, info

    def action_masks(self):
        """Return the valid actions."""
        return self.env.get_wrapper_attr("action_masks")()


def make_model(algorithm):
    env = gym.make(ENV, **KWARGS)
    if algorithm is MaskablePPO:
        return MaskablePPO(MaskableGCPolicy, env, n_steps=32, batch_size=32, gamma=1.0, seed=0)
    return algorithm("MultiInputPolicy", env, seed=0, **OFF_POLICY)


@pytest.mark.filterwarnings("ignore:Training and eval env are not of the same type")
@pytest.mark.parametrize("algorithm", [MaskablePPO, MaskableDQN, MaskableQRDQN])
@pytest.mark.parametrize("batched", [False, True])
def test_maskable_eval_callback(algorithm, batched, tmp_path):
    if batched:
        vector = gym.make_vec(ENV, num_envs=2, autoreset_mode="SameStep", **KWARGS)
        env = GCGenVecEnv(vector)
    else:
        env = CountInvalid(gym.make(ENV, **KWARGS))
    callback = MaskableEvalCallback(
        env, eval_freq=32, n_eval_episodes=4, log_path=str(tmp_path), warn=False, verbose=0
    )
    make_model(algorithm).learn(64, callback=callback)
    found = np.load(tmp_path / "evaluations.npz")
    assert found["results"].shape == (2, 4)
    assert np.isfinite(found["results"]).all()
    if not batched:
        assert env.steps == 2 * 4 * 6
        assert env.invalid == 0


@pytest.mark.parametrize("algorithm", [MaskableDQN, MaskableQRDQN])
def test_masks_that_are_passed_replace_those_of_the_observation(algorithm):
    model = make_model(algorithm)
    obs = model.get_env().reset()
    for only in range(3):
        masks = np.zeros((1, 8), dtype=bool)
        masks[0, only] = True
        for deterministic in (True, False):
            action, _ = model.predict(obs, deterministic=deterministic, action_masks=masks)
            assert action == only
