"""Plans, folders and executions: atomic, resumable, reproducible, never merged across tasks."""

import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from sb3_contrib import QRDQN
from stable_baselines3 import DQN, HerReplayBuffer

from agents.afterstate_dqn import AfterstateDQN
from agents.benchmark import contestants, execution
from agents.benchmark.contestant import make_learner
from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.execution import execute
from agents.benchmark.references import hash_weights
from agents.benchmark.report import write_report
from agents.benchmark.results import Table, read_outcomes, write_results
from agents.benchmark.study import (
    FAILURE,
    IMAGES,
    RESULT,
    Run,
    check_tasks,
    plan,
)
from agents.benchmark.tasks import SUITE_IDS
from agents.common.goal_replay_buffer import GoalReplayBuffer
from agents.maskable_dqn import MaskableDQN
from agents.maskable_qrdqn import MaskableQRDQN

DIGITS, POINTS = "GCGen-Digits-v0", "GCGen-Toy2D-v0"
ATOMS, LOGITS = "GCGen-DigitsAtoms16-v0", "GCGen-DigitsLogits64-v0"
SMALL = {"timesteps": 64, "episodes": 8, "evaluations": 2}


def make_run(contestant="greedy", env=DIGITS, seed=0, **changes):
    return Run(env, contestant, seed, **{**SMALL, **changes})


def read(run, out, name=RESULT):
    return json.loads((run.folder(out) / name).read_text())


class TestPlan:
    def test_order_and_budget(self):
        runs = plan([DIGITS, POINTS], ["random", "ppo"], 2, 100, ("compact",), episodes=4)
        assert [(r.env, r.contestant, r.seed) for r in runs[:4]] == [
            (DIGITS, "random", 0), (DIGITS, "ppo", 0), (DIGITS, "random", 1), (DIGITS, "ppo", 1),
        ]  # fmt: skip
        assert len(runs) == 8
        assert {r.timesteps for r in runs if r.contestant == "random"} == {0}
        assert {r.timesteps for r in runs if r.contestant == "ppo"} == {100}
        assert {r.track for r in runs} == {"compact"}

    def test_each_contestant_is_in_the_tracks_that_suit_it(self):
        tracks = {}
        for run in plan([DIGITS], ["ppo", "dqn", "greedy", "dqn+hindsight"], 1, 100):
            tracks.setdefault(run.contestant, []).append(run.track)
        assert tracks == {
            "ppo": ["previews", "compact", "sparse"], "dqn": ["compact", "sparse"],
            "greedy": ["previews"], "dqn+hindsight": ["sparse"],
        }  # fmt: skip

    def test_dear_decisions_are_limited(self):
        (run,) = plan([ATOMS], ["afterstate_dqn"], 1, 300_000)
        assert (run.contestant, run.timesteps) == ("afterstate_dqn", 100_000)

    @pytest.mark.parametrize("name", ["gcgen", "gcgen_prior0", "expert_iteration"])
    def test_gcgen_takes_part_on_every_task_of_the_suite(self, name):
        runs = plan(SUITE_IDS, [name], 1, 100)
        assert [(run.env, run.track) for run in runs] == [(env, "previews") for env in SUITE_IDS]

    def test_proposals_are_recomputed_only_where_images_determine_them(self):
        runs = plan([ATOMS, LOGITS], ["maskable_dqn+proposals"], 1, 100)
        assert [run.env for run in runs] == [LOGITS]

    def test_patterns(self):
        runs = plan([DIGITS], ["*pointer", "greedy"], 1, 10, ("previews",))
        assert [run.contestant for run in runs] == ["greedy", "maskable_ppo+pointer"]

    def test_what_is_unknown(self):
        with pytest.raises(
            ValueError, match="unknown algorithm 'sarsa'; known algorithms: random, "
        ):
            plan([DIGITS], ["sarsa"], 1, 10)
        with pytest.raises(ValueError, match=r"'CartPole-v1' is not a task of the .* GCGen-"):
            plan(["CartPole-v1"], ["random"], 1, 10)
        with pytest.raises(ValueError, match="'GCGen-Images-v0' is not a task"):
            plan(["GCGen-Images-v0"], ["random"], 1, 10)
        with pytest.raises(ValueError, match="unknown track 'dense', expected one of previews"):
            plan([DIGITS], ["random"], 1, 10, ("dense",))

    def test_the_digest_tells_apart_what_decides_the_results(self, monkeypatch):
        run = make_run("ppo")
        changed = [replace(run, **{k: v}) for k, v in
                   (("seed", 1), ("timesteps", 65), ("episodes", 9), ("track", "compact"),
                    ("evaluations", 3), ("contestant", "a2c"), ("env", POINTS))]  # fmt: skip
        monkeypatch.setitem(
            contestants.CONTESTANTS, "twin", replace(CONTESTANTS["ppo"], options={"n_steps": 7})
        )
        changed.append(replace(run, contestant="twin"))
        assert len({each.digest for each in (run, *changed)}) == len(changed) + 1
        assert make_run("ppo").digest == run.digest

    def test_every_description_is_json(self):
        for name in CONTESTANTS:
            json.dumps(make_run(name).to_json())


class TestExecution:
    def test_building_an_execution_trains_and_plays_nothing(self, monkeypatch):
        monkeypatch.setattr(execution, "evaluate_agent", lambda *_: pytest.fail("it played"))
        built = execution.Execution(make_run("a2c", POINTS))
        assert built.curve == [] and built.steps == 0

    @pytest.mark.parametrize("name", ["random", "greedy", "a2c+proposals"])
    def test_leaves_one_folder(self, name, tmp_path):
        run = make_run(name)
        assert not run.is_complete(tmp_path)
        assert execute(run, tmp_path) is None
        assert run.is_complete(tmp_path)
        (folder,) = (tmp_path / "runs" / DIGITS / "previews").iterdir()  # and nothing beside it
        assert folder == run.folder(tmp_path)
        result, images = read(run, tmp_path), load_file(folder / IMAGES)
        assert len(result["gain"]) == 8
        last = result["curve"][-1]
        assert last["gain"] == pytest.approx(np.mean(result["gain"]))
        best = result["references"]["best"]["gain"]
        assert last["score"] == pytest.approx(last["gain"] / best)
        assert images["goal"].shape == images["image"].shape == (8, 1, 8, 8)
        if CONTESTANTS[name].learns:
            steps = [point["steps"] for point in result["curve"]]
            assert steps[0] == 0 and steps[-1] >= 64 and steps == sorted(steps)

    def test_the_same_seed_gives_the_same_file(self, tmp_path):
        for name in ("a2c", "maskable_dqn", "gcgen_prior0"):
            run, texts = make_run(name, POINTS), []
            for out in (tmp_path / "a", tmp_path / "b"):
                execute(run, out)
                texts.append((run.folder(out) / RESULT).read_bytes())
            assert texts[0] == texts[1], name

    def test_a_failure_is_recorded_and_not_counted(self, tmp_path, monkeypatch):
        def fail(env, seed):
            raise RuntimeError("no luck")

        monkeypatch.setitem(
            contestants.CONTESTANTS, "greedy", replace(CONTESTANTS["greedy"], make=fail)
        )
        run = make_run()
        assert execute(run, tmp_path) == "RuntimeError: no luck"
        assert not run.is_complete(tmp_path)
        assert run.failure(tmp_path) == "RuntimeError: no luck"
        assert read_outcomes([run], tmp_path) == ([], [])
        monkeypatch.undo()
        assert execute(run, tmp_path) is None  # tried again
        assert run.is_complete(tmp_path) and run.failure(tmp_path) is None

    def test_an_interrupted_run_leaves_nothing(self, tmp_path, monkeypatch):
        def interrupt(env, seed):
            raise KeyboardInterrupt

        monkeypatch.setitem(
            contestants.CONTESTANTS, "greedy", replace(CONTESTANTS["greedy"], make=interrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            execute(make_run(), tmp_path)
        assert not list((tmp_path / "runs" / DIGITS / "previews").iterdir())

    def test_what_is_complete_is_left_alone(self, tmp_path):
        run = make_run()
        execute(run, tmp_path)
        path = run.folder(tmp_path) / RESULT
        before = path.stat().st_mtime_ns
        execute(run, tmp_path)
        assert path.stat().st_mtime_ns == before

    def test_buffers_that_do_not_fit_say_so_before_learning(self, tmp_path, monkeypatch):
        monkeypatch.setattr("psutil.virtual_memory", lambda: type("M", (), {"total": 10**6}))
        for name in ("dqn", "ppo"):
            error = execute(make_run(name), tmp_path)
            assert error.startswith("MemoryError: storing ")

    @pytest.mark.parametrize("name", CONTESTANTS)
    def test_everyone_can_take_part(self, name, tmp_path, monkeypatch):
        each = CONTESTANTS[name]
        if "learning_starts" in each.options:  # DQNs learn after some thousands
            small = each.options | {"learning_starts": 640, "buffer_size": 2048}
            kinds = {c.__name__: c for c in (DQN, QRDQN, MaskableDQN, MaskableQRDQN, AfterstateDQN)}
            buffers = {b.__name__: b for b in (GoalReplayBuffer, HerReplayBuffer)}
            kind, policy = kinds[small.pop("algorithm")], small.pop("policy")
            if "replay_buffer_class" in small:
                small["replay_buffer_class"] = buffers[small["replay_buffer_class"]]
            twin = make_learner(name, kind, policy, each.tracks, **small)
            monkeypatch.setitem(contestants.CONTESTANTS, name, twin)
        timesteps = 768 if each.learns else 0
        track = each.tracks[0]
        run = make_run(name, POINTS, timesteps=timesteps, track=track, evaluations=1)
        assert execute(run, tmp_path) is None
        curve = read(run, tmp_path)["curve"]
        assert curve[-1]["steps"] >= timesteps
        assert all(np.isfinite(np.hstack(list(point.values()))).all() for point in curve)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study on two environments, and its runs."""
    out = tmp_path_factory.mktemp("study")
    names = ["random", "greedy", "a2c"]
    runs = plan([DIGITS, POINTS], names, 2, 64, ("previews",), episodes=8, evaluations=2)
    for run in runs:
        assert execute(run, out) is None
    return out, runs


class TestResults:
    def test_tables(self, study):
        out, runs = study
        outcomes, damaged = read_outcomes(runs, out)
        assert damaged == []
        table = Table("previews", outcomes)
        assert not Table("sparse", outcomes).envs
        assert table.envs == [DIGITS, POINTS]
        assert table.contestants == ["random", "greedy", "a2c"]
        assert (table.scores("greedy") > table.scores("a2c")).all()
        assert (table.scores("greedy") > 0.8).all()
        assert table.improvement("greedy") is None
        assert table.improvement("random").value == 0
        write_results(out, outcomes)
        lines = (out / "results.csv").read_text().splitlines()
        assert len(lines) == 1 + sum(len(o.result["curve"]) for o in outcomes)
        assert lines[0].startswith("env,track,contestant,seed,steps,score,")
        write_report(out, [table], [], [(runs[0], "RuntimeError: no luck")], [(runs[1], "lost")])
        report = (out / "report.md").read_text()
        assert "| greedy | one step | " in report
        assert "- random, GCGen-Digits-v0, previews, seed 0: RuntimeError: no luck" in report
        lost = "again to execute these runs.\n\n- greedy, GCGen-Digits-v0, previews, seed 0: lost"
        assert lost in report
        assert hash_weights(DIGITS) in report

    def test_machines_and_versions_that_differ_are_all_named(self, study, tmp_path):
        out, runs = study
        outcomes, damaged = read_outcomes(runs, out)
        assert damaged == []
        write_report(tmp_path, [Table("previews", outcomes)])
        assert "machines or versions of the runs differ" not in (tmp_path / "report.md").read_text()
        timing = {**outcomes[0].timing, "versions": {"torch": "9.9"}}
        outcomes[0] = outcomes[0]._replace(timing=timing)
        write_report(tmp_path, [Table("previews", outcomes)])
        report = (tmp_path / "report.md").read_text()
        assert "cores, one thread for each run; torch 9.9." in report
        assert "machines or versions of the runs differ" in report
        assert f"- {len(runs) - 1} of {len(runs)} runs: " in report

    def test_results_do_not_depend_on_the_order_of_execution(self, study, tmp_path):
        out, runs = study
        for run in reversed(runs[:4]):
            execute(run, tmp_path)
        files = []
        for folder in (out, tmp_path):
            write_results(folder, read_outcomes(runs[:4], folder)[0])
            files.append((folder / "results.json").read_bytes())
        assert files[0] == files[1]

    def test_results_of_another_process_stay(self, tmp_path, monkeypatch):
        """Two processes execute the same run; the slower one fails, or is only slower."""
        for fails in (True, False):
            out, run = tmp_path / str(fails), make_run()
            original = execution.Execution.write

            def write(self, folder, out=out, run=run, fails=fails, original=original):
                monkeypatch.setattr(execution.Execution, "write", original)
                assert execute(run, out) is None  # the other process
                (run.folder(out) / "mark").touch()
                if fails:
                    raise RuntimeError("no luck")
                original(self, folder)

            monkeypatch.setattr(execution.Execution, "write", write)
            assert execute(run, out) is None
            assert run.is_complete(out) and (run.folder(out) / "mark").exists()
            assert len(list((out / "runs" / DIGITS / "previews").iterdir())) == 1

    def test_results_that_appear_while_a_failure_is_removed_stay(self, tmp_path, monkeypatch):
        """The other process is done between two looks at the folder."""
        run = make_run()
        assert execute(run, tmp_path) is None
        (run.folder(tmp_path) / "mark").touch()
        temporary = run.folder(tmp_path).with_name(".temporary.tmp")
        temporary.mkdir()
        (temporary / FAILURE).touch()
        looks, original = iter([False]), Run.is_complete
        monkeypatch.setattr(Run, "is_complete", lambda *a: next(looks, True) and original(*a))
        assert execution._move(run, tmp_path, temporary, "RuntimeError: no luck") is None
        assert (run.folder(tmp_path) / "mark").exists()
        assert len(list((tmp_path / "runs" / DIGITS / "previews").iterdir())) == 1

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.ENOTEMPTY])
    def test_a_folder_that_cannot_be_moved_is_a_failure(self, code, tmp_path, monkeypatch):
        def fail(path, name):
            gone = name.suffix == ".old"  # what has the name, if it is another folder
            raise FileNotFoundError if gone else OSError(code, os.strerror(code))

        monkeypatch.setattr(Path, "replace", fail)
        monkeypatch.setattr(execution.Execution, "write", lambda self, folder: None)
        assert "Error: [Errno" in execute(make_run(), tmp_path)
        assert not list((tmp_path / "runs" / DIGITS / "previews").iterdir())

    def test_a_failure_that_cannot_be_written_is_returned(self, tmp_path, monkeypatch):
        def fail(*_):
            raise OSError(errno.ENOSPC, "disk full")

        monkeypatch.setattr(execution, "write_json", fail)
        error = execute(make_run(), tmp_path)
        assert error == (
            "OSError: OSError: [Errno 28] disk full; "
            "writing this error failed too: [Errno 28] disk full"
        )
        assert make_run().failure(tmp_path) is None
        assert not list((tmp_path / "runs" / DIGITS / "previews").iterdir())

    def test_other_weights_are_refused(self, study, tmp_path):
        out, runs = study
        shutil.copytree(out, tmp_path / "copy")
        path = runs[1].folder(tmp_path / "copy") / RESULT
        document = json.loads(path.read_text())
        document["run"]["task"]["weights"] = "0" * 12
        path.write_text(json.dumps(document))
        with pytest.raises(
            ValueError, match="with another task: weights of GCGen-Digits-v0 changed"
        ):
            read_outcomes(runs, tmp_path / "copy")
        path.parent.rename(path.parent.with_name(f".{path.parent.name}.tmp"))
        check_tasks(tmp_path / "copy", runs[1].env)  # not complete


@pytest.mark.slow
def test_killed_ten_times_gives_the_same_results(tmp_path):
    """A process killed at random moments and started again writes the same file."""
    arguments = [
        "--envs", POINTS, "--algos", "random", "greedy", "a2c*", "maskable_dqn", "gcgen",
        "--seeds", "2", "--timesteps", "512", "--episodes", "16", "--evaluations", "2",
        "--jobs", "2",
    ]  # fmt: skip
    command = [sys.executable, "-m", "agents.cli.main", "benchmark", *arguments, "--out"]
    rng = np.random.default_rng(0)
    killed = 0
    while killed < 10:
        process = subprocess.Popen(
            [*command, str(tmp_path / "a")], start_new_session=True, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(rng.uniform(5, 15))
            shutil.rmtree(tmp_path / "a" / "runs")  # finished already: begin again
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            killed += 1
    for name in ("a", "b"):
        subprocess.run([*command, str(tmp_path / name)], check=True)
    for name in ("results.json", "results.csv"):
        first, second = ((tmp_path / folder / name).read_bytes() for folder in "ab")
        assert first == second
