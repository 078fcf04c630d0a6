"""The protocol of tuning: equal trials, trial 0 as it is, resumed as if never interrupted."""

import itertools
import json
import sys
from dataclasses import replace

import pytest

pytest.importorskip("optuna", exc_type=ImportError)

from agents.benchmark import contestants
from agents.benchmark.contestants import CONTESTANTS, find_contestant
from agents.benchmark.execution import Execution, execute
from agents.benchmark.launchers import LOST
from agents.benchmark.sampler import STARTUP, propose
from agents.benchmark.search_spaces import is_inside
from agents.benchmark.study import RESULT, Run
from agents.benchmark.tuning import Protocol, Search, tune

PLANE, OTHER = "GCGen-PlaneReach-v0", "GCGen-PlaneFineToCoarse-v0"
QUICK = "tests.agents.benchmark.tunable:Quick"
NAMES = (QUICK, QUICK.replace("Quick", "Other"))
SPACE = {"rate": (1e-4, 1e-1), "size": [1, 2, 3]}


def make(names=NAMES, trials=6, envs=(PLANE,), **changes):
    protocol = Protocol(envs, trials, 512, 7, 8)
    return [Search(find_contestant(name), replace(protocol, **changes)) for name in names]


class Launcher:
    """Executes runs in this process, at most so many, and counts them."""

    def __init__(self, most=1000):
        self.most, self.runs = most, []

    def __call__(self, runs, out, jobs):
        for run in runs:
            if len(self.runs) == self.most:
                raise KeyboardInterrupt
            self.runs.append(run)
            yield run, execute(run, out)


def finish(searches, out, launch=None):
    for _, why in tune(searches, out, launch or Launcher(), 1):
        assert why is None
    return searches


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Two contestants that are tuned, and their folder."""
    out, launcher = tmp_path_factory.mktemp("tuning"), Launcher()
    return finish(make(), out, launcher), out, launcher.runs


def test_everyone_has_as_many_trials_of_as_many_decisions(undisturbed):
    searches, _, runs = undisturbed
    assert [len(search.trials) for search in searches] == [6, 6]
    assert [run.contestant for run in runs] == [*NAMES] * 6
    assert {run.timesteps for run in runs} == {512} and {run.seed for run in runs} == {7}


def test_the_first_trial_has_the_present_hyperparameters(undisturbed):
    searches, out, runs = undisturbed
    for search, run in zip(searches, runs, strict=False):
        assert search.trials[0].settings == {}
        assert run.make_contestant().describe() == search.contestant.describe()
        assert search.best.score >= search.trials[0].score
        assert search.best.score == max(trial.score for trial in search.trials)
        for trial in search.trials[1:]:
            assert trial.settings.keys() == search.contestant.space.keys()
            for name, value in trial.settings.items():
                assert is_inside(value, search.contestant.space[name])
        saved = json.loads((run.folder(out) / RESULT).read_text())
        assert saved["curve"][-1]["score"] == search.trials[0].score


@pytest.mark.parametrize("most", [1, 7])
def test_an_interrupted_tuning_ends_as_an_undisturbed_one(most, undisturbed, tmp_path):
    searches, out, runs = undisturbed
    first, second = Launcher(most), Launcher()
    with pytest.raises(KeyboardInterrupt):
        finish(make(), tmp_path, first)
    again = finish(make(), tmp_path, second)
    assert [each.trials for each in again] == [each.trials for each in searches]
    assert first.runs + second.runs == runs
    for run in runs:
        assert (run.folder(tmp_path) / RESULT).read_bytes() == (
            run.folder(out) / RESULT
        ).read_bytes()


def test_more_trials_add_to_those_that_are_there(undisturbed, tmp_path):
    searches, _, runs = undisturbed
    finish(make(trials=4), tmp_path)
    launcher = Launcher()
    again = finish(make(), tmp_path, launcher)
    assert [each.trials for each in again] == [each.trials for each in searches]
    assert launcher.runs == runs[8:]


def test_another_seed_draws_other_trials(undisturbed):
    (search, _), *_ = undisturbed
    (other,) = make([QUICK], seed=8)
    other.trials = search.trials[:1]
    assert dict(other.plan()[0].settings) != search.trials[1].settings


def test_the_goals_are_those_of_the_validation_split():
    (run,) = make([QUICK])[0].plan()
    assert Execution(run).envs.config.split == "validation"
    assert Execution(Run(PLANE, QUICK, 0, 64, episodes=8)).envs.config.split == "test"


def test_the_score_is_the_mean_over_the_tasks(tmp_path):
    (search,) = finish(make([QUICK], 1, (PLANE, OTHER)), tmp_path)
    runs = make([QUICK], 1, (PLANE, OTHER))[0].plan()
    assert [run.env for run in runs] == [PLANE, OTHER]
    results = [json.loads((run.folder(tmp_path) / RESULT).read_text()) for run in runs]
    scores = [result["curve"][-1]["score"] for result in results]
    assert search.best.score == pytest.approx(sum(scores) / 2)


def test_the_track_and_the_limit_suit_the_contestant():
    tracks = {"ppo": "compact", "maskable_ppo+pointer": "previews", "dqn+hindsight": "sparse"}
    for search in make(tracks, timesteps=300_000):
        assert search.track == tracks[search.contestant.name]
    (search,) = make(["afterstate_dqn"], timesteps=300_000)
    assert search.plan()[0].timesteps == 100_000


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("greedy", "'greedy' does not learn: there is nothing to tune"),
        ("maskable_dqn+proposals", "proposals' takes part in none of the tasks in --envs"),
        ("examples.benchmark_agent:OftenGood", "OftenGood' has no search space"),
    ],
)
def test_who_cannot_be_tuned(name, message):
    with pytest.raises(ValueError, match=message):
        make([name])


def break_at(monkeypatch, is_broken):
    """Let trainings of a2c fail if their n_steps are so."""
    plain = CONTESTANTS["a2c"]

    def spoil(contestant):
        def fail(env, seed):
            raise RuntimeError("no luck")

        broken = is_broken(contestant.options["n_steps"])
        return replace(
            contestant,
            make=fail if broken else contestant.make,
            remake=lambda settings: spoil(contestant.configure(settings)),
        )

    monkeypatch.setitem(contestants.CONTESTANTS, "a2c", spoil(plain))


def test_a_failed_trial_counts_and_the_next_follows(monkeypatch, tmp_path):
    present = find_contestant("a2c").values["n_steps"]
    break_at(monkeypatch, lambda n_steps: n_steps != present)
    (search,) = finish(make(["a2c"]), tmp_path)
    failed = [trial for trial in search.trials if trial.score is None]
    assert len(search.trials) == 6 and failed
    assert {trial.error for trial in failed} == {"RuntimeError: no luck"}
    assert search.best.settings.get("n_steps", present) == present


def test_a_contestant_that_fails_as_it_is_stops_and_others_go_on(monkeypatch, tmp_path):
    break_at(monkeypatch, lambda n_steps: True)
    searches = make(["a2c", QUICK], 2)
    ended = [
        (search.contestant.name, why) for search, why in tune(searches, tmp_path, Launcher(), 1)
    ]
    assert ended == [
        ("a2c", "RuntimeError: no luck"), (QUICK, None), (QUICK, None),
    ]  # fmt: skip


def test_a_lost_process_is_no_result(tmp_path):
    (search,) = make([QUICK])
    ended = list(tune([search], tmp_path, lambda runs, *_: ((run, LOST) for run in runs), 1))
    assert ended == [(search, f"{LOST}: run the command again")] and not search.trials


def test_a_damaged_run_is_named(tmp_path):
    finish(make([QUICK], 2), tmp_path)
    path = next(tmp_path.glob(f"trials/*/*/*/{RESULT}"))
    path.write_bytes(path.read_bytes()[:-40])
    ((_, why), *_) = [each for each in tune(make([QUICK], 2), tmp_path, Launcher(), 1) if each[1]]
    assert why.startswith(f"{path} is damaged: ") and why.endswith("remove the folder of this run")


MINE = """
class Mine:
    search_space = {space}

    def __init__(self, env, seed, size=1, rate=1e-3):
        self.size = size

    def learn(self, total_timesteps, report):
        report(total_timesteps)

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        mask = observation["action_mask"]
        return mask.argmax(-1) if self.size == 3 else mask.argmax(-1) + 1, None
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A function that writes a class of the user's with a search space."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    count = itertools.count()

    def write(space):
        name = f"tuned_{next(count)}_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(MINE.format(space=space))
        return f"{name}:Mine"

    return write


def test_a_class_of_the_users_gets_keywords(own, tmp_path):
    (search,) = finish(make([own(SPACE)]), tmp_path)
    assert {trial.settings.get("size", 1) for trial in search.trials} == {1, 2, 3}
    assert len({trial.score for trial in search.trials}) == 2
    assert search.plan()[0].make_contestant().options.keys() == {"source", "rate", "size"}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"depth": [1, 2]}, "'depth' is no keyword with a default value"),
        ({"env": [1, 2]}, "'env' is no keyword with a default value"),
        (
            {"rate": (1.0,)},
            r"'rate' needs a pair \(low, high\) or a list of numbers.* got \(1.0,\)",
        ),
        ({"rate": (2.0, 1.0)}, "'rate' needs a pair"),
        ({"size": []}, "'size' needs a pair"),
        ({"size": [[1], [2]]}, "'size' needs a pair"),
        ({}, "expected ranges by name, got {}"),
        ([1], r"expected ranges by name, got \[1\]"),
    ],
)
def test_a_wrong_search_space_is_named(space, message, own):
    with pytest.raises(ValueError, match=rf"Mine' has a wrong search_space: {message}"):
        find_contestant(own(space))


class TestSampler:
    def known(self, count):
        """Return trials whose score is best at a small rate and size 2."""
        drawn = []
        for seed in range(count):
            values = propose(SPACE, drawn, seed)
            drawn.append((values, -values["rate"] + (values["size"] == 2)))
        return drawn

    def test_the_arguments_determine_a_draw(self):
        known = self.known(6)
        assert propose(SPACE, known, 9) == propose(SPACE, known, 9) != propose(SPACE, known, 10)
        assert propose(SPACE, known[:2], 9) == propose(SPACE, [], 9)  # still random

    def test_it_learns_from_scores(self):
        known = self.known(40)
        late = [values for values, _ in known[STARTUP + 16 :]]
        assert sum(values["size"] == 2 for values in late) > 2 / 3 * len(late)
        assert sorted(values["rate"] for values in late)[len(late) // 2] < 1e-2

    def test_rounded_numbers_stay_inside_a_narrow_range(self):
        narrow = {"rate": (1.2345e-4, 1.2349e-4)}
        for seed in range(5):
            assert is_inside(propose(narrow, [], seed)["rate"], narrow["rate"])

    def test_numbers_are_short_and_inside(self):
        for values, _ in self.known(20):
            assert all(is_inside(values[name], each) for name, each in SPACE.items())
            assert values["rate"] == float(f"{values['rate']:.3g}")

    def test_failed_and_foreign_trials_do_not_disturb(self):
        known = self.known(8)
        foreign = ({"rate": 5.0, "size": 2}, 100.0)
        assert propose(SPACE, [foreign, *known], 9) == propose(SPACE, known, 9)
        failed = ({"rate": 1e-3, "size": 1}, None)
        worst = ({"rate": 1e-3, "size": 1}, min(score for _, score in known))
        assert propose(SPACE, [*known, failed], 9) == propose(SPACE, [*known, worst], 9)
