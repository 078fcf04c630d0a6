"""Tasks and episodes that the tests of offline learning share."""

import numpy as np
from gymnasium import spaces

from agents.offline.behaviours import find_obs_mode, make_behaviour
from agents.offline.collect import collect_episodes
from agents.offline.episode_data import EpisodeData, join_rounds
from gcgen_env import GCGenVectorEnv
from gcgen_env.model.likelihoods import Gaussian
from gcgen_env.spaces import make_observation_space

TINY = {"num_proposals": 4, "horizon": 3, "proposer": "dictionary", "success_threshold": 0.3}
"""64 paths on images of 2 x 2 pixels."""


def make_tiny(num_envs=8, **kwargs):
    """Make the tiny task, whose goals are 16 images."""
    images = np.random.default_rng(0).integers(256, size=(20, 2, 2), dtype=np.uint8)
    options = {"dataset": images, "autoreset_mode": "Disabled", **TINY, **kwargs}
    return GCGenVectorEnv(num_envs, **options)


def play(behaviour, num=64, seed=0, width=64, num_envs=8, **kwargs):
    """Return episodes of a behaviour on the tiny task, as rounds."""
    envs = make_tiny(num_envs, obs_mode=find_obs_mode(behaviour), **kwargs)
    agent = make_behaviour(behaviour, envs, seed, width)
    return list(collect_episodes(agent, envs, num, seed))


def make_data(behaviour="random", num=64, **kwargs) -> EpisodeData:
    """Return episodes of a behaviour on the tiny task, as algorithms read them."""
    return join_rounds(play(behaviour, num, **kwargs))


def make_bandit(rewards) -> tuple[tuple[spaces.Dict, spaces.Discrete], EpisodeData]:
    """Return spaces and data of one decision; each action is recorded once."""
    arms = len(rewards)
    data = EpisodeData(
        image=np.zeros((arms, 2, 2), dtype=np.float32),
        goal=np.zeros((arms, 2), dtype=np.float32),
        mask=np.ones((arms, 1, arms), dtype=bool),
        action=np.arange(arms)[:, None],
        reward=np.array(rewards, dtype=np.float64)[:, None],
    )
    space = make_observation_space(Gaussian(1, -1.0, 1.0, 0.3), (2,), arms, "compact")
    return (space, spaces.Discrete(arms)), data


def observe(arms, num=1):
    """Return the only observation of a bandit, `num` times."""
    return {
        "observation": np.zeros((num, 2), dtype=np.float32),
        "achieved_goal": np.zeros((num, 2), dtype=np.float32),
        "desired_goal": np.zeros((num, 2), dtype=np.float32),
        "step": np.zeros((num, 1), dtype=np.float32),
        "log_prior": np.full((num, arms), -np.log(arms), dtype=np.float32),
        "action_mask": np.ones((num, arms), dtype=np.int8),
    }
