"""The fast update against the same mathematics in plain autograd."""

import pytest
import torch

from benchmarks.speed.plain_update import plain_loss
from gcgen_env.datasets import load_dataset
from gcgen_env.model.sampling import make_sampler
from tests.agents.conftest import make_model
from tests.agents.toys import randomise

LEARNED = {"look_ahead": (0.3, 0.9)}


@pytest.fixture
def model():
    """A model that uses every term of log q, and whose updates change nothing."""
    model = make_model(
        n_envs=64,
        batch_size=64,
        precision="float32",
        learning_rate=0.0,
        gc_learning_rate=0.0,
        policy_kwargs=LEARNED,
    )
    randomise(model.policy, scale=0.2)
    generator = torch.Generator().manual_seed(1)
    for parameter in model.s_agent.network.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def all_gradients(model):
    named = model.s_agent.network.named_parameters()
    return {name: p.grad.clone() for name, p in named if p.grad is not None}


def test_gradients_are_those_of_plain_autograd(model):
    images = load_dataset("digits", "train").take(torch.arange(64).numpy())
    goals = (torch.from_numpy(images) > 0.4).float()
    model.set_random_seed(3)
    path = model.update_s_agent(goals)
    fast = all_gradients(model)

    model.s_agent.network.zero_grad()
    model.set_random_seed(3)
    actions = []
    sample = make_sampler(model._generator)

    def choose(log_q):
        actions.append(sample(log_q))
        return actions[-1]

    plain_loss(model.s_agent, model.policy, goals, choose, model.config.auxiliary).backward()
    plain = all_gradients(model)

    assert torch.equal(torch.stack(actions, 1), path.action)
    assert fast.keys() == plain.keys() and len(plain) > 10
    for name, gradient in plain.items():
        error = (fast[name] - gradient).norm() / gradient.norm()
        assert error < 1e-5, (name, float(error))
