"""Search spaces, and the file of hyperparameters: every value builds its algorithm."""

import json
import math

import pytest

from agents.benchmark import hyperparameters
from agents.benchmark.contestants import CONTESTANTS, find_contestant, select_contestants
from agents.benchmark.hyperparameters import read_shipped, use_hyperparameters
from agents.benchmark.search_spaces import is_inside
from agents.benchmark.study import Run
from agents.benchmark.tasks import TRACKS
from agents.benchmark.tuning import scale

POINTS = "GCGen-Toy2D-v0"
LEARNERS = [name for name, each in CONTESTANTS.items() if each.learns]
KEPT = ("name", "learns", "look_ahead", "tracks", "most_timesteps", "likelihoods")
FALLING = {"settings": {"learning_rate": [5e-4, 2.5e-5], "n_steps": 32}}


def choose(contestant, index):
    """Return settings that have the first, the second, ... choice of every range."""
    drawn = {name: each[index % len(each)] for name, each in contestant.space.items()}
    return {name: scale(value, contestant.values[name]) for name, value in drawn.items()}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_can_be_tuned_around_what_it_has(name):
    contestant = CONTESTANTS[name]
    assert len(contestant.space) >= 2
    for key, each in contestant.space.items():
        assert is_inside(contestant.values[key], each), key
        assert not isinstance(each, list) or len(each) == len({*each}) >= 2


@pytest.mark.parametrize("name", LEARNERS)
def test_every_value_builds_its_algorithm(name):
    contestant = CONTESTANTS[name]
    for index in range(max(len(each) for each in contestant.space.values())):
        settings = choose(contestant, index)
        twin = contestant.configure(settings)
        assert all(is_inside(v, contestant.space[k]) for k, v in settings.items())
        assert {k: twin.options[k] for k in settings} == settings
        assert [getattr(twin, k) for k in KEPT] == [getattr(contestant, k) for k in KEPT]
        assert (twin.space, twin.values) == (contestant.space, settings)
        model = twin.make(twin.make_env(POINTS, **TRACKS[twin.tracks[0]]), 0)
        for key in settings.keys() - {"learning_rate", "gc_learning_rate"}:
            assert getattr(getattr(model, "config", model), key) == settings[key], key


def test_updates_are_divided_into_whole_batches():
    for name in LEARNERS:
        space = CONTESTANTS[name].space
        if "n_steps" in space:
            for size in space.get("batch_size", [1]):
                assert all(64 * steps % size == 0 for steps in space["n_steps"])


def test_a_pair_is_scaled_as_a_whole():
    assert scale(5e-4, (1e-3, 5e-5)) == (5e-4, 2.5e-5)
    assert scale(1e-3, (1e-3, 5e-5)) == (1e-3, 5e-5)
    assert scale(16, 8) == 16


def test_a_falling_rate_ends_where_it_says():
    twin = CONTESTANTS["ppo"].configure({"learning_rate": [5e-4, 2.5e-5]})
    rate = twin.make(twin.make_env(POINTS, obs_mode="compact"), 0).lr_schedule
    assert (rate(1.0), rate(0.0)) == pytest.approx((5e-4, 2.5e-5))
    twin = CONTESTANTS["ppo"].configure({"learning_rate": 5e-4})
    assert twin.make(twin.make_env(POINTS, obs_mode="compact"), 0).lr_schedule(0.0) == 5e-4


def write(path, document):
    path.write_text(json.dumps(document))
    return path


def test_an_entry_replaces_the_defaults_and_others_stay(tmp_path):
    path = write(tmp_path / "file.json", {"ppo": FALLING})
    ppo, a2c = CONTESTANTS["ppo"], CONTESTANTS["a2c"]
    assert use_hyperparameters(a2c, path) is a2c
    assert use_hyperparameters(ppo, tmp_path / "absent.json") is ppo
    tuned = use_hyperparameters(ppo, path)
    assert tuned.options == {**ppo.options, "learning_rate": (5e-4, 2.5e-5), "n_steps": 32}
    assert tuned.configure({"n_steps": 8}).options["learning_rate"] == (5e-4, 2.5e-5)


def test_what_ships_decides_the_runs(monkeypatch):
    run = Run(POINTS, "ppo", 0, 64)
    before = run.digest
    monkeypatch.setattr(hyperparameters, "read_shipped", lambda: {"ppo": FALLING})
    assert find_contestant("ppo").options["n_steps"] == 32
    assert [each.options["n_steps"] for each in select_contestants(["ppo", "trpo"])] == [32, 32]
    assert run.digest != before
    assert json.loads(json.dumps(run.to_json()))["options"]["learning_rate"] == [5e-4, 2.5e-5]


def test_what_ships_can_be_used():
    for name in read_shipped():
        assert name in CONTESTANTS
        assert find_contestant(name).learns


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"settings": {"n_stepz": 8}}, "'ppo' has no hyperparameter 'n_stepz'; it has learning_ra"),
        ({"settings": {"gamma": 1.0}}, "'ppo' has no hyperparameter 'gamma'"),
        ({"settings": {"n_steps": "many"}}, "n_steps='many' of 'ppo' is not in its range [8, 16"),
        ({"settings": {"n_steps": [8, 16]}}, "is not in its range"),
        ({"settings": {"learning_rate": 7.0}}, "learning_rate=7.0 of 'ppo' is not in its range"),
        ({"settings": {"learning_rate": [1e-3]}}, "is not in its range"),
        ({"settings": {"learning_rate": [1e-3, -1.0]}}, "is not in its range"),
        ({"settings": {"learning_rate": [1e-3, math.nan]}}, "is not in its range"),
        ({"settings": {"learning_rate": {}}}, "is not in its range"),
        ({"settings": {"learning_rate": True}}, "is not in its range"),
        ({"settings": [1]}, "expected an object of settings for 'ppo'"),
        ({}, "expected an object of settings for 'ppo'"),
        (None, "expected an object of settings for 'ppo'"),
    ],
)
def test_nonsense_is_named(entry, message, tmp_path):
    path = write(tmp_path / "file.json", {"ppo": entry})
    with pytest.raises(ValueError) as error:
        use_hyperparameters(CONTESTANTS["ppo"], path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_who_has_no_hyperparameters_gets_none(tmp_path):
    path = write(tmp_path / "file.json", {"greedy": {"settings": {"n_steps": 8}}})
    with pytest.raises(ValueError, match="'greedy' has no hyperparameter 'n_steps'; it has none"):
        use_hyperparameters(CONTESTANTS["greedy"], path)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "file.json"
    path.write_text('{"ppo": {')
    with pytest.raises(ValueError, match=r"file\.json is damaged"):
        use_hyperparameters(CONTESTANTS["ppo"], path)


def test_the_zoo_has_the_hyperparameters_of_the_benchmark(monkeypatch):
    from agents.zoo import ppo, ppo_mask

    for module, name in ((ppo, "ppo+proposals"), (ppo_mask, "maskable_ppo+proposals")):
        (options,) = {json.dumps(each) for each in module.hyperparams.values()}
        mine, found = json.loads(options), find_contestant(name)
        assert mine["n_steps"] * mine["n_envs"] == found.options["n_steps"] * found.num_envs
        for key in ("batch_size", "n_epochs", "gamma", "policy_kwargs"):
            assert mine[key] == found.options[key]
        assert mine["policy"].endswith(f".{found.options['policy']}")
    assert ppo.make_options("ppo+proposals", "p")["learning_rate"] == "lin_0.001"
    tuned = {"ppo": FALLING, "a2c": {"settings": {"learning_rate": 0.002}}}
    monkeypatch.setattr(hyperparameters, "read_shipped", lambda: tuned)
    assert ppo.make_options("ppo", "p")["learning_rate"] == "lin_0.0005"
    assert ppo.make_options("ppo", "p")["n_steps"] == 256
    assert ppo.make_options("a2c", "p")["learning_rate"] == 0.002
