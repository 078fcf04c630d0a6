"""Batches: which goals are replaced, and the rewards of the new ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.offline.batches import BatchSampler, Relabelling
from agents.offline.episode_data import EpisodeData
from gcgen_env.goal_env import PREVIOUS
from tests.agents.offline.samples import make_data, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data():
    return make_data()


def draw(data, num=500, likelihood=None, **kwargs):
    """Draw a batch; images become arrays (B, 4)."""
    sampler = BatchSampler(data, Relabelling(**kwargs), likelihood)
    return sampler.sample(num, np.random.default_rng(0), CPU)


def number(data):
    """Replace the images by numbers 100 e + h, and the goals by 100 e + 99."""
    episode, h = np.indices(data.image.shape[:2])
    image = np.broadcast_to((100.0 * episode + h)[:, :, None, None, None], data.image.shape)
    goal = np.broadcast_to(
        (100.0 * np.arange(len(data)) + 99)[:, None, None, None], (*data.goal.shape,)
    )
    return replace(data, image=image.astype(np.float32), goal=goal.astype(np.float32))


def test_without_relabelling_every_field_is_of_one_decision(data):
    batch = draw(number(data))
    at = batch.image[:, 0].long()
    episode, h = at // 100, at % 100
    assert torch.equal(batch.step, h) and h.unique().tolist() == [0, 1, 2]
    assert torch.equal(batch.next_image[:, 0].long(), at + 1)
    assert torch.equal(batch.goal[:, 0].long(), 100 * episode + 99)
    assert torch.equal(batch.action, torch.from_numpy(data.action)[episode, h])
    assert torch.equal(batch.mask, torch.from_numpy(data.mask)[episode, h])
    assert torch.equal(batch.reward, torch.from_numpy(data.reward)[episode, h].float())


def test_future_goals_come_later_in_the_same_episode(data):
    batch = draw(number(data), hindsight=1.0)
    at, goal = batch.image[:, 0].long(), batch.goal[:, 0].long()
    distance = goal - at
    assert (goal // 100 == at // 100).all()
    for h in range(3):  # each later image, equally often
        later, counts = distance[at % 100 == h].unique(return_counts=True)
        assert later.tolist() == list(range(1, 4 - h))
        assert counts.min() > 0.6 * counts.max()


def test_final_goals_are_the_last_images(data):
    batch = draw(number(data), hindsight=1.0, strategy="final")
    at, goal = batch.image[:, 0].long(), batch.goal[:, 0].long()
    assert torch.equal(goal, at // 100 * 100 + 3)


def test_the_shares_are_those_asked_for(data):
    batch = draw(number(data), 2000, hindsight=0.3, random=0.5)
    at, goal = batch.image[:, 0].long(), batch.goal[:, 0].long()
    assert (goal % 100 != 99).float().mean().item() == pytest.approx(0.3, abs=0.05)
    other = (goal % 100 == 99) & (goal // 100 != at // 100)
    assert other.float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_the_rewards_of_new_goals_are_the_environments(data):
    envs = make_tiny()
    batch = draw(data, likelihood=envs.episodes.chain.likelihood, hindsight=0.4, random=0.4)
    image, after, goal = (each.view(-1, 1, 2, 2).numpy() for each in batch[:3])
    rewards = envs.compute_reward(after, goal, {PREVIOUS: image})
    np.testing.assert_allclose(batch.reward, rewards, rtol=1e-4, atol=1e-3)


def test_other_rewards_cannot_be_relabelled():
    sparse = make_data(reward_type="sparse")
    likelihood = make_tiny().episodes.chain.likelihood
    draw(sparse, likelihood=likelihood)
    with pytest.raises(ValueError, match="not the potential rewards"):
        draw(sparse, likelihood=likelihood, random=0.5)


@pytest.mark.parametrize(
    "wrong", [{"hindsight": -0.1}, {"random": 1.1}, {"hindsight": 0.6, "random": 0.6}]
)
def test_shares_must_make_sense(wrong):
    with pytest.raises(ValueError, match="shares"):
        Relabelling(**wrong)
    with pytest.raises(ValueError, match="future, final"):
        Relabelling(strategy="episode")


def test_data_that_do_not_fit_are_refused(data):
    with pytest.raises(ValueError, match=r"goal must have shape \(64, 1, 2, 2\)"):
        replace(data, goal=data.goal[:5])
    with pytest.raises(ValueError, match="invalid actions"):
        replace(data, mask=np.zeros_like(data.mask))
    with pytest.raises(ValueError, match="no episode"):
        EpisodeData(data.image[:0], data.goal[:0], data.mask[:0], data.action[:0], data.reward[:0])
