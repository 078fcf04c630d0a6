"""Every device computes the same, and an update never waits for the device.

The meta device has shapes and no values: code that reads a value raises an error there, and would
wait for the device on a GPU. The tests of a GPU are skipped on other machines.
"""

import contextlib

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from agents import GCGen, GCPolicy
from agents.gcgen.losses import s_agent_loss
from agents.gcgen.objectives import OBJECTIVES
from agents.gcgen.optimizer import make_optimizer
from agents.gcgen.rollout import rollout
from gcgen_env.model.sampling import make_sampler
from tests.agents.conftest import DIGITS, make_envs, make_model, make_vec_env
from tests.gcgen_env.sample_proposers import with_convolutions

NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
GPU = pytest.param("cuda", marks=[pytest.mark.gpu, NO_GPU])
# Without a GPU the CPU is compared with itself.
DEVICES = pytest.mark.parametrize("device", ["cpu", GPU])
# The searches may end early, which reads values.
WAITLESS = sorted(set(OBJECTIVES) - {"expert_iteration", "tree_search"})


@contextlib.contextmanager
def forbid_waiting(device):
    """Let PyTorch raise where the CPU would wait for the GPU; the meta device does by itself."""
    if device != "cuda":
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def make_parts(device):
    """Return S-agent, policy and goals of a small model on a device."""
    model = make_model()
    goals = torch.from_numpy(model.load_split("test").take(range(16)))
    return model.s_agent.to(device), model.policy.to(device), goals.to(device)


def roll_out(s_agent, policy, goals, objective=None, seed=0):
    """Roll out with a seed and with the GC-agent or an objective; return both."""
    generator = torch.Generator().manual_seed(seed)
    agent = policy.make_selection()
    if objective:
        agent = OBJECTIVES[objective](policy, s_agent.chain, 8, generator)
    return rollout(s_agent.chain, agent, goals, make_sampler(generator)), agent


@pytest.mark.parametrize("device", ["meta", GPU])
def test_an_update_of_the_s_agent_waits_for_nothing(device):
    s_agent, policy, goals = make_parts(device)
    s_agent.network.set_trainable(True)
    with forbid_waiting(device):
        path, _ = roll_out(s_agent, policy, goals)
        s_agent_loss(s_agent.chain, path, goals, auxiliary=1.0).backward()
    assert s_agent.network.head.weight.grad.shape == s_agent.network.head.weight.shape


@pytest.mark.parametrize("objective", WAITLESS)
@pytest.mark.parametrize("device", ["meta", GPU])
def test_an_update_of_the_gc_agent_waits_for_nothing(device, objective):
    s_agent, policy, goals = make_parts(device)
    with forbid_waiting(device):
        path, agent = roll_out(s_agent, policy, goals, objective)
        agent.loss(path).backward()
    assert policy.scorer.knots.grad is not None


@pytest.mark.parametrize("name", ["soap", "adam"])
@pytest.mark.parametrize("device", ["meta", GPU])
def test_the_optimiser_waits_for_nothing(device, name):
    s_agent, policy, goals = make_parts(device)
    s_agent.network.set_trainable(True)
    optimizer = make_optimizer(name, s_agent.network, 1e-3, 0.1)
    path, _ = roll_out(s_agent, policy, goals)
    s_agent_loss(s_agent.chain, path, goals).backward()
    optimizer.step()  # the first eigenvectors, which a GPU checks
    with forbid_waiting(device):
        for _ in range(9):  # the tenth turns them
            optimizer.step()
    assert all(weight.device.type == device for weight in s_agent.network.parameters())


def differentiate(model, device):
    """Compute the gradients of an update of the S-agent without waiting."""
    goals = torch.from_numpy(model.load_split("test").take(range(16))).to(device)
    s_agent, policy = model.s_agent.to(device), model.policy.to(device)
    s_agent.network.set_trainable(True)
    with forbid_waiting(device):
        path, _ = roll_out(s_agent, policy, goals)
        s_agent_loss(s_agent.chain, path, goals, auxiliary=1.0).backward()


@pytest.mark.parametrize("kwargs", [{"uniform_prior": True}, {"depth": 2}, None])
@pytest.mark.parametrize("device", ["meta", GPU])
def test_an_update_of_other_networks_waits_for_nothing(device, kwargs):
    model = make_model(s_agent_kwargs={"width": 32, **(kwargs or {})})
    if kwargs is None:
        model = make_model(s_agent=with_convolutions(model.s_agent), s_agent_kwargs={})
    differentiate(model, device)


@pytest.mark.parametrize(
    "env_kwargs",
    [
        {"num_proposals": 200},  # more than the sampler's `MANY`
        {"likelihood": "gaussian", "sigma": 0.2},
    ],
    ids=["many", "gaussian"],
)
@pytest.mark.parametrize("device", ["meta", GPU])
def test_an_update_on_other_tasks_waits_for_nothing(device, env_kwargs):
    model = make_model(env_kwargs=env_kwargs)
    differentiate(model, device)


def test_the_meta_device_detects_a_search_that_reads_values():
    with pytest.raises(RuntimeError, match="meta tensor"):
        roll_out(*make_parts("meta"), "expert_iteration")


@DEVICES
def test_rollouts_are_the_same_on_every_device(device):
    expected, _ = roll_out(*make_parts("cpu"))
    path, _ = roll_out(*make_parts(device))
    same = (path.action.cpu() == expected.action).all(1)  # rounding may change the winner of a tie
    assert same.float().mean() > 0.9
    for name in ("log_q", "log_prior", "potential"):
        own, other = (getattr(p, name).detach().cpu()[same] for p in (path, expected))
        torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-3)


@DEVICES
def test_gradients_are_the_same_on_every_device(device):
    gradients = []
    for where in ("cpu", device):
        s_agent, policy, goals = make_parts(where)
        path, _ = roll_out(s_agent, policy, goals)
        s_agent_loss(s_agent.chain, path, goals).backward()
        gradients.append(s_agent.network.head.weight.grad.cpu())
    difference = (gradients[1] - gradients[0]).norm() / gradients[0].norm()
    assert difference < 0.05  # rounding may change an action, and with it the gradient


@DEVICES
@pytest.mark.parametrize("mode", ["pixels", "compact"])
def test_environments_are_the_same_on_every_device(device, mode):
    episodes = []
    for where in ("cpu", device):
        env = gym.make(DIGITS, obs_mode=mode, device=where)
        observations = [env.reset(seed=0)[0]]
        rewards = []
        for action in range(env.unwrapped.config.horizon):
            obs, reward, *_ = env.step(action)
            observations.append(obs)
            rewards.append(reward)
        episodes.append((observations, rewards))
    (one, rewards), (other, expected) = episodes
    np.testing.assert_allclose(rewards, expected, rtol=1e-4, atol=1e-4)
    for obs, same in zip(one, other, strict=True):
        for key in obs:
            np.testing.assert_allclose(obs[key], same[key], rtol=1e-4, atol=1e-4)


@DEVICES
def test_policies_act_on_tensors_of_the_environment(device):
    model = PPO(GCPolicy, make_vec_env(2), n_steps=8, batch_size=16, gamma=1.0, device=device)
    envs = make_envs(5, obs_device="env", device=device)
    obs, _ = envs.reset(seed=0)
    action = model.policy(obs, deterministic=True)[0]  # (N,), on the device
    arrays = {key: value.cpu().numpy() for key, value in obs.items()}
    assert action.tolist() == model.predict(arrays, deterministic=True)[0].tolist()
    assert envs.step(action)[1].device.type == device


@DEVICES
def test_a_model_trains_and_is_read_on_another_device(device, tmp_path, digits):
    model = make_model(updates=3, device=device)
    assert all(p.isfinite().all() for p in model.s_agent.network.parameters())
    model.save(tmp_path / "model.gcgen")
    loaded = GCGen.load(tmp_path / "model.gcgen", device="cpu")
    codes = model.encode(digits)
    assert (loaded.encode(digits) == codes).mean() > 0.9
    np.testing.assert_allclose(loaded.decode(codes), model.decode(codes), atol=1e-4)
    np.testing.assert_allclose(loaded.sample(4, seed=0), model.sample(4, seed=0), atol=1e-4)
