"""MaskableDQN and MaskableQRDQN: masks everywhere, both policies, saved and loaded."""

import gymnasium as gym
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sb3_contrib.common.utils import quantile_huber_loss
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.common.decision import INVALID_LOGIT
from agents.common.evaluation import evaluate_agent
from agents.common.masking import mask_values, sample_valid
from agents.maskable_dqn import MaskableDQN
from tests.agents.common.conftest import ALGORITHMS, NUCLEUS, make_env, make_model, values_of

POLICIES = ("MultiInputPolicy", "ProposalPolicy")


class CountInvalid(gym.Wrapper):
    """Counts invalid actions."""

    total = 0

    def step(self, action):
        CountInvalid.total += int(not self.unwrapped.action_masks()[action])
        return self.env.step(action)


def test_masked_values_of_any_rank():
    mask = torch.tensor([[1, 0, 1], [0, 0, 1]])
    for shape in ((2, 3), (2, 5, 3)):
        values = mask_values(torch.zeros(shape), {"action_mask": mask})
        found = values == INVALID_LOGIT
        assert torch.equal(found if found.ndim == 2 else found.all(1), mask == 0)
        assert values.ndim == len(shape)


def test_draws_are_uniform_over_valid_actions():
    rng = np.random.default_rng(0)
    mask = np.tile(np.array([1, 0, 1, 1, 0]), (30_000, 1))
    counts = np.bincount(sample_valid(mask, rng), minlength=5) / len(mask)
    np.testing.assert_allclose(counts, [1 / 3, 0, 1 / 3, 1 / 3, 0], atol=0.01)
    assert sample_valid(np.array([0, 0, 1]), rng) == 2
    assert sample_valid(np.zeros((2, 3)), rng).tolist() == [0, 0]  # an episode that is over


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("policy", POLICIES)
def test_networks_and_targets_are_masked(algorithm, policy, observations):
    model = make_model(algorithm, policy)
    tensors, _ = model.policy.obs_to_tensor(observations)
    invalid = tensors["action_mask"] < 0.5
    assert invalid.any()
    found = values_of(model, tensors)
    assert len(found) == 2
    for values in found:
        assert (values[invalid] == INVALID_LOGIT).all()
        assert (values[~invalid] > INVALID_LOGIT / 2).all()
        action = values.argmax(1, keepdim=True)
        assert not invalid.gather(1, action).any()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("policy", POLICIES)
def test_no_invalid_action_while_learning(algorithm, policy):
    CountInvalid.total = 0
    env = DummyVecEnv([lambda: CountInvalid(make_env()) for _ in range(2)])
    model = make_model(algorithm, policy, env, exploration_final_eps=0.5)
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    model.learn(240)
    assert CountInvalid.total == 0
    assert model._n_updates > 10
    after = model.policy.state_dict()
    assert any((before[name] != after[name]).any() for name in before)
    masks = model.replay_buffer.observations["action_mask"][: model.replay_buffer.pos]
    taken = np.take_along_axis(masks, model.replay_buffer.actions[: len(masks)], axis=-1)
    assert taken.all() and not masks.all()


def tempt(model, action):
    """Give an action a huge value in every state, and make it invalid in all next states."""
    if isinstance(model, MaskableDQN):
        bias = model.q_net_target.q_net[-1].bias.unflatten(0, (1, -1))
    else:
        bias = model.quantile_net_target.quantile_net[-1].bias.unflatten(0, (model.n_quantiles, -1))
    bias.data[:, action] = 1e4
    mask = model.replay_buffer.next_observations["action_mask"]
    mask[:], mask[..., action] = 1, 0


def compute_loss(model, sample, action):
    """Compute the loss of a batch by hand, leaving out one next action."""
    chosen, rewards = sample.actions.long(), sample.rewards
    going_on = 1 - sample.dones
    if isinstance(model, MaskableDQN):
        values = model.q_net_target.q_net(_features(model.q_net_target, sample.next_observations))
        values[:, action] = -torch.inf
        target = rewards + going_on * values.max(1, keepdim=True).values
        return F.smooth_l1_loss(model.q_net(sample.observations).gather(1, chosen), target)
    net = model.quantile_net_target
    values = net.quantile_net(_features(net, sample.next_observations))
    values = values.unflatten(1, (model.n_quantiles, -1))
    mean = values.mean(1)
    mean[:, action] = -torch.inf
    best = mean.argmax(1)[:, None, None].expand(-1, model.n_quantiles, 1)
    target = rewards + going_on * values.gather(2, best).squeeze(2)
    now = model.quantile_net(sample.observations)
    now = now.gather(2, chosen[:, None].expand(-1, model.n_quantiles, 1)).squeeze(2)
    return quantile_huber_loss(now, target, sum_over_quantiles=True)


def _features(net, observations):
    """Return what a network's last layers read."""
    return net.extract_features(observations, net.features_extractor)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_targets_bootstrap_from_valid_actions_alone(algorithm):
    model = make_model(algorithm, "MultiInputPolicy", buffer_size=64, learning_rate=0.0, gamma=1.0)
    model.learn(48)
    tempt(model, action=3)
    set_random_seed(1)
    with torch.no_grad():
        expected = compute_loss(model, model.replay_buffer.sample(16), action=3)
    set_random_seed(1)
    model.train(gradient_steps=1, batch_size=16)
    assert expected < 1_000  # the temptation is 10,000
    assert model.logger.name_to_value["train/loss"] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("policy", POLICIES)
def test_round_trip(algorithm, policy, observations, tmp_path):
    model = make_model(algorithm, policy).learn(80)
    model.save(tmp_path / "model.zip")
    loaded = algorithm.load(tmp_path / "model.zip")
    for deterministic in (True, False):
        mask = observations["action_mask"]
        action, _ = loaded.predict(observations, deterministic=deterministic)
        assert np.take_along_axis(mask, action[:, None], 1).all()
    expected, _ = model.predict(observations, deterministic=True)
    np.testing.assert_array_equal(loaded.predict(observations, deterministic=True)[0], expected)
    alone = type(model.policy).load(_save(model.policy, tmp_path / "policy.pt"))
    np.testing.assert_array_equal(alone.predict(observations, deterministic=True)[0], expected)


def _save(policy, path):
    policy.save(path)
    return path


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_evaluation_counts_no_invalid_action(algorithm):
    envs = gym.make_vec("GCGen-Digits-v0", num_envs=8, nucleus=NUCLEUS)
    model = make_model(algorithm, "ProposalPolicy")
    stats = evaluate_agent(model, envs, 16, deterministic=True)
    assert not stats.invalid_actions.any()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_other_environments_are_refused(algorithm):
    with pytest.raises(ValueError, match='needs a key "action_mask"'):
        algorithm("MultiInputPolicy", "CartPole-v1")
    with pytest.raises(ValueError, match='obs_mode="pixels"'):
        algorithm("ProposalPolicy", make_env(obs_mode="compact"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_seeds_reproduce(algorithm):
    first, second = (make_model(algorithm, "MultiInputPolicy").learn(96) for _ in range(2))
    for name, value in first.policy.state_dict().items():
        assert torch.equal(value, second.policy.state_dict()[name]), name
