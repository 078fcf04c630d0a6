"""Launchers: the same results wherever runs are executed."""

import os
import signal
import sys
import time

import pytest

from agents.benchmark import launchers
from agents.benchmark.execution import execute
from agents.benchmark.launchers import LAUNCHERS
from agents.benchmark.study import RESULT, plan


@pytest.fixture(scope="module")
def runs():
    names = ["greedy", "a2c"]
    return plan(["GCGen-Toy2D-v0"], names, 1, 64, ("previews",), episodes=8, evaluations=2)


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


def test_a_ray_cluster_of_two_nodes_gives_the_same_results(runs, locally, tmp_path):
    ray = pytest.importorskip("ray", exc_type=ImportError)
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False)
        assert len(ray.nodes()) == 2
        assert launch("ray", runs, tmp_path) == locally
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_failed_run_is_reported(runs, tmp_path, monkeypatch):
    broken = runs[0].__class__("GCGen-Toy2D-v0", "greedy", 0, 0, episodes=-1)
    ((run, error),) = LAUNCHERS["local"]([broken], tmp_path, 1)
    assert run == broken and error
    assert broken.failure(tmp_path) == error


def die(run, out):
    """Stands for a run that the kernel ends."""
    if run.contestant == "a2c":
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(run, out)


@pytest.mark.parametrize("jobs", [1, 2])
def test_only_the_run_whose_process_dies_is_lost(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(launchers, "execute", die)
    names = ["random", "a2c", "greedy"]
    runs = plan(["GCGen-Toy2D-v0"], names, 2, 64, ("previews",), episodes=8, evaluations=2)
    outcomes = list(LAUNCHERS["local"](runs, tmp_path, jobs))
    assert len(outcomes) == len(runs) == len(dict(outcomes))  # none of them twice
    for run, error in outcomes:
        assert error == (launchers.LOST if run.contestant == "a2c" else None)
        assert run.is_complete(tmp_path) == (error is None)


def linger(run, out):
    """Stands for a long run that cleans up when it is terminated."""
    try:
        (out / run.contestant).touch()  # within: it may be terminated as soon as this is there
        if run.contestant == "a2c":
            time.sleep(60)
    finally:
        (out / run.contestant).unlink(missing_ok=True)


def test_a_stopped_study_ends_its_processes(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(launchers, "execute", linger)
    outcomes = LAUNCHERS["local"](runs, tmp_path, 2)
    assert next(outcomes)[0].contestant == "greedy"
    while not (tmp_path / "a2c").exists():
        time.sleep(0.01)
    outcomes.close()
    assert not (tmp_path / "a2c").exists()


def test_a_missing_package_is_named(runs, tmp_path, monkeypatch):
    for name in ("submitit", "ray"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ValueError, match=rf"pip install -e '.\[{name}\]'"):
            list(LAUNCHERS[name](runs, tmp_path, 1))
