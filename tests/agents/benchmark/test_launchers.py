"""Launchers: the same results wherever runs are executed."""

import os
import sys

import pytest

from agents.benchmark import launchers
from agents.benchmark.execution import execute
from agents.benchmark.launchers import LAUNCHERS
from agents.benchmark.study import RESULT, plan


@pytest.fixture(scope="module")
def runs():
    names = ["greedy", "a2c"]
    return plan(["GCGen-Toy2D-v0"], names, 1, 64, episodes=8, evaluations=2)


def launch(name, runs, out):
    outcomes = list(LAUNCHERS[name](runs, out, 2))
    assert {run for run, _ in outcomes} == set(runs)
    assert [error for _, error in outcomes] == [None] * len(runs)
    return [(run.folder(out) / RESULT).read_bytes() for run in runs]


@pytest.fixture(scope="module")
def locally(runs, tmp_path_factory):
    return launch("local", runs, tmp_path_factory.mktemp("local"))


def test_local_runs_leave_results(locally):
    assert len(locally) == 2


@pytest.mark.parametrize("name", ["submitit", "ray"])
def test_the_same_results_elsewhere(name, runs, locally, tmp_path):
    module = pytest.importorskip(name, exc_type=ImportError)
    if name == "ray":
        module.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert launch(name, runs, tmp_path) == locally
    finally:
        if name == "ray":
            module.shutdown()


def test_a_failed_run_is_told(runs, tmp_path, monkeypatch):
    broken = runs[0].__class__("GCGen-Toy2D-v0", "greedy", 0, 0, episodes=-1)
    ((run, error),) = LAUNCHERS["local"]([broken], tmp_path, 1)
    assert run == broken and error
    assert broken.failure(tmp_path) == error


def die(run, out):
    """Stands for a run that the kernel ends."""
    if run.contestant == "a2c":
        os._exit(9)
    return execute(run, out)


def test_a_dead_process_does_not_end_the_study(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(launchers, "execute", die)
    outcomes = dict(LAUNCHERS["local"](runs, tmp_path, 1))
    dead = next(run for run in runs if run.contestant == "a2c")
    assert outcomes[dead] == launchers.LOST
    assert not dead.is_complete(tmp_path)
    assert set(outcomes) == set(runs)


def test_a_missing_package_is_named(runs, tmp_path, monkeypatch):
    for name in ("submitit", "ray"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ValueError, match=rf'pip install "gcgen\[{name}\]"'):
            list(LAUNCHERS[name](runs, tmp_path, 1))
