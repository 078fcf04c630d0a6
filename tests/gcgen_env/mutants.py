"""Environments that each break one promise, and the check that must see it."""

import numpy as np
from gymnasium import spaces

from gcgen_env import GCGenEnv, GCGenVectorEnv
from gcgen_env.testing import autoreset, common, observations, rewards, transitions, vector


class ByteImages(GCGenEnv):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        entries = dict(self.observation_space.spaces)
        entries["observation"] = spaces.Box(0, 255, self.core.shape, np.uint8)
        self.observation_space = spaces.Dict(entries)


class NumpyFlags(GCGenEnv):
    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(action)
        return obs, reward, np.bool_(terminated), truncated, info


class GoalOfEachStep(GCGenEnv):
    def step(self, action):
        self.core.goal = 1 - self.core.goal
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
        return {**obs, "desired_goal": self.core.goal[0]}, info


class UnseededState(GCGenEnv):
    def reset(self, *, seed=None, options=None):
        state = np.random.default_rng().random(self.core.shape)
        return super().reset(seed=seed, options={"initial_state": state, **(options or {})})


class ClippedActions(GCGenEnv):
    def step(self, action):
        return super().step(int(np.clip(np.max(action), 0, self.config.num_proposals - 1)))


class ShuffledProposals(GCGenEnv):
    def _observe(self):
        obs, info = super()._observe()
        return {**obs, "proposals": np.roll(obs["proposals"], 1, axis=0)}, info


class FinedInvalidActions(GCGenEnv):
    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(action)
        return obs, reward - 10.0 * info["invalid_action"], terminated, truncated, info


class RefusedInvalidActions(GCGenEnv):
    def step(self, action):
        obs, *rest, info = super().step(action)
        return obs, *rest, {**info, "invalid_action": False}


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
        if self.core.step_index[0] == self.config.horizon:
            self.core.offers.log_prior[0] = np.log(np.arange(1, 17) / 136)
        return super()._observe()


class DeafToOptions(GCGenEnv):
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


class PaidByTheStep(GCGenEnv):
    def step(self, action):
        obs, reward, *rest = super().step(action)
        return obs, reward - 1.0, *rest


class EndsAtTheGoal(GCGenEnv):
    def compute_terminated(self, achieved_goal, desired_goal, info):
        return bool(np.array_equal(achieved_goal, desired_goal)) or info["step"] >= 8


class NewGoalWhenAsked(GCGenEnv):
    def compute_reward(self, achieved_goal, desired_goal, info):
        self.core.goal[0] = np.reshape(achieved_goal, (-1, *self.core.shape))[0]
        return super().compute_reward(achieved_goal, desired_goal, info)


GOAL_ENV_MUTANTS = {
    ByteImages: (observations.check_spaces, "must have shape"),
    NumpyFlags: (observations.check_types, "must be Python bools"),
    GoalOfEachStep: (observations.check_images, "must stay the same within an episode"),
    UnnormalisedPrior: (observations.check_prior, "must be normalised"),
    GoalInThePrior: (observations.check_goal_is_hidden, r"\['log_prior'\] differs"),
    BlindMask: (common.check_masks, r"what action_masks\(\) says"),
    SharedImages: (common.check_memory, "share memory"),
    OwnStateReturned: (common.check_memory, "overwriting returned arrays|share memory"),
    UnseededState: (common.check_seeding, "must come from np_random"),
    ClippedActions: (common.check_wrong_actions, "must raise a ValueError"),
    ShuffledProposals: (transitions.check_proposals_come_true, "bit for bit"),
    FinedInvalidActions: (transitions.check_invalid_actions, "no special value"),
    RefusedInvalidActions: (transitions.check_invalid_actions, "must be True"),
    EndsEarly: (transitions.check_end, "terminated must be False"),
    TruncatesAtTheEnd: (transitions.check_end, "truncated must be False"),
    PriorAtTheEnd: (transitions.check_last_observation, "must be uniform"),
    DeafToOptions: (transitions.check_reset_options, "goal_index"),
    RoundedReward: (rewards.check_reward_recomputes, "must be the float that step paid"),
    RoundedBatches: (rewards.check_reward_of_batches, "bit for bit"),
    PaidByTheStep: (rewards.check_reward_type, "'potential' reward must be"),
    EndsAtTheGoal: (rewards.check_ends_recompute, "whatever the goal"),
    NewGoalWhenAsked: (rewards.check_purity, "must be pure"),
}
"""Class: the check that must fail on it, and part of the sentence."""


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
        return {**obs, "desired_goal": self.core.goal}, *rest


class UnseededResets(GCGenVectorEnv):
    def _autoreset(self, terminated):
        self.np_random = np.random.default_rng()
        return super()._autoreset(terminated)


class ClippedBatches(GCGenVectorEnv):
    def step(self, actions):
        return super().step(np.clip(actions, 0, self.config.num_proposals - 1).astype(np.int64))


class PaidDeadStep(GCGenVectorEnv):
    def step(self, actions):
        obs, reward, *rest = super().step(actions)
        return obs, reward + (obs["step"][:, 0] == 0), *rest


class FirstObsAsFinal(GCGenVectorEnv):
    def step(self, actions):
        obs, *rest, infos = super().step(actions)
        for row in np.flatnonzero(infos.get("_final_obs", [])):
            infos["final_obs"][row] = {key: value[row].copy() for key, value in obs.items()}
        return obs, *rest, infos


class ResetsEveryRow(GCGenVectorEnv):
    def reset(self, *, seed=None, options=None):
        options = {k: v for k, v in (options or {}).items() if k != "reset_mask"}
        return super().reset(seed=seed, options=options)


class DoubledRewards(GCGenVectorEnv):
    def step(self, actions):
        obs, reward, *rest = super().step(actions)
        return obs, 2 * reward, *rest


class SwappedRows(GCGenVectorEnv):
    def step(self, actions):
        return super().step(np.roll(actions, 1))


VECTOR_ENV_MUTANTS = {
    WrongMode: (vector.check_batched_spaces, "NextStep", r"metadata\['autoreset_mode'\]"),
    SingleRewards: (vector.check_batched_types, "NextStep", "reward must be float64"),
    UnmaskedInfos: (vector.check_info_masks, "NextStep", "lacks the mask '_distance'"),
    BlindMasks: (common.check_masks, "Disabled", r"what action_masks\(\) says"),
    OwnStatesReturned: (common.check_memory, "SameStep", "later steps changed"),
    UnseededResets: (common.check_seeding, "SameStep", "must come from np_random"),
    ClippedBatches: (common.check_wrong_actions, "NextStep", "must raise a ValueError"),
    PaidDeadStep: (autoreset.check_autoreset, "NextStep", "dead step must pay 0"),
    FirstObsAsFinal: (autoreset.check_autoreset, "SameStep", "must be at h = H"),
    ResetsEveryRow: (autoreset.check_autoreset, "Disabled", "must leave the other rows alone"),
    DoubledRewards: (vector.check_batched_rewards, "SameStep", "must equal the rewards"),
    SwappedRows: (vector.check_rows_agree, "Disabled", "what a single environment does"),
}
"""Class: the check that must fail on it, its autoreset mode, and part of the sentence."""
