import inspect
import json
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from agents import GCGen, SAgent
from agents.cli.main import main
from agents.cli.run_folder import RunFolder
from agents.cli.settings import EnvironmentSettings, GCAgentSettings, SAgentSettings
from agents.cli.start_run import make_model
from agents.cli.train import Train
from agents.common.proposal_policy import ProposalPolicyMixin
from agents.common.selection_config import SelectionConfig
from agents.gcgen.config import GCGenConfig
from gcgen_env.atomic_files import write_json
from gcgen_env.storage import load_container, save_container
from tests.agents.cli.conftest import TINY, train


def test_it_says_what_it_did(finished):
    lines = finished.output.splitlines()
    assert lines[0].startswith("test bound before: -ELBO ")
    assert lines[1].startswith("test bound after:  -ELBO ")
    assert lines[1].endswith("on 360 images")
    folder = finished.folder
    for path in (folder.model, folder.s_agent, folder.samples, folder.tensorboard):
        assert str(path) in finished.output


def test_the_checkpoint_is_the_trained_model(finished):
    model = GCGen.load(finished.folder.model)
    assert model.num_timesteps == 2048
    assert model.progress == 1.0
    saved = SAgent.load(finished.folder.s_agent)
    np.testing.assert_array_equal(model.sample(4, seed=0), saved.sample(4, seed=0))


def test_the_configuration_has_every_setting_and_the_versions(finished):
    config = json.loads(finished.folder.config.read_text())
    assert config["settings"]["env"] == "GCGen-Digits-v0"
    assert config["settings"]["timesteps"] == 2048
    assert config["settings"]["s_agent"]["width"] == 32
    assert config["settings"]["gc_agent"]["look_ahead"] == "auto"
    assert {"gcgen", "python", "torch"} <= set(config["versions"])
    assert finished.folder.read().describe() == config


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("samples", (8 * 84 + 4, 8 * 84 + 4)),
        ("trajectories", (9 * 84 + 4, 22 + 8 * 84 + 4)),  # H + 1 columns under their labels
        ("reconstructions", (116 + 8 * 84 + 4, 2 * (2 * 84 + 4) + 8)),  # a gap between the pairs
    ],
)
def test_pictures(finished, name, size):
    with Image.open(getattr(finished.folder, name)) as image:
        assert image.size == size
        assert len(image.getcolors(1 << 20)) > 20


def test_tensorboard_logs_are_written(finished):
    assert list(finished.folder.tensorboard.glob("*/events.*"))


def test_a_seed_reproduces_a_run(finished, tmp_path):
    again = train(tmp_path / "again", "--timesteps", "2048")
    one, other = (GCGen.load(run.folder.model).sample(4, seed=0) for run in (finished, again))
    np.testing.assert_array_equal(one, other)


def test_minutes_end_a_run(tmp_path):
    run = train(tmp_path / "run", "--minutes", "0.01", "--timesteps", "1000000000")
    assert 0.01 <= run.folder.read().minutes < 0.2
    assert 0 < GCGen.load(run.folder.model).num_timesteps < 1_000_000_000


def test_a_run_is_not_overwritten_unasked(finished, fails, tmp_path):
    message = fails("train", "--out", finished.folder.path, "--timesteps", "16")
    assert "already has a run" in message
    first = train(tmp_path / "run", "--timesteps", "128")
    second = train(tmp_path / "run", "--timesteps", "256", "--overwrite")
    assert first.folder.path == second.folder.path
    assert GCGen.load(second.folder.model).num_timesteps == 256
    assert [path.name for path in second.folder.tensorboard.iterdir()] == ["GCGen_1"]


@pytest.mark.parametrize("name", ["config.json", "samples.png", "tb"])
def test_files_that_belong_to_no_run_are_not_overwritten_unasked(tmp_path, fails, name):
    path = tmp_path / "run" / name
    path.parent.mkdir()
    path.mkdir() if name == "tb" else path.write_text("mine")
    message = fails("train", "--out", path.parent, "--timesteps", "16")
    assert f"{path} is in the way of a new run: replace it with --overwrite" in message
    assert os.listdir(path.parent) == [name]
    train(path.parent, "--timesteps", "128", "--overwrite")


def test_resume_continues_towards_a_larger_budget(tmp_path, capsys):
    folder = train(tmp_path / "run", "--timesteps", "256").folder
    before = folder.read()
    assert main(["train", "--resume", str(folder.path), "--timesteps", "1024"]) == 0
    after = folder.read()
    assert GCGen.load(folder.model).num_timesteps == 1024
    assert after.minutes > before.minutes
    assert after.initial_bound == before.initial_bound
    assert after.settings["timesteps"] == 1024
    assert after.settings["s_agent"]["width"] == 32
    assert json.loads(folder.config.read_text()) == after.describe()
    assert [path.name for path in folder.tensorboard.iterdir()] == ["GCGen_1"]
    capsys.readouterr()
    assert main(["train", "--resume", "--out", str(folder.path)]) == 0
    assert "the budget is spent" in capsys.readouterr().out


def test_a_batch_that_was_chosen_is_kept_when_the_run_resumes(tmp_path):
    run = train(tmp_path / "run", "--batch-size", "auto", "--no-replacement", "--timesteps", "256")
    assert "batch size 64: the default without a GPU" in run.output
    assert run.folder.read().settings["optimisation"]["batch_size"] == "auto"
    assert main(["train", "--resume", str(run.folder.path), "--timesteps", "512"]) == 0
    config = GCGen.load(run.folder.model).config
    assert config.batch_size == 64 and not config.replacement


def test_resume_keeps_the_data_of_a_run(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (10, 7, 7, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    options = ["--env", "GCGen-Images-v0", "--dataset", str(tmp_path / "images.npy")]
    sizes = ["--image-size", "5", "--num-proposals", "3", "--horizon", "2"]
    folder = train(tmp_path / "run", *options, *sizes, "--timesteps", "64").folder
    assert main(["train", "--resume", str(folder.path), "--timesteps", "128"]) == 0
    model = GCGen.load(folder.model)
    assert model.num_timesteps == 128
    assert model.sample(2, seed=0).shape == (2, 3, 5, 5)


def as_version_0_1(folder, change=lambda config, state: None):
    """Turn a run into one of version 0.1, with its settings and state beside the model."""
    document, tensors = load_container(folder.model, "gcgen")
    config = document.pop("run")
    state = {"minutes": config.pop("minutes"), "initial_bound": config.pop("initial_bound")}
    state["timesteps"] = document["counters"]["num_timesteps"]
    change(config, state)
    for name in ("schedule", "goals_state", "optimizers"):
        del document[name]
    groups = {"optimizer": [{}], "policy.optimizer": [{}]}
    save_container(folder.model, "gcgen", {**document, **groups}, tensors)
    write_json(folder.config, config)
    write_json(folder.path / "state.json", state)


def test_resume_reads_settings_that_an_earlier_version_grouped(fails, tmp_path):
    """`train_s_agent` belonged to the group of the S-agent; "none" was the look-ahead's None."""
    options = ["--no-train-s-agent", "--look-ahead", "none"]
    folder = train(tmp_path / "run", *options, "--timesteps", "128").folder

    def regroup(config, state, value=False):
        settings = config["settings"]
        assert settings["gc_agent"]["look_ahead"] == "none"
        settings["optimisation"].pop("train_s_agent")
        settings["s_agent"]["train_s_agent"] = value

    as_version_0_1(folder, regroup)
    copy = shutil.copytree(folder.path, tmp_path / "copy")
    resume = ["--timesteps", "256"]
    assert main(["train", "--resume", str(folder.path), *resume, *options]) == 0
    assert not GCGen.load(folder.model).config.train_s_agent
    assert GCGen.load(folder.model).num_timesteps == 256
    assert not (folder.path / "state.json").exists()
    config = json.loads((copy / "config.json").read_text())
    config["settings"]["s_agent"]["train_s_agent"] = True
    write_json(copy / "config.json", config)
    message = fails("train", "--resume", copy, *resume, "--no-train-s-agent")
    assert "its train_s_agent is True, not False" in message


def test_resume_refuses_other_settings(finished, fails):
    path = finished.folder.path
    message = fails("train", "--resume", path, "--learning-rate", "0.5")
    assert "its learning_rate is the default, not 0.5" in message
    assert "name its folder once" in fails("train", "--resume", path, "--out", path / "other")


BAD_VALUES = ["minutes: []", "minutes: -1", "minutes: NaN", "minutes: true", "settings: 7"]


@pytest.mark.parametrize("name", ["config.json", "state.json", "model.gcgen"])
@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"settings": {}, "years": 3}'])
def test_resume_of_a_damaged_run(finished, fails, tmp_path, name, content):
    if name == "state.json" and content == "{}":
        return  # a run that has not begun
    copy = RunFolder(shutil.copytree(finished.folder.path, tmp_path / "run"))
    as_version_0_1(copy)
    (copy.path / name).unlink()
    if content is not None:
        (copy.path / name).write_text(content)
    message = fails("train", "--resume", copy.path)
    assert name in message or "model.gcgen is damaged" in message


@pytest.mark.parametrize("value", [*BAD_VALUES, "years: 3", "run: 7", "run: [1]"])
def test_resume_of_a_tampered_run(finished, fails, tmp_path, value):
    name, content = value.split(": ")
    document, tensors = load_container(finished.folder.model, "gcgen")
    (document if name == "run" else document["run"])[name] = json.loads(content)
    copy = RunFolder(tmp_path / "run")
    save_container(copy.model, "gcgen", document, tensors)
    assert f"{copy.model} is damaged: " in fails("train", "--resume", copy.path)
    assert os.listdir(copy.path) == ["model.gcgen"]


def test_the_model_of_a_run_stands_for_its_folder(finished, fails, tmp_path):
    copy = RunFolder(shutil.copytree(finished.folder.path, tmp_path / "run"))
    assert main(["train", "--resume", str(copy.model), "--timesteps", "2176"]) == 0
    assert GCGen.load(copy.model).num_timesteps == 2176
    message = fails("train", "--resume", copy.s_agent)
    assert "s_agent.safetensors is neither the folder of a run nor its model.gcgen" in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--minutes", "0"], "--minutes must be positive"),
        (["--timesteps", "-1"], "--timesteps must be positive"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--threads", "0"], "threads must be at least 1"),
        (["--n-envs", "0"], "--n-envs must be at least 1"),
        (["--env", "GCGen-Letters-v0"], "unknown id"),
        (["--horizon", "0"], "horizon must be at least 1"),
        (["--num-proposals", "1"], "num_proposals must be at least 2"),
        (["--rate", "-1"], "rate must lie in [0, "),
        (["--rate", "1", "2"], "rate must be one number or a list"),
        (["--look-ahead", "-1", "1"], "look_ahead must be two temperatures"),
        (["--learning-rate", "-1"], "learning_rate must be finite and not negative"),
        (["--seed", "4294967296"], "seed must lie in"),
        (["--width", "0"], "width must be at least 1"),
        (["--s-agent", "nowhere"], "nowhere"),
        (["--initial-state", "nowhere"], "nowhere"),
        (["--dataset", "mnits"], "Did you mean 'mnist'?"),
    ],
)
def test_a_bad_value_is_one_sentence(options, words, fails, tmp_path):
    assert words in fails("train", "--out", tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_the_folder_of_a_run():
    assert str(Train().find_path()) == "runs/digits-0"
    settings = Train(env="gcgen_env:GCGen-FashionMNIST-v0", seed=3)
    assert str(settings.find_path()) == "runs/fashionmnist-3"


def test_the_defaults_are_those_of_the_classes():
    constructor = inspect.signature(GCGen.__init__).parameters
    assert constructor["learning_rate"].default == GCGenConfig().learning_rate
    assert SAgentSettings().to_kwargs() == {"s_agent": None, "s_agent_kwargs": {}}
    policy = inspect.signature(ProposalPolicyMixin.__init__).parameters
    given = GCAgentSettings(learned=True, look_ahead=(0.2, 1.1)).to_kwargs()
    assert given == {name: policy[name].default for name in given}
    assert given.keys() > vars(SelectionConfig()).keys()  # every term can be set


@pytest.mark.parametrize(
    ("terms", "options", "learned"),
    [({}, {}, 0), ({"learned": True}, {}, 1), ({}, {"train_s_agent": False}, 1)],
)
def test_the_gc_agent_learns_if_asked_or_if_nothing_else_does(terms, options, learned, tmp_path):
    settings = Train(gc_agent=GCAgentSettings(**terms), optimisation=GCGenConfig(**options))
    model = make_model(settings, RunFolder(tmp_path))
    assert model.policy.selection.learned == learned


@pytest.mark.parametrize(
    ("env", "given", "ramp"),
    [
        ("GCGen-Digits-v0", "auto", (0.8, 1.0)),
        ("GCGen-Toy2D-v0", "auto", (0.2, 1.1)),
        ("GCGen-Digits-v0", (0.2, 1.1), (0.2, 1.1)),
    ],
)
def test_small_images_have_their_own_ramp(env, given, ramp, tmp_path):
    settings = Train(env=env, gc_agent=GCAgentSettings(look_ahead=given))
    assert make_model(settings, RunFolder(tmp_path)).policy.selection.look_ahead == ramp


OPTIONS = """
--env --minutes --timesteps --out --seed --resume --overwrite --no-overwrite --device --threads
--dataset --data-dir --image-size --num-proposals --horizon --likelihood --sigma --binarize
--initial-state --rate --max-bytes --nucleus
--s-agent --train-s-agent --no-train-s-agent --width --depth --uniform-prior
--no-uniform-prior
--look-ahead --learned --no-learned --prior --no-prior --hard --no-hard --gc-width
--learning-rate --gc-learning-rate --gc-objective --gc-interval --auxiliary --lr-schedule --n-envs
--batch-size --minibatches --precision --scored-pixels --goals --weight-decay --optimizer --features
--basis --augment --condition --track --replacement --no-replacement
--processes --max-restarts --config --keep --quiet --verbose
"""
"""Every option of `gcgen train` that users may have in their scripts."""


def test_no_option_is_lost(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))
    assert shown == {*OPTIONS.split(), "--help"}


def test_every_hyperparameter_reaches_the_model(tmp_path):
    settings = Train(
        seed=5,
        device="cpu",
        environment=EnvironmentSettings(
            num_proposals=3,
            horizon=2,
            likelihood="gaussian",
            sigma=0.3,
            initial_state="noise",
            rate=(0.5,),
            nucleus=0.8,
        ),
        s_agent=SAgentSettings(width=16, depth=1, features=8, uniform_prior=True),
        gc_agent=GCAgentSettings("none", learned=True, prior=False, hard=True, gc_width=8),
        optimisation=GCGenConfig(
            learning_rate=0.1,
            optimizer="adam",
            gc_learning_rate=0.2,
            gc_objective="path_consistency",
            gc_interval=3,
            auxiliary=0.7,
            lr_schedule="constant",
            n_envs=4,
            batch_size=2,
            precision="bfloat16",
            scored_pixels="all",
            goals="grey",
            weight_decay=0.3,
            train_s_agent=False,
        ),
    )
    model = make_model(settings, RunFolder(tmp_path))
    network, config, selection = model.s_agent.network.config, model.env_config, model.policy
    assert (network.num_proposals, network.horizon, network.width, network.depth) == (3, 2, 16, 1)
    assert (network.uniform_prior, network.features) == (True, 8)
    assert (config.sigma, config.nucleus, config.rate) == (0.3, 0.8, 0.5)
    assert model.s_agent.chain.dynamics.initial.std() > 0.1
    chosen = selection.selection
    assert (chosen.look_ahead, chosen.learned, chosen.prior, chosen.hard) == (None, 1, 0, 1)
    assert selection.scorer.width == 8
    assert model.config == settings.optimisation
    assert (model.learning_rate, model.n_envs) == (0.1, 4)
    assert model.seed == 5


def test_a_frozen_s_agent_from_a_file(finished, tmp_path):
    start = str(finished.folder.s_agent)
    options = ["--s-agent", start, "--no-train-s-agent", "--timesteps", "128"]
    assert main(["train", "--out", str(tmp_path / "run"), *TINY, *options]) == 0
    one, other = (SAgent.load(p) for p in (start, tmp_path / "run" / "s_agent.safetensors"))
    np.testing.assert_array_equal(one.sample(4, seed=0), other.sample(4, seed=0))
