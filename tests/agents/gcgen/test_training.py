"""`learn`: how SB3's callbacks are called, what is counted, and when training stops."""

from functools import partial

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CheckpointCallback,
    EvalCallback,
    EveryNTimesteps,
    StopTrainingOnMaxEpisodes,
)
from stable_baselines3.common.vec_env import VecMonitor

from agents import GCGen
from agents.gcgen import schedule
from agents.gcgen.bound import compute_bound
from agents.gcgen.config import GCGenConfig
from tests.agents.conftest import make_model, make_vec_env

STEPS = 16 * 8
"""Timesteps of one update of the small model."""


class Witness(BaseCallback):
    """Records every call and the number of updates at that time; stops after some steps."""

    def __init__(self, stop_after=None):
        super().__init__()
        self.calls = []
        self.updates = []
        self.dones = 0
        self.stop_after = stop_after

    def record(self, call):
        self.calls.append(call)
        self.updates.append(self.model._n_updates)

    def _on_training_start(self):
        self.record("training start")

    def _on_rollout_start(self):
        self.record("rollout start")

    def _on_step(self):
        self.record(self.num_timesteps)
        self.dones += self.locals["dones"].sum()
        return self.stop_after is None or self.n_calls < self.stop_after

    def _on_rollout_end(self):
        trajectories = self.locals["trajectories"]
        assert compute_bound(trajectories).nll.shape == (len(trajectories.canvas),)
        self.record("rollout end")

    def _on_training_end(self):
        self.record("training end")


class StopAt(BaseCallback):
    """Stops at the first step at which a condition on the model holds."""

    def __init__(self, condition):
        super().__init__()
        self.condition = condition

    def _on_step(self):
        return not self.condition(self.model)


def test_callbacks_hear_every_decision_before_the_update():
    witness = Witness()
    model = make_model()
    model.learn(2 * STEPS, callback=witness)
    steps = [16 * (i + 1) for i in range(16)]
    first = ["rollout start", *steps[:8], "rollout end"]
    second = ["rollout start", *steps[8:], "rollout end"]
    assert witness.calls == ["training start", *first, *second, "training end"]
    assert witness.updates == [0, *[0] * 10, *[1] * 10, 2]
    assert witness.dones == 2 * 16
    assert model.num_timesteps == 2 * STEPS and model._n_updates == 2


def test_weights_change_after_the_end_of_the_rollout():
    model, seen = make_model(), []

    class Compare(BaseCallback):
        def keep(self):
            seen.append(model.s_agent.network.head.bias.detach().clone())

        def _on_rollout_start(self):
            self.keep()

        def _on_step(self):
            return True

        def _on_rollout_end(self):
            self.keep()

    model.learn(4 * STEPS, callback=Compare())
    for update in range(4):
        assert torch.equal(seen[2 * update], seen[2 * update + 1])
    assert torch.equal(seen[1], seen[2])  # SOAP's first update only measures
    assert not torch.equal(seen[3], seen[4]) and not torch.equal(seen[5], seen[6])


def test_every_batch_of_goals_is_a_rollout():
    witness = Witness()
    make_model(batch_size=6).learn(STEPS, callback=witness)  # 16 goals: 6, 6 and 4
    assert witness.calls.count("rollout start") == witness.calls.count("rollout end") == 3
    counts = [call for call in witness.calls if not isinstance(call, str)]
    sizes = np.diff([0, *counts]).tolist()
    assert sizes == [6] * 8 + [6] * 8 + [4] * 8
    assert witness.updates[-1] == 3


def test_rollouts_of_the_gc_agent_alone_are_not_heard():
    """With `gc_interval=1` there are as many roll-outs that are neither counted nor heard."""
    witness = Witness()
    model = make_model(gc_interval=1)
    model.learn(2 * STEPS, callback=witness)
    assert witness.calls.count("rollout start") == 2 and model.num_timesteps == 2 * STEPS


@pytest.mark.parametrize(
    ("options", "binary"),
    [
        ({"goals": "grey"}, {"S-agent": False, "GC-agent": True}),
        ({}, {"S-agent": True, "GC-agent": True}),
        ({"goals": "grey", "train_s_agent": False}, {"GC-agent": True}),
        ({"env_kwargs": {"binarize": False}}, {"S-agent": False, "GC-agent": False}),
    ],
    ids=str,
)
def test_only_the_s_agent_learns_from_grey_goals(options, binary, monkeypatch):
    model = make_model(gc_interval=1, policy_kwargs={"learned": True}, **options)
    seen = {}
    for agent in ("S-agent", "GC-agent"):
        method = f"update_{agent.lower().replace('-', '_')}"
        update = getattr(model, method)

        def record(goals, *rest, agent=agent, update=update):
            seen[agent] = set(goals.unique().tolist()) == {0.0, 1.0}
            return update(goals, *rest)

        monkeypatch.setattr(model, method, record)
    model.learn(STEPS)
    assert seen == binary


@pytest.mark.parametrize(
    ("goals", "shape", "grey"),
    [
        ("auto", (1, 28, 28), True),
        ("auto", (1, 8, 8), False),
        ("auto", (2,), True),
        ("grey", (1, 8, 8), True),
        ("binary", (1, 28, 28), False),
    ],
)
def test_goals_are_grey_unless_images_are_small(goals, shape, grey):
    assert GCGenConfig(goals=goals).uses_grey_goals(shape) == grey
    assert not GCGenConfig(goals=goals, train_s_agent=False).uses_grey_goals(shape)


@pytest.mark.parametrize("options", [{}, {"policy_kwargs": {"learned": False}}], ids=str)
def test_rollouts_with_a_frozen_s_agent_are_heard(options):
    witness = Witness()
    make_model(train_s_agent=False, **options).learn(2 * STEPS, callback=witness)
    assert witness.calls.count("rollout end") == 2 and witness.dones == 32


@pytest.mark.parametrize(("batch_size", "updates"), [(16, 1), (8, 2), (5, 4), (100, 1)])
def test_a_batch_makes_an_update(batch_size, updates):
    model = make_model(updates=1, batch_size=batch_size)
    assert model._n_updates == updates and model.num_timesteps == STEPS


def test_a_callback_stops_training_inside_a_rollout():
    witness = Witness(stop_after=11)
    model = make_model()
    model.learn(100 * STEPS, callback=witness)
    assert model.num_timesteps == 11 * 16 and model._n_updates == 1
    assert witness.calls[-2:] == [11 * 16, "training end"]
    assert model.progress == pytest.approx(0.01)


def test_a_stop_at_the_last_decision_omits_the_update():
    model = make_model()
    model.learn(100 * STEPS, callback=Witness(stop_after=8))
    assert model.num_timesteps == STEPS and model._n_updates == 0


def test_a_stop_after_five_updates_is_exact():
    model = make_model()
    model.learn(100 * STEPS, callback=StopAt(lambda model: model._n_updates == 5))
    assert model._n_updates == 5
    assert model.num_timesteps == 5 * STEPS + 16  # the decision at which the callback is called


@pytest.mark.parametrize("train_s_agent", [True, False])
def test_a_stopped_model_can_be_trained_further(train_s_agent):
    model = make_model(train_s_agent=train_s_agent)
    model.learn(4 * STEPS, callback=Witness(stop_after=3))
    assert model.s_agent.network.head.weight.requires_grad == train_s_agent
    model.learn(STEPS, reset_num_timesteps=False)
    assert model.num_timesteps == 3 * 16 + STEPS and model._n_updates == 1


def test_an_exception_of_a_callback_passes_through():
    class Fail(BaseCallback):
        def _on_step(self):
            raise KeyError("a mistake of the user")

    with pytest.raises(KeyError, match="a mistake of the user"):
        make_model().learn(STEPS, callback=Fail())


def test_sb3_counts_episodes():
    model = make_model()
    model.learn(100 * STEPS, callback=StopTrainingOnMaxEpisodes(max_episodes=3))
    assert model.num_timesteps == 3 * STEPS


def test_sb3_calls_every_n_timesteps():
    heard = []

    class Record(BaseCallback):
        def _on_step(self):
            heard.append(self.num_timesteps)
            return True

    make_model().learn(2 * STEPS, callback=EveryNTimesteps(48, Record()))
    assert heard == [48, 96, 144, 192, 240]


def test_a_list_and_a_function_are_callbacks_too():
    heard = []

    def record(local, _):
        heard.append((local["self"].num_timesteps, len(local["rewards"])))
        return len(heard) < 10

    model = make_model()
    witness = Witness()
    model.learn(10 * STEPS, callback=[witness, StopAt(lambda model: model.num_timesteps == 64)])
    assert model.num_timesteps == 64 and witness.calls[-1] == "training end"
    model.learn(10 * STEPS, callback=record)
    assert heard == [(16 * (i + 1), 16) for i in range(10)]
    assert model.num_timesteps == 160


def test_checkpoints_can_be_loaded(tmp_path, digits):
    model = make_model()
    model.learn(4 * STEPS, callback=CheckpointCallback(16, str(tmp_path), "gcgen"))
    paths = sorted(tmp_path.iterdir(), key=lambda path: int(path.stem.split("_")[1]))
    assert [path.name for path in paths] == ["gcgen_256_steps.zip", "gcgen_512_steps.zip"]
    first, last = (GCGen.load(path) for path in paths)
    # The checkpoint is written at the last decision of a roll-out, before its update.
    assert (first._n_updates, last._n_updates, last.num_timesteps) == (1, 3, 512)
    again = make_model()
    again.learn(4 * STEPS, callback=StopAt(lambda model: model.num_timesteps == 512))
    np.testing.assert_array_equal(last.encode(digits), again.encode(digits))
    assert torch.equal(last.s_agent.network.head.bias, again.s_agent.network.head.bias)


@pytest.mark.filterwarnings("ignore:Training and eval env are not of the same type")
def test_another_environment_evaluates(tmp_path, s_agent_file):
    env = VecMonitor(make_vec_env(4, proposer=str(s_agent_file), split="validation"))
    callback = EvalCallback(
        env, eval_freq=8, n_eval_episodes=8, best_model_save_path=str(tmp_path), verbose=0
    )
    with pytest.warns(UserWarning, match=r"another proposer .* EvalCallback\(model.get_env"):
        make_model().learn(3 * STEPS, callback=callback)
    assert callback.last_mean_reward > 0  # potentials rise
    assert callback.evaluations_timesteps == [] and callback.n_calls == 24
    assert GCGen.load(tmp_path / "best_model").num_timesteps in (STEPS, 2 * STEPS, 3 * STEPS)


@pytest.mark.filterwarnings("ignore:Evaluation environment is not wrapped")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_evaluation_in_the_live_environment_changes_no_number_of_training(tmp_path, precision):
    """It happens inside roll-outs, with the S-agent that is being trained."""
    plain = make_model(precision=precision).learn(3 * STEPS)
    model = make_model(precision=precision)
    callback = EvalCallback(
        model.get_env(), eval_freq=5, n_eval_episodes=16, log_path=str(tmp_path), verbose=0
    )
    model.learn(3 * STEPS, callback=callback)
    results = np.load(tmp_path / "evaluations.npz")["results"]
    assert results.shape == (4, 16) and np.isfinite(results).all() and results.mean() > 0
    for one, other in (
        (plain.policy, model.policy),
        (plain.s_agent.network, model.s_agent.network),
    ):
        state = other.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in one.state_dict().items())


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_the_progress_bar_reaches_the_end(capsys):
    model = make_model()
    model.learn(2 * STEPS, progress_bar=True)
    captured = capsys.readouterr()
    assert "100%" in captured.err and "256 timesteps, bound" in captured.err


def test_minutes_end_training(monkeypatch):
    now = iter(range(0, 10_000, 6))  # six seconds pass between two readings of the clock
    clock = partial(schedule.Clock, now=now.__next__)
    monkeypatch.setattr("agents.gcgen.training.Clock", clock)
    model = make_model()
    model.learn(10**9, max_minutes=1)
    assert model._n_updates == 9 and model.progress == 1.0


@pytest.mark.parametrize("timesteps", [-5, 0, 0.5, float("nan"), float("inf")])
def test_a_wrong_number_of_timesteps_is_refused(timesteps):
    model = make_model()
    with pytest.raises(ValueError, match="total_timesteps must be a positive integer, got"):
        model.learn(timesteps)
    assert model.num_timesteps == model._n_updates == 0


@pytest.mark.parametrize("minutes", [-1, 0, float("nan"), float("inf")])
def test_a_wrong_number_of_minutes_is_refused(minutes):
    with pytest.raises(ValueError, match="max_minutes must be positive, got"):
        make_model().learn(STEPS, max_minutes=minutes)


def test_a_whole_number_may_be_a_float():
    model = make_model().learn(2.0 * STEPS)
    assert model.num_timesteps == 2 * STEPS and isinstance(model.num_timesteps, int)


def test_timesteps_continue_or_start_anew():
    model = make_model(updates=2)
    model.learn(STEPS, reset_num_timesteps=False)
    assert model.num_timesteps == 3 * STEPS
    model.learn(STEPS)
    assert model.num_timesteps == STEPS and model._n_updates == 4


def test_an_environment_set_later_is_seeded():
    def run():
        model = make_model()
        model.set_env("GCGen-Digits-v0")
        model.learn(2 * STEPS)
        return model.s_agent.network.head.bias

    assert torch.equal(run(), run())
