"""Environments with one defect each, and the check that must find it."""

import copy

import numpy as np
from gymnasium import spaces

from gcgen_env import GCGenEnv, GCGenVectorEnv
from gcgen_env.testing import autoreset, common, observations, rewards, transitions, vector


class ByteImages(GCGenEnv):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        entries = dict(self.observation_space.spaces)
        entries["observation"] = spaces.Box(0, 255, self.episodes.shape, np.uint8)
        self.observation_space = spaces.Dict(entries)


class NumpyFlags(GCGenEnv):
    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(action)
        return obs, reward, np.bool_(terminated), truncated, info


class GoalOfEachStep(GCGenEnv):
    def step(self, action):
        self.episodes.goal = 1 - self.episodes.goal
        return super().step(action)


class UnnormalisedPrior(GCGenEnv):
    def _observe(self):
        obs, info = super()._observe()
        return {**obs, "log_prior": np.maximum(obs["log_prior"] - 1, -30)}, info


class GoalInThePrior(GCGenEnv):
    def _observe(self):
        obs, info = super()._observe()
        shift = round(float(obs["desired_goal"].sum()))
        return {**obs, "log_prior": np.roll(obs["log_prior"], shift)}, info


class BlindMask(GCGenEnv):
    def action_masks(self):
        return np.ones(self.config.num_proposals, dtype=bool)


class SharedImages(GCGenEnv):
    def _observe(self):
        obs, info = super()._observe()
        return {**obs, "achieved_goal": obs["observation"]}, info


class OwnStateReturned(GCGenEnv):
    def _observe(self):
        obs, info = super()._observe()
        return {**obs, "desired_goal": self.episodes.goal[0]}, info


class UnseededState(GCGenEnv):
    def reset(self, *, seed=None, options=None):
        state = np.random.default_rng().random(self.episodes.shape)
        return super().reset(seed=seed, options={"initial_state": state, **(options or {})})


class ClippedActions(GCGenEnv):
    def step(self, action):
        return super().step(int(np.clip(np.max(action), 0, self.config.num_proposals - 1)))


class SeedsFirst(GCGenEnv):
    def reset(self, *, seed=None, options=None):
        if seed is not None:
            self.np_random = np.random.default_rng(seed)
        return super().reset(options=options)


class HalfCopied(GCGenEnv):
    def __deepcopy__(self, memo):
        twin = copy.copy(self)
        twin.episodes = copy.deepcopy(self.episodes, memo)  # shares the generator
        return twin


class ShuffledProposals(GCGenEnv):
    def _observe(self):
        obs, info = super()._observe()
        return {**obs, "proposals": np.roll(obs["proposals"], 1, axis=0)}, info


class PenalisedInvalidActions(GCGenEnv):
    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(action)
        return obs, reward - 10.0 * info["invalid_action"], terminated, truncated, info


class UnreportedInvalidActions(GCGenEnv):
    def step(self, action):
        obs, *rest, info = super().step(action)
        return obs, *rest, {**info, "invalid_action": False}


class ForgetsUsedProposals(GCGenEnv):
    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "nucleus": 1.0, "single_use": True})

    def step(self, action):
        self.episodes.used[:] = False
        return super().step(action)


class EndsEarly(GCGenEnv):
    def step(self, action):
        obs, reward, _, truncated, info = super().step(action)
        return obs, reward, info["step"] >= self.config.horizon - 1, truncated, info


class TruncatesAtTheEnd(GCGenEnv):
    def step(self, action):
        obs, reward, terminated, _, info = super().step(action)
        return obs, reward, terminated, terminated, info


class PriorAtTheEnd(GCGenEnv):
    def _observe(self):
        if self.episodes.step_index[0] == self.config.horizon:
            self.episodes.cache.log_prior[0] = np.log(np.arange(1, 17) / 136)
        return super()._observe()


class IgnoresOptions(GCGenEnv):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)


class RoundedReward(GCGenEnv):
    def step(self, action):
        obs, reward, *rest = super().step(action)
        return obs, float(np.float32(reward)), *rest


class RoundedBatches(GCGenEnv):
    def compute_reward(self, achieved_goal, desired_goal, info):
        reward = super().compute_reward(achieved_goal, desired_goal, info)
        return reward if isinstance(reward, float) else np.float64(np.float32(reward))


class RewardPerStep(GCGenEnv):
    def step(self, action):
        obs, reward, *rest = super().step(action)
        return obs, reward - 1.0, *rest


class EndsAtTheGoal(GCGenEnv):
    def compute_terminated(self, achieved_goal, desired_goal, info):
        return bool(np.array_equal(achieved_goal, desired_goal)) or info["step"] >= 8


class NewGoalInComputeReward(GCGenEnv):
    def compute_reward(self, achieved_goal, desired_goal, info):
        self.episodes.goal[0] = np.reshape(achieved_goal, (-1, *self.episodes.shape))[0]
        return super().compute_reward(achieved_goal, desired_goal, info)


GOAL_ENV_MUTANTS = {
    ByteImages: (observations.check_spaces, "expected shape"),
    NumpyFlags: (observations.check_types, "expected Python bools"),
    GoalOfEachStep: (observations.check_images, "expected the same goal throughout an episode"),
    UnnormalisedPrior: (observations.check_prior, "probabilities of valid proposals that sum to 1"),
    GoalInThePrior: (observations.check_goal_is_hidden, r"\['log_prior'\] differs"),
    BlindMask: (common.check_masks, r"expected action_masks\(\) as int8"),
    SharedImages: (common.check_memory, "share memory"),
    OwnStateReturned: (common.check_memory, "overwriting returned arrays|share memory"),
    UnseededState: (common.check_seeding, "draw from np_random only"),
    ClippedActions: (common.check_wrong_actions, "expected a ValueError"),
    SeedsFirst: (common.check_refused_resets, "changed the generator: seed and draw last"),
    HalfCopied: (common.check_copies, "a copy drew another goal at the next reset"),
    ShuffledProposals: (transitions.check_transitions, "expected exactly"),
    PenalisedInvalidActions: (
        transitions.check_invalid_actions,
        "reward of an invalid action: expected",
    ),
    ForgetsUsedProposals: (transitions.check_single_use, "expected 0 for used proposals"),
    UnreportedInvalidActions: (transitions.check_invalid_actions, "expected True after action"),
    EndsEarly: (transitions.check_end, "terminated at h=7: expected False"),
    TruncatesAtTheEnd: (transitions.check_end, "truncated at h=8: expected False"),
    PriorAtTheEnd: (transitions.check_last_observation, "expected uniform"),
    IgnoresOptions: (transitions.check_reset_options, "goal_index"),
    RoundedReward: (rewards.check_compute_reward, "expected the reward of the step"),
    RoundedBatches: (rewards.check_compute_reward_of_batches, "expected the single rewards"),
    RewardPerStep: (rewards.check_reward_type, "'potential' reward: expected"),
    EndsAtTheGoal: (rewards.check_compute_terminated, "for every goal"),
    NewGoalInComputeReward: (rewards.check_purity, "must be pure"),
}
"""Class: the check that must fail on it, and part of the message."""


class WrongMode(GCGenVectorEnv):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode.value}


class SingleRewards(GCGenVectorEnv):
    def step(self, actions):
        obs, reward, *rest = super().step(actions)
        return obs, reward.astype(np.float32), *rest


class UnmaskedInfos(GCGenVectorEnv):
    def _infos(self):
        infos = super()._infos()
        del infos["_distance"]
        return infos


class BlindMasks(GCGenVectorEnv):
    def action_masks(self):
        return np.ones((self.num_envs, self.config.num_proposals), dtype=bool)


class OwnStatesReturned(GCGenVectorEnv):
    def step(self, actions):
        obs, *rest = super().step(actions)
        return {**obs, "desired_goal": self.episodes.goal}, *rest


class UnseededResets(GCGenVectorEnv):
    def step(self, actions):
        self.np_random = np.random.default_rng()
        return super().step(actions)


class ClippedBatches(GCGenVectorEnv):
    def step(self, actions):
        return super().step(np.clip(actions, 0, self.config.num_proposals - 1).astype(np.int64))


class SeedsBatchFirst(GCGenVectorEnv):
    def reset(self, *, seed=None, options=None):
        if isinstance(seed, int):
            self.np_random = np.random.default_rng(seed)
            seed = None
        return super().reset(seed=seed, options=options)


class ForgetsItsStep(GCGenVectorEnv):
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.episodes.step_index[:] = 0


class OneSeedForAll(GCGenVectorEnv):
    def reset(self, *, seed=None, options=None):
        seed = seed[0] if isinstance(seed, list) else seed
        return super().reset(seed=seed, options=options)


class RewardForResetting(GCGenVectorEnv):
    def step(self, actions):
        obs, reward, *rest = super().step(actions)
        return obs, reward + (obs["step"][:, 0] == 0), *rest


class FirstObsAsFinal(GCGenVectorEnv):
    def step(self, actions):
        obs, *rest, infos = super().step(actions)
        for row in np.flatnonzero(infos.get("_final_obs", [])):
            infos["final_obs"][row] = {key: value[row].copy() for key, value in obs.items()}
        return obs, *rest, infos


class ResetsEveryEnvironment(GCGenVectorEnv):
    def reset(self, *, seed=None, options=None):
        options = {k: v for k, v in (options or {}).items() if k != "reset_mask"}
        return super().reset(seed=seed, options=options)


class DoubledRewards(GCGenVectorEnv):
    def step(self, actions):
        obs, reward, *rest = super().step(actions)
        return obs, 2 * reward, *rest


class SwappedEnvironments(GCGenVectorEnv):
    def step(self, actions):
        return super().step(np.roll(actions, 1))


VECTOR_ENV_MUTANTS = {
    WrongMode: (vector.check_batched_spaces, "NextStep", r"metadata\['autoreset_mode'\]"),
    SingleRewards: (vector.check_batched_types, "NextStep", "reward: expected float64"),
    UnmaskedInfos: (vector.check_info_masks, "NextStep", "expected the mask '_distance'"),
    BlindMasks: (common.check_masks, "Disabled", r"expected action_masks\(\) as int8"),
    OwnStatesReturned: (common.check_memory, "SameStep", "a later step changed"),
    UnseededResets: (common.check_seeding, "SameStep", "draw from np_random only"),
    ClippedBatches: (common.check_wrong_actions, "NextStep", "expected a ValueError"),
    SeedsBatchFirst: (
        common.check_refused_resets,
        "NextStep",
        "changed the generator: seed and draw last",
    ),
    ForgetsItsStep: (common.check_copies, "Disabled", "a copy made at h=1 gave other results"),
    OneSeedForAll: (autoreset.check_seeds, "SameStep", "depend on an environment's own seed"),
    RewardForResetting: (
        autoreset.check_autoreset,
        "NextStep",
        "resetting step: expected reward 0",
    ),
    FirstObsAsFinal: (autoreset.check_autoreset, "SameStep", "expected 1, as h = H"),
    ResetsEveryEnvironment: (
        autoreset.check_autoreset,
        "Disabled",
        "expected no change where the mask is False",
    ),
    DoubledRewards: (vector.check_batched_rewards, "SameStep", "expected the rewards of step"),
    SwappedEnvironments: (
        vector.check_single_environments,
        "Disabled",
        "expected the results of a single",
    ),
}
"""Class: the check that must fail on it, its autoreset mode, and part of the message."""
