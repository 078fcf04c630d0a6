"""Minari: record a data set, recover the environment from it and replay the episodes."""

import numpy as np
import pytest

minari = pytest.importorskip("minari", exc_type=ImportError)


def test_a_recorded_data_set_can_be_replayed(make, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    env = minari.DataCollector(make(obs_mode="compact"))
    for seed in range(3):
        obs, _ = env.reset(seed=seed)
        done = False
        while not done:
            obs, _, terminated, truncated, _ = env.step(int(obs["action_mask"].argmax()))
            done = terminated or truncated
    dataset = env.create_dataset("gcgen/digits-v0", algorithm_name="first valid")
    assert dataset.total_episodes == 3
    loaded = minari.load_dataset("gcgen/digits-v0")
    recovered = loaded.recover_environment()
    assert vars(recovered.unwrapped.config) == vars(env.unwrapped.config)
    for episode in loaded.iterate_episodes():
        recovered.reset(seed=int(episode.id))
        rewards = [recovered.step(int(action))[1] for action in episode.actions]
        np.testing.assert_allclose(rewards, episode.rewards, rtol=1e-6)
