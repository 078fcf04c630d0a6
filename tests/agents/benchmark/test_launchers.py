"""Launchers: the same results wherever runs are executed."""

import pytest

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
