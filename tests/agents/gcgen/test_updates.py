"""The updates of both agents: when they happen, and which weights they change."""

import numpy as np
import pytest
import torch

from agents import GCGen
from tests.agents.conftest import make_model
from tests.agents.toys import get_prior


@pytest.mark.parametrize(("interval", "counts"), [(1, [3, 3, 3]), (4, [0, 1, 1]), (9, [0, 0, 1])])
def test_the_gc_agent_learns_at_intervals(monkeypatch, interval, counts):
    """Each round has three updates of the S-agent, the last of them on a smaller batch."""
    updated = []
    monkeypatch.setattr(GCGen, "update_gc_agent", lambda self, goals: updated.append(len(goals)))
    model = make_model(n_envs=20, batch_size=8, gc_interval=interval)
    for round_, count in enumerate(counts):
        updated.clear()
        model.train_round(None)
        assert model._n_updates == 3 * round_ + 3 and len(updated) == count
        assert updated == [8, 8, 4][:count]


def test_a_policy_that_learns_nothing_is_not_updated(monkeypatch):
    updated = []
    monkeypatch.setattr(GCGen, "update_gc_agent", lambda self, goals: updated.append(len(goals)))
    make_model(updates=2, policy_kwargs={"learned": False})
    assert updated == []


def copy_weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def is_changed(module, before):
    return any(not torch.equal(v, before[name]) for name, v in module.state_dict().items())


@pytest.mark.parametrize("agent", ["S-agent", "GC-agent"])
def test_an_update_changes_one_agent(agent):
    model = make_model(learning_rate=1e-2, gc_learning_rate=1e-2)
    model._set_progress(0.0)
    network, policy = model.s_agent.network, model.policy
    update = model.update_s_agent if agent == "S-agent" else model.update_gc_agent
    goals = torch.from_numpy(model.env.make_goals(model.env.sample_images()))
    update(goals)  # SOAP's first update only measures
    before = copy_weights(network), copy_weights(policy)
    trajectories = update(goals)
    assert trajectories.action.shape == (16, 8)
    assert is_changed(network, before[0]) == (agent == "S-agent")
    assert is_changed(policy, before[1]) == (agent == "GC-agent")
    assert all(p.requires_grad for p in network.parameters())
    assert model.num_timesteps == 0  # only roll-outs with a callback are counted


def test_both_learning_rates_follow_the_progress():
    model = make_model(learning_rate=1e-3, gc_learning_rate=3e-4)
    rates = []
    for updates, progress in ((0, 0.0), (9, 0.0), (19, 0.0), (500, 0.5), (1000, 1.0)):
        model._n_updates = updates
        model._set_progress(progress)
        rates.append([o.param_groups[0]["lr"] for o in (model.optimizer, model.policy.optimizer)])
    expected = np.outer([0.05, 0.5, 1, 0.5, 0], [1e-3, 3e-4])
    np.testing.assert_allclose(rates, expected, atol=1e-12)


def test_a_frozen_s_agent_trains_on_the_pruned_prior():
    model = make_model(env_kwargs={"nucleus": 0.3}, train_s_agent=False, n_envs=64)
    path = model.train_round(None)
    with torch.no_grad():
        canvas, step = model.chain.dynamics.start(1), torch.zeros(1, dtype=torch.long)
        mask = get_prior(model.chain, canvas, step).isfinite()
    assert not mask.all()
    assert mask[0][path.action[:, 0]].all()


def test_an_s_agent_in_training_learns_from_all_proposals():
    model = make_model(env_kwargs={"nucleus": 0.3}, n_envs=64)
    assert model.train_round(None).log_prior.isfinite().all()
    assert model.chain.nucleus == 0.3 and model._training_chain.nucleus == 1.0


@pytest.mark.parametrize("agent", ["S-agent", "GC-agent"])
def test_divergence_is_detected_before_the_weights_change(agent):
    model = make_model()
    damaged, watched = model.policy.value_net.bias, model.policy.scorer
    if agent == "S-agent":
        damaged, watched = model.s_agent.network.head.bias, model.s_agent.network.trunk
    before = copy_weights(watched)
    with torch.no_grad():
        damaged.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"training (has )?diverged"):
        model.train_round(None)
    assert not is_changed(watched, before)
