"""skrl: its PPO on a flat id, with single and with batched environments."""

import gymnasium as gym
import pytest
import torch

skrl = pytest.importorskip("skrl", exc_type=ImportError)

from skrl.agents.torch.ppo import PPO, PPO_CFG  # noqa: E402
from skrl.envs.wrappers.torch import wrap_env  # noqa: E402
from skrl.memories.torch import RandomMemory  # noqa: E402
from skrl.models.torch import CategoricalMixin, DeterministicMixin, Model  # noqa: E402
from skrl.trainers.torch import SequentialTrainer  # noqa: E402

ENV_ID = "gcgen_env:GCGen-Digits-Flat-v0"
ROLLOUT = 32


class Net(Model):
    """A perceptron."""

    def make_body(self, outputs):
        layers = torch.nn.Linear(self.num_observations, 64), torch.nn.Tanh()
        return torch.nn.Sequential(*layers, torch.nn.Linear(64, outputs))

    def compute(self, inputs, role):
        return self.body(inputs["observations"]), {}


class Policy(CategoricalMixin, Net):
    def __init__(self, **spaces):
        Net.__init__(self, **spaces)
        CategoricalMixin.__init__(self)
        self.body = self.make_body(self.num_actions)


class Value(DeterministicMixin, Net):
    def __init__(self, **spaces):
        Net.__init__(self, **spaces)
        DeterministicMixin.__init__(self)
        self.body = self.make_body(1)


class Recorder(gym.vector.VectorWrapper):
    """Records the mean reward of every step."""

    def __init__(self, envs):
        super().__init__(envs)
        self.rewards = []

    def step(self, actions):
        result = self.env.step(actions)
        self.rewards.append(float(result[1].mean()))
        return result


def train(env, tmp_path, num_steps):
    torch.manual_seed(0)
    env = wrap_env(env, verbose=False)
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
    models = {
        "policy": Policy(**spaces, device=env.device), "value": Value(**spaces, device=env.device),
    }  # fmt: skip
    cfg = PPO_CFG(rollouts=ROLLOUT, discount_factor=1.0, learning_rate=1e-3, mini_batches=4)
    cfg.experiment.directory = str(tmp_path)
    cfg.experiment.write_interval = cfg.experiment.checkpoint_interval = 0
    memory = RandomMemory(memory_size=ROLLOUT, num_envs=env.num_envs, device=env.device)
    agent = PPO(models=models, memory=memory, cfg=cfg, device=env.device, **spaces)
    trainer_cfg = {"timesteps": num_steps, "disable_progressbar": True, "headless": True}
    trainer_cfg["close_environment_at_exit"] = False  # pytest has closed the log by then
    SequentialTrainer(env=env, agents=agent, cfg=trainer_cfg).train()


def test_ppo_improves_on_batched_environments(tmp_path):
    envs = Recorder(gym.make_vec(ENV_ID, num_envs=64, autoreset_mode="SameStep"))
    train(envs, tmp_path, 1200)
    first, last = (sum(part) / len(part) for part in (envs.rewards[:160], envs.rewards[-160:]))
    assert last > first + 0.3  # nats in each of 8 steps


def test_ppo_trains_on_a_single_environment(tmp_path):
    train(gym.make(ENV_ID), tmp_path, 2 * ROLLOUT)
