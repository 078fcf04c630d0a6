"""Whether the buffer of an algorithm would fit in memory."""

import numpy as np
import psutil
import pytest
from gymnasium import spaces
from stable_baselines3 import DQN

from agents import GoalReplayBuffer, MaskableDQN, MaskableQRDQN
from agents.common.memory import check_fits, count_bytes, read_peak
from tests.agents.conftest import make_env


def test_the_bytes_of_an_observation_are_counted():
    image, mask = spaces.Box(0, 1, (3, 4), np.float32), spaces.MultiBinary(5)
    assert count_bytes(image) == 48
    assert count_bytes(mask) == 5
    assert count_bytes(spaces.Dict({"image": image, "mask": mask})) == 53
    assert count_bytes(spaces.Discrete(9)) == 8


def test_a_buffer_fits_up_to_the_memory_of_the_machine(monkeypatch):
    memory = type("Memory", (), {"total": 1000})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    space = spaces.Box(0, 1, (5,), np.float32)  # 20 bytes
    check_fits(50, space)
    check_fits(25, space, copies=2)
    for num, copies in ((51, 1), (26, 2)):
        with pytest.raises(MemoryError, match="make it smaller"):
            check_fits(num, space, copies)


def test_a_buffer_too_large_says_so_before_learning():
    with pytest.raises(MemoryError, match=r"takes .* GB, and this machine has .*; make it smaller"):
        DQN(
            "MultiInputPolicy",
            make_env(obs_mode="compact"),
            buffer_size=10**10,
            replay_buffer_class=GoalReplayBuffer,
        )
    with pytest.raises(MemoryError, match=r'\d+% of it are proposals: .*obs_mode="compact"'):
        check_fits(10**9, make_env().observation_space)


@pytest.mark.parametrize("algorithm", [MaskableDQN, MaskableQRDQN])
def test_a_buffer_beyond_memory_is_refused_before_it_is_made(algorithm):
    with pytest.raises(MemoryError, match=r'takes .* GB, .*obs_mode="compact"'):
        algorithm("MultiInputPolicy", make_env(), buffer_size=10**8)


def test_the_peak_of_this_process_is_what_it_has_at_least():
    assert read_peak() > 50e6  # PyTorch alone takes more
