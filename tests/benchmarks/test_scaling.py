"""The measurement of data parallel training, and what it predicts."""

import csv

import pytest

from benchmarks.scaling.__main__ import main
from benchmarks.scaling.cost import Network, UpdateCost, fit_line
from benchmarks.scaling.loopback import measure_sums
from benchmarks.scaling.simulation import YEAR, Conditions, simulate
from benchmarks.scaling.speedup import Task, measure_training

COST = UpdateCost(fixed=0.02, row=0.002, optimizer=0.04, draw=1e-5, num_bytes=10_000_000)
NETWORK = Network(latency=1e-5, bandwidth=1e9)
CALM = Conditions(spread=0.0, failures=0.0)


def test_a_ring_sends_everything_almost_twice():
    assert NETWORK.all_reduce(10_000_000, 1) == 0
    assert NETWORK.all_reduce(10_000_000, 2) == pytest.approx(2 * (1e-5 + 5e-3))
    assert NETWORK.all_reduce(10_000_000, 10) == pytest.approx(18 * (1e-5 + 1e-3))


def test_speed_ups_are_those_of_the_parts():
    alone = 0.02 + 0.002 * 64 + 0.04 + 64e-5
    assert COST.update(64, 1, NETWORK) == pytest.approx(alone)
    two = 0.02 + 0.002 * 32 + 0.04 + 64e-5 + 2 * (1e-5 + 5e-3)
    assert COST.speedup(64, 2, NETWORK) == pytest.approx(alone / two)
    assert COST.speedup(4096, 2, NETWORK) > COST.speedup(64, 2, NETWORK)


def test_a_line_is_fitted():
    assert fit_line([(1, 5), (2, 7), (4, 11)]) == pytest.approx((3, 2))
    start, slope = fit_line([(1, 1), (2, 4)])  # below the origin
    assert start == 0 and 1 < slope < 2


def test_simulated_updates_wait_for_the_slowest_process_and_for_repairs():
    expected = COST.update(1024, 64, NETWORK)
    assert simulate(COST, NETWORK, 1024, 64, 10, CALM) == pytest.approx(expected)
    slow = simulate(COST, NETWORK, 1024, 64, 100, Conditions(spread=0.1, failures=0.0))
    assert 1.1 * expected < slow < 1.5 * expected
    daily = Conditions(spread=0.0, failures=365 / YEAR, cores=1)  # one a day and process
    lost = 64 * 60 / (24 * 3600)  # of the time, half a checkpoint and a restart each
    found = simulate(COST, NETWORK, 1024, 64, 10, daily)
    assert found == pytest.approx(expected / (1 - lost))


def read(path):
    """Return the rows of a table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_constants_are_measured_and_used(tmp_path):
    words = ["parts", "predict", "--env", "GCGen-Digits-v0", "--rounds", "1"]
    main([*words, "--out", str(tmp_path), "--batches", "64"])
    found = {row["what"]: float(row["seconds"]) for row in read(tmp_path / "parts.csv")}
    assert found["row"] > 0 and found["optimizer"] > 0 and found["num_bytes"] > 0
    rows = read(tmp_path / "predict.csv")
    assert {int(row["processes"]) for row in rows} == {1, 2, 4, 8, 16, 32, 64}
    assert all(float(row["speedup"]) == 1 for row in rows if row["processes"] == "1")
    assert (tmp_path / "scaling.png").stat().st_size > 1000


@pytest.mark.slow
def test_processes_are_measured():
    network, rows = measure_sums(2, 2)
    assert network.latency > 0 and network.bandwidth > 0
    assert [row["bytes"] for row in rows] == sorted(row["bytes"] for row in rows)
    one, two = (measure_training(Task("GCGen-Digits-v0", 16, 4, 0), n, 1) for n in (1, 2))
    assert two["bound"] == pytest.approx(one["bound"], rel=0.02)
    assert two["images_per_second"] > 0
