"""The code of README is run, with smaller numbers; claims and tables of its pages are checked."""

import contextlib
import csv
import functools
import inspect
import re
import tempfile
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO

from gcgen_env.config import EnvConfig
from gcgen_env.tasks import ENV_CONFIGS, GENERATIVE

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENVIRONMENTS = (ROOT / "docs" / "environments.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"### ([^\n]+)\n.*?```python\n(.*?)```", README, flags=re.DOTALL))


def read_data(name):
    """Return the rows of a table in docs/data as dicts."""
    with (ROOT / "docs" / "data" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_cells(text, start):
    """Return the cells of the first table row that starts with `start`, without markup."""
    row = next(line for line in text.splitlines() if line.startswith(start))
    return [cell.strip().strip("*") for cell in row.strip("|").split("|")]


def shrink(code):
    """Return a quickstart that trains for a moment only."""
    code = re.sub(r"total_timesteps=[\d_]+", "total_timesteps=1_024", code)
    code = code.replace("progress_bar=True", "progress_bar=False").replace("n_steps=32, ", "")
    code = code.replace("gamma=1.0)", "gamma=1.0, n_steps=2)")
    return code.replace("num_envs=256", "num_envs=4").replace("learn(2048)", "learn(8)")


@functools.cache
def run_quickstart(title):
    """Run a quickstart in an empty folder; return its variables."""
    variables = {"__name__": "readme"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        images = np.random.default_rng(0).integers(256, size=(40, 20, 24, 3), dtype=np.uint8)
        np.save("my_images.npy", images)
        exec(compile(shrink(BLOCKS[title]), title, "exec"), variables)
        if "model" in variables and Path("s_agent.safetensors").exists():
            gym.make("GCGen-Digits-v0", proposer="s_agent.safetensors")
    return variables


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("title", BLOCKS)
def test_quickstart_runs(title):
    run_quickstart(title)


def test_readme_is_short():
    assert len(README.splitlines()) < 150


def test_there_are_four_short_quickstarts():
    assert len(BLOCKS) == 4
    assert all(
        len(re.findall(r"^.*\S.*$", code, flags=re.MULTILINE)) <= 15 for code in BLOCKS.values()
    )


def test_environment_quickstart_shows_what_it_says():
    shown = run_quickstart("The environment")
    assert shown["info"]["distance"].shape == (4,)  # of the vector environment, reset last
    assert shown["terminated"] and not shown["truncated"]
    assert shown["picture"].ndim == 3 and shown["picture"].shape[2] == 3


def test_training_quickstart_shows_what_it_says():
    shown = run_quickstart("Train and generate")
    horizon = ENV_CONFIGS["GCGen-Digits-v0"].horizon
    assert shown["images"].shape == (64, 1, 8, 8)
    assert shown["codes"].shape == (100, horizon)
    assert np.issubdtype(shown["codes"].dtype, np.integer)
    model, goals = shown["model"], shown["goals"]
    one = model.evaluate_nll(goals)
    assert one.negative_elbo == pytest.approx(one.reconstruction + sum(one.divergence))
    assert model.evaluate_nll(goals, num_paths=64).nll < one.nll


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_number_of_valid_proposals_varies():
    env = run_quickstart("Train your own algorithm")["env"]
    obs, rng = env.reset(), np.random.default_rng(0)
    for _ in range(2):  # it varies most after the first steps
        obs, *_ = env.step(np.array([rng.choice(np.flatnonzero(m)) for m in obs["action_mask"]]))
    counts = set(obs["action_mask"].sum(1))  # one for each of the 64 environments
    assert len(counts) > 1
    assert max(counts) <= env.action_space.n


@pytest.mark.parametrize("env_id", GENERATIVE)
def test_table_of_ids_is_that_of_the_code(env_id):
    config = GENERATIVE[env_id]
    cells = read_cells(ENVIRONMENTS, f"| `{env_id}`")
    assert cells[2:4] == [str(size) for size in config.sizes]
    assert cells[4].lower().startswith(config.likelihood)
    assert cells[6] == config.proposer
    if config.likelihood == "gaussian":
        sigma = "0.1, then fitted" if config.sigma is None else f"{config.sigma:g}"
        assert cells[4].endswith(f"sigma {sigma}")


def test_every_keyword_is_named_and_explained():
    names = EnvConfig.__dataclass_fields__
    assert [name for name in names if f"`{name}`" not in ENVIRONMENTS] == []
    explained = re.findall(r"\w+", inspect.getdoc(EnvConfig) or "")  # what `help` shows
    assert [name for name in names if name not in explained] == []


def test_observation_has_the_keys_shapes_and_types_of_the_table():
    env = gym.make("GCGen-Digits-v0")
    obs, _ = env.reset(seed=0)
    text = ENVIRONMENTS[ENVIRONMENTS.index("| observation | shape") :]
    text = text[: text.index("\n\n")]
    assert set(re.findall(r"^\| `(\w+)`", text, flags=re.MULTILINE)) == set(obs)
    shapes = {"S": (1, 8, 8), "(1,)": (1,), "(A, *S)": (16, 1, 8, 8), "(A,)": (16,)}
    for key, value in obs.items():
        shape, dtype = read_cells(text, f"| `{key}`")[1].rsplit(" ", 1)
        assert (value.shape, value.dtype.name) == (shapes[shape], dtype), key
    assert env.observation_space["log_prior"].low.min() == -30
    assert env.observation_space["log_prior"].high.max() == 0
    assert (obs["achieved_goal"] == obs["observation"]).all()


def test_only_the_desired_goal_depends_on_the_goal():
    env = gym.make("GCGen-Digits-v0")
    one, two = (env.reset(seed=0, options={"goal_index": index})[0] for index in (0, 1))
    different = [key for key in one if not np.array_equal(one[key], two[key])]
    assert different == ["desired_goal"]


def test_return_is_the_gain_in_log_likelihood():
    env = gym.make("GCGen-Digits-v0")
    obs, info = env.reset(seed=0)
    env.action_space.seed(0)
    start, total, terminated = info["potential"], 0.0, False
    while not terminated:
        action = env.action_space.sample(mask=obs["action_mask"])
        obs, reward, terminated, _, info = env.step(action)
        total += reward
    assert total == pytest.approx(info["potential"] - start)


def test_default_discounts_are_those_named():
    assert {config.gamma for config in ENV_CONFIGS.values()} == {1.0}
    assert inspect.signature(PPO).parameters["gamma"].default == 0.99


def test_results_are_those_of_the_data():
    ten = next(r for r in read_data("mnist_minutes.csv") if r["minutes"] == "10")
    shipped = next(r for r in read_data("shipped_s_agents.csv") if r["file"] == "mnist.safetensors")
    rows = {"| fifty minutes": shipped, "| ten minutes on one core": ten}
    for start, row in rows.items():
        names = ("negative_elbo", "negative_elbo_se", "reconstruction", "divergence")
        bound, error, *parts = (f"{float(row[name]):.1f}" for name in names)
        assert read_cells(README, start)[1:] == [f"{bound} ± {error}", *parts], start
    three = {
        row["variant"]: float(row["negative_elbo"]) for row in read_data("mnist_3_minutes.csv")
    }
    claimed = re.search(r"the bound is ([\d.]+); it is\s+([\d.]+) by the rule", README).groups()
    assert claimed == (f"{three['ramp']:.1f}", f"{three['ddn']:.1f}")


def test_gain_by_search_is_that_of_the_data():
    gains = {
        row["env"]: float(row["difference"])
        for row in read_data("encoders.csv")
        if row["encoder"] == "three_step"
    }
    assert round(-gains["GCGen-MNIST-v0"]) == 2
    assert abs(gains["GCGen-Digits-v0"]) < 0.05
