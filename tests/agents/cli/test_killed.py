"""Processes that die at any file operation: what is left never contradicts itself.

Each test stops a command at its first file operation, then at its second, and so on until the
command ends by itself.
"""

import json
import os
import random
import shutil
import signal
import time
from itertools import count

import pytest

from agents import SAgent
from agents.cli.run_folder import RunFolder
from gcgen_env.storage import read_document
from tests.agents.cli.killed import KILLED, TINY, digest, run, start, train


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """The digests of the runs of seeds 1 and 2 that were never stopped."""
    path = tmp_path_factory.mktemp("ends")
    return {seed: train(path / str(seed), "--seed", seed) for seed in (1, 2)}


BEST = (
    *("--optimizer", "adam", "--learning-rate", "0.5", "--lr-schedule", "constant"),
    *("--keep", "best"),
)
"""Options of a run whose best model is the second of three."""


@pytest.fixture(scope="module")
def best_ends(tmp_path_factory):
    """The digest of a run with these options, and seed 1."""
    path = tmp_path_factory.mktemp("best") / "run"
    found = {1: train(path, "--seed", 1, *BEST)}
    assert read_document(RunFolder(path).model)["counters"]["n_updates"] == 2
    return found


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run of seed 1 that died after its second checkpoint."""
    path = tmp_path_factory.mktemp("stopped") / "run"
    for limit in count(50):
        shutil.rmtree(path, ignore_errors=True)
        code, _ = run("train", "--out", path, *TINY, "--seed", 1, folder=path, limit=limit)
        assert code == KILLED
        if RunFolder(path).has_run and digest(path) != (first := digest_of_start(path)):
            assert first
            return path


def digest_of_start(path, known={}):  # noqa: B006
    """Remember the first digest of a path, which is that of an untrained model."""
    return known.setdefault(path, digest(path))


def die_everywhere(words, path, prepare):
    """Yield each number of operations after which the command has died."""
    for limit in count():
        prepare()
        code, printed = run(*words, folder=path, limit=limit)
        assert code in (0, KILLED), printed
        yield limit
        if code == 0:
            assert limit > 10  # the operations are seen
            return


def check_run(path, ends, may_be_absent=False, options=()):
    """Check that what is left of a run is a run that can be finished, or nothing."""
    folder = RunFolder(path)
    begin = ("train", "--out", path, *TINY, "--seed", 1, *options)
    if not folder.has_run:
        assert may_be_absent
        code, printed = run("train", "--resume", path)
        assert (code, "there is no run" in printed) == (2, True), printed
        code, printed = run(*begin)
        assert code == 0, printed
    else:
        record = folder.read()
        if folder.config.exists():
            assert json.loads(folder.config.read_text()) == record.describe()
        code, printed = run(*begin)
        assert (code, "already has a run" in printed) == (2, True), printed
        code, printed = run("train", "--resume", path)
        assert code == 0, printed
    seed = folder.read().settings["seed"]
    assert digest(path) == ends[seed]
    assert json.loads(folder.config.read_text())["settings"]["seed"] == seed
    assert SAgent.load(folder.s_agent).metadata["seed"] == seed
    pictures = {"samples.png", "trajectory.png", "reconstructions.png"}
    files = {".lock", "config.json", "model.gcgen", "s_agent.safetensors", "tb"}
    assert set(os.listdir(path)) == files | pictures  # no stray temporary


@pytest.mark.slow
def test_start(tmp_path, ends):
    path = tmp_path / "run"
    words = ("train", "--out", path, *TINY, "--seed", 1)
    seen = set()
    for _ in die_everywhere(words, path, lambda: shutil.rmtree(path, ignore_errors=True)):
        seen.add(RunFolder(path).has_run)
        check_run(path, ends, may_be_absent=True)
    assert seen == {False, True}


@pytest.mark.slow
def test_a_run_that_keeps_its_best_model(tmp_path, best_ends):
    path = tmp_path / "run"
    words = ("train", "--out", path, *TINY, "--seed", 1, *BEST)
    seen = set()
    for _ in die_everywhere(words, path, lambda: shutil.rmtree(path, ignore_errors=True)):
        folder = RunFolder(path)
        seen.add((folder.has_run, folder.best.is_file()))
        check_run(path, best_ends, may_be_absent=True, options=BEST)
    assert seen == {(False, False), (True, False), (True, True)}


@pytest.mark.slow
def test_overwrite(tmp_path, ends):
    path, old = tmp_path / "run", tmp_path / "old"
    train(old, "--seed", 1)

    def prepare():
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(old, path)

    seen = set()
    words = ("train", "--out", path, *TINY, "--seed", 2, "--overwrite")
    for _ in die_everywhere(words, path, prepare):
        seen.add(RunFolder(path).read().settings["seed"])
        check_run(path, ends)
    assert seen == {1, 2}


@pytest.mark.slow
def test_resume(tmp_path, ends, stopped):
    path = tmp_path / "run"

    def prepare():
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(stopped, path)

    for _ in die_everywhere(("train", "--resume", path), path, prepare):
        check_run(path, ends)


@pytest.mark.slow
def test_export(tmp_path):
    train(tmp_path / "run", "--seed", 1)
    out = tmp_path / "out" / "s_agent.safetensors"
    words = ("export", "--run-folder", tmp_path / "run", "--out", out)

    def prepare():
        shutil.rmtree(out.parent, ignore_errors=True)

    seen = set()
    for limit in count():
        prepare()
        code, printed = run(*words, folder=out.parent, limit=limit)
        assert code in (0, KILLED), printed
        seen.add(out.exists())
        if out.exists():
            assert SAgent.load(out).metadata["bound_nats"] > 0
        if code == 0:
            break
    assert seen == {False, True}


def test_a_checkpoint_commits_at_once(tmp_path, ends):
    """The quick part of the tests above: deaths around the first commit."""
    path = tmp_path / "run"
    words = ("train", "--out", path, *TINY, "--seed", 1)
    seen = []
    for limit in range(6, 34, 5):
        shutil.rmtree(path, ignore_errors=True)
        assert run(*words, folder=path, limit=limit)[0] == KILLED
        seen.append(RunFolder(path).has_run)
    assert seen == sorted(seen) and set(seen) == {False, True}
    check_run(path, ends)


@pytest.mark.slow
def test_a_hundred_kills_at_random_moments(tmp_path, ends):
    """One run is killed again and again, and ends as the run that was never stopped."""
    draw, path, kills, finished = random.Random(0), tmp_path / "run", 0, 0
    begin = ("train", "--out", path, *TINY, "--seed", 1)
    before = time.monotonic()
    train(tmp_path / "timed")
    seconds = time.monotonic() - before
    while kills < 100:
        words = ("train", "--resume", path) if RunFolder(path).has_run else begin
        pid, output = start(*words)
        time.sleep(draw.uniform(0, 1.2 * seconds))
        os.kill(pid, signal.SIGKILL)
        output.close()
        kills += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        if RunFolder(path).has_run and digest(path) == ends[1]:
            finished += 1
            check_run(path, ends)
            shutil.rmtree(path)
    assert finished >= 1
