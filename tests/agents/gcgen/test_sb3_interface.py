"""What SB3, its callbacks and contrib's functions expect of `GCGen`."""

import io
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib.common.maskable.callbacks import MaskableEvalCallback
from sb3_contrib.common.maskable.evaluation import evaluate_policy as evaluate_maskable
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import (
    CallbackList,
    CheckpointCallback,
    EvalCallback,
    EveryNTimesteps,
    LogEveryNTimesteps,
    ProgressBarCallback,
    StopTrainingOnMaxEpisodes,
    StopTrainingOnNoModelImprovement,
    StopTrainingOnRewardThreshold,
)
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import KVWriter, Logger

from agents import GCGen, SAgent
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.storage import load_container, save_container
from tests.agents.conftest import DIGITS, make_env, make_model

STEPS = 16 * 8
"""Timesteps of one round."""


class Rows(KVWriter):
    """Keeps the rows of a log."""

    def __init__(self):
        self.rows = []

    def write(self, key_values, key_excluded, step=0):
        self.rows.append((step, dict(key_values)))

    def close(self):
        pass


def record(model):
    """Return the rows that a model will log."""
    writer = Rows()
    model.set_logger(Logger(None, [writer]))
    return writer.rows


def test_every_public_method_of_sb3_is_there():
    model = make_model(updates=1)
    names = {name for name in dir(BaseAlgorithm) if not name.startswith("_")}
    assert names <= set(dir(model))
    assert model.get_vec_normalize_env() is None
    with pytest.raises(RuntimeError, match=r"no log before the first call of learn"):
        make_model().dump_logs()


def test_log_every_n_timesteps():
    model = make_model()
    rows = record(model)
    model.learn(4 * STEPS, callback=LogEveryNTimesteps(STEPS), log_interval=None)
    assert [step for step, _ in rows] == [STEPS, 2 * STEPS, 3 * STEPS, 4 * STEPS]
    assert "train/nll" not in rows[0][1]  # the first round is not complete
    assert all(row["train/nll"] > 0 and row["time/fps"] >= 0 for _, row in rows[1:])


def test_dumping_changes_no_number():
    plain, logged = make_model().learn(3 * STEPS), make_model()
    logged.learn(3 * STEPS, callback=LogEveryNTimesteps(16))
    for one, other in zip(
        plain.s_agent.network.parameters(), logged.s_agent.network.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_contrib_evaluates():
    model = make_model(updates=1, env_kwargs={"nucleus": 0.8})
    mean, deviation = evaluate_maskable(model, model.get_env(), n_eval_episodes=8)
    assert np.isfinite([mean, deviation]).all()
    callback = MaskableEvalCallback(model.get_env(), eval_freq=8, n_eval_episodes=8, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # neither SB3 nor the model has anything to say
        model.learn(2 * STEPS, callback=callback)
        evaluate_policy(model, model.get_env(), n_eval_episodes=4)
    assert np.isfinite(callback.last_mean_reward)


def test_masks_are_joined_with_those_of_the_observation():
    model = make_model(env_kwargs={"nucleus": 0.9})
    obs = model.get_env().reset()
    observed = obs["action_mask"] > 0
    rng = np.random.default_rng(0)
    for search in ("none", "two_step"):
        for _ in range(5):
            masks = observed & (rng.random(observed.shape) < 0.5)
            masks[~masks.any(1)] = observed[~masks.any(1)]
            for deterministic in (False, True):
                action, _ = model.predict(
                    obs, deterministic=deterministic, search=search, action_masks=masks
                )
                assert np.take_along_axis(masks, action[:, None], 1).all()
    everything = np.ones_like(observed)
    action, _ = model.predict(obs, action_masks=everything)
    assert np.take_along_axis(observed, action[:, None], 1).all()
    with pytest.raises(ValueError, match="action_masks leave no action"):
        model.predict(obs, action_masks=~everything)
    with pytest.raises(ValueError, match=r"action_masks must have shape \(16, 16\), got \(3,\)"):
        model.predict(obs, action_masks=[1, 1, 1])
    masks = observed.copy()
    masks[0, np.flatnonzero(masks[0])[0]] = False
    with pytest.raises(ValueError, match="a beam search has no further action_masks"):
        model.predict(obs, search="beam", action_masks=masks)
    assert model.predict(obs, search="beam", action_masks=observed)[0].shape == (16,)


@pytest.mark.parametrize(
    ("callback", "stops"),
    [
        (lambda env: StopTrainingOnMaxEpisodes(2), 2 * STEPS),
        (lambda env: EvalCallback(env, StopTrainingOnRewardThreshold(-1e9), eval_freq=8), STEPS),
        (
            lambda env: EvalCallback(
                env,
                callback_after_eval=StopTrainingOnNoModelImprovement(0, min_evals=1),
                eval_freq=1,
                n_eval_episodes=1,
            ),
            None,
        ),
        (lambda env: [EveryNTimesteps(64, CheckpointCallback(1, "models"))], 4 * STEPS),
        (lambda env: lambda local, _: local["self"].num_timesteps < 32, 32),
    ],
    ids=["max episodes", "threshold", "no improvement", "checkpoints", "function"],
)
def test_callbacks_of_sb3(callback, stops, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = make_model()
    model.learn(4 * STEPS, callback=callback(model.get_env()))
    assert model.num_timesteps == stops or (stops is None and model.num_timesteps <= 4 * STEPS)


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_the_bar_of_sb3_ends_at_its_total(capsys):
    model = make_model(n_envs=32, batch_size=16)
    model.learn(2 * 32 * 8, callback=ProgressBarCallback())
    captured = capsys.readouterr()
    assert "512/512" in captured.out + captured.err


def test_file_objects(tmp_path, digits):
    model = make_model(updates=1)
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    with open(tmp_path / "model", "wb") as opened:
        model.save(opened)
    with open(tmp_path / "model", "rb") as opened:
        for loaded in (GCGen.load(file), GCGen.load(opened), GCGen.load(str(tmp_path / "model"))):
            np.testing.assert_array_equal(loaded.encode(digits), model.encode(digits))
    with open(tmp_path / "text", "w") as text, pytest.raises(TypeError, match="binary mode"):
        model.save(text)
    with pytest.raises(ValueError, match="the BytesIO object is not a GCGen file"):
        GCGen.load(file)  # at its end
    with open(tmp_path / "model", "rb") as opened, pytest.raises(ValueError, match="mode 'wb'"):
        model.save(opened)
    with open(tmp_path / "other", "wb") as opened, pytest.raises(ValueError, match="mode 'rb'"):
        GCGen.load(opened)
    with pytest.raises(ValueError, match="closed file"):
        model.save(opened)


def test_the_names_that_callbacks_give_are_found(tmp_path):
    model = make_model()
    callbacks = CallbackList(
        [
            CheckpointCallback(8, str(tmp_path)),
            EvalCallback(model.get_env(), eval_freq=8, best_model_save_path=str(tmp_path)),
        ]
    )
    model.learn(STEPS, callback=callbacks)
    for name in ("best_model", "best_model.zip", "rl_model_128_steps", "rl_model_128_steps.zip"):
        assert GCGen.load(tmp_path / name).num_timesteps == STEPS
    other = make_model(seed=1)
    other.set_parameters(tmp_path / "best_model.zip")
    with pytest.raises(FileNotFoundError, match=r"no saved file at .*best_mode"):
        GCGen.load(tmp_path / "best_mode")


def test_parameters_come_from_a_file(model, model_file, tmp_path, s_agent_file):
    other = make_model(seed=3)
    other.set_parameters(model_file)
    for name, state in model.get_parameters().items():
        if "optimizer" not in name:
            assert all(torch.equal(other.get_parameters()[name][k], v) for k, v in state.items())
    model.save(tmp_path / "light", exclude=["optimizer"])
    with pytest.raises(ValueError, match="light was saved without its optimisers"):
        other.set_parameters(tmp_path / "light")
    other.set_parameters(tmp_path / "light", exact_match=False)
    before = {k: v.clone() for k, v in other.policy.state_dict().items()}
    for path, message in ((s_agent_file, "SAgent.load reads it"), ("nowhere", "no saved file")):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            other.set_parameters(path)
    wider = make_model(policy_kwargs={"width": 7}).get_parameters()
    with pytest.raises(ValueError, match=r"the weight .* has shape .*, expected"):
        other.set_parameters({**wider, "s_agent.network": other.s_agent.network.state_dict()})
    parameters = model.get_parameters()
    state = {**parameters["optimizer"]["state"], 0: {"step": torch.zeros(())}}
    parameters["optimizer"] = {**parameters["optimizer"], "state": state}
    with pytest.raises(ValueError, match=r"optimizer, weight 0: .* is missing"):
        other.set_parameters(parameters)
    with pytest.raises(ValueError, match="an S-agent of another size"):
        make_model(env_kwargs={"horizon": 3}).set_parameters(model_file)
    assert all(torch.equal(before[k], v) for k, v in other.policy.state_dict().items())


def test_the_policy_that_a_file_claims_takes_no_memory(model_file, tmp_path):
    document, tensors = load_container(model_file, "gcgen")
    document["options"]["policy_kwargs"]["width"] = 10**6  # 4 TB
    save_container(tmp_path / "model", "gcgen", document, tensors)
    with pytest.raises(ValueError, match=r"model is damaged: .* the policy has width=1000000"):
        GCGen.load(tmp_path / "model")


def test_custom_objects_and_system_info(model_file, capsys):
    custom = {"learning_rate": 0.25, "clip_range": 0.1}
    loaded = GCGen.load(
        model_file, custom_objects=custom, print_system_info=True, force_reset=False
    )
    assert loaded.learning_rate == 0.25 and not hasattr(loaded, "clip_range")
    assert "Stable-Baselines3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exclude": ["policy"]}, r"exclude=\['policy'\] is not supported: only 'optimizer'"),
        ({"exclude": ["optimizer", "env"]}, r"exclude=\['env'\] is not supported"),
        ({"include": ["replay_buffer"]}, r"include=\['replay_buffer'\] is not supported"),
    ],
)
def test_nothing_is_left_out_silently(model, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        model.save(tmp_path / "model", **options)
    assert not list(tmp_path.iterdir())


EVALUATIONS = {
    "id": lambda model: EvalCallback(make_env()),
    "list": lambda model: CallbackList([EvalCallback(make_env())]),
    "every": lambda model: EveryNTimesteps(64, EvalCallback(make_env())),
    "contrib": lambda model: MaskableEvalCallback(make_env()),
    "nested": lambda model: EvalCallback(
        model.get_env(), callback_after_eval=EvalCallback(make_env())
    ),
}


@pytest.mark.filterwarnings("ignore:Training and eval env are not of the same type")
@pytest.mark.parametrize("name", EVALUATIONS)
def test_an_evaluation_with_another_proposer_warns(name):
    model = make_model()
    callback = EVALUATIONS[name](model)
    with pytest.warns(UserWarning, match=r"pass EvalCallback\(model.get_env\(\)") as caught:
        model.learn(STEPS, callback=callback)
    assert sum("another proposer" in str(each.message) for each in caught) == 1


@pytest.mark.filterwarnings("ignore:Training and eval env are not of the same type")
def test_a_frozen_s_agent_may_be_evaluated_elsewhere(s_agent_file):
    model = make_model(s_agent=str(s_agent_file), train_s_agent=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "the environment of EvalCallback")
        model.learn(STEPS, callback=EvalCallback(make_env(proposer=str(s_agent_file))))
        with pytest.raises(UserWarning, match="another proposer"):
            model.learn(STEPS, callback=EvalCallback(make_env()))


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda m: m.sample("4"), "num must be an integer, got '4'"),
        (lambda m: m.sample(2.0), "num must be an integer, got 2.0"),
        (lambda m: m.sample(4, seed="a"), "seed must be an integer, got 'a'"),
        (lambda m: m.sample(4, seed=-1), "seed must be at least 0"),
        (lambda m: GCGen("GCPolicy", DIGITS, seed="a"), r"seed must lie in .* got 'a'"),
        (lambda m: GCGen("MlpPolicy", DIGITS), "policy must be 'GCPolicy' .*, got 'MlpPolicy'"),
        (lambda m: GCGen(3, DIGITS), "policy must be 'GCPolicy' .*, got 3"),
        (lambda m: GCGen("GCPolicy", [make_env()]), "expected one environment, got a list"),
        (lambda m: m.predict(make_env().reset()), "pass the first of the two"),
        (lambda m: m.predict(np.zeros(3)), "an observation is a dictionary, .* got ndarray"),
        (lambda m: m.predict(None), "an observation is a dictionary, .* got NoneType"),
        (lambda m: m.encode(np.full((1, 1, 8, 8), 200, np.uint8)), "divide bytes by 255"),
        (lambda m: m.reconstruct(np.full((1, 1, 8, 8), 200, np.uint8)), "divide bytes by 255"),
        (lambda m: m.evaluate_nll(np.full((1, 1, 8, 8), 200, np.uint8)), "divide bytes by 255"),
        (lambda m: m.encode([["a"]]), "images must be an array of numbers"),
        (lambda m: GCGen("GCPolicy", DIGITS, device="gpu"), "no device 'gpu' on this machine"),
        (lambda m: m.learn("10"), "total_timesteps must be a positive integer, got '10'"),
        (lambda m: m.set_random_seed("a"), r"seed must lie in .* got 'a'"),
        (lambda m: make_model(s_agent=3), "s_agent must be None, 'environment', .* got int"),
        (lambda m: make_model(policy_kwargs=3), "policy_kwargs must be a dictionary"),
        (lambda m: make_model(policy_kwargs={"width": 0}), "width must be at least 1"),
        (lambda m: make_model(env_kwargs="x"), "env_kwargs must be a dictionary"),
        (lambda m: make_model(learning_rate="a"), "learning_rate must be a number, got 'a'"),
    ],
)
def test_mistakes_are_explained_in_one_sentence(model, use, message):
    with pytest.raises(ValueError, match=message) as error:
        use(model)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_gpu_is_no_cpu(model_file):
    for use in (lambda: make_model(device="cuda"), lambda: GCGen.load(model_file, device="cuda")):
        with pytest.raises(ValueError, match="no device 'cuda' on this machine, only cpu"):
            use()


def test_s_agents_and_models_are_told_apart(model_file, s_agent_file):
    with pytest.raises(ValueError, match=r"holds a 's-agent'.*: SAgent.load reads it"):
        GCGen.load(s_agent_file)
    with pytest.raises(ValueError, match=r"holds a 'gcgen'.*: GCGen.load reads it"):
        SAgent.load(model_file)
    with pytest.raises(ValueError, match=r"trained with image shape \(1, 28, 28\)"):
        gym.make(DIGITS, proposer=str(pretrained_path("mnist")))
