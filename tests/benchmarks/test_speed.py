"""The benchmarks run and report; their values depend on the machine."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from benchmarks.speed import __main__ as speed
from benchmarks.speed import colour_envs as bench_colour_envs
from benchmarks.speed import env as bench_env
from benchmarks.speed import growth as bench_growth
from benchmarks.speed import many_envs as bench_many_envs
from benchmarks.speed import ppo as bench_ppo
from benchmarks.speed import sampling as bench_sampling
from benchmarks.speed import timing
from benchmarks.speed import training as bench_training
from benchmarks.speed.__main__ import NAMES
from benchmarks.speed.figures import Figure, report

PEAKS = {"peak_bytes": 1e6, "seconds": 0.1}


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    """Replace the measurements in fresh processes, which take seconds."""
    sizes = iter(range(1, 1000))
    for module in (bench_env, bench_training, bench_growth):
        monkeypatch.setattr(
            module, "measure_peak", lambda *_: {**PEAKS, "peak_bytes": 1e6 * next(sizes)}
        )
    figure = Figure("import", 1.0, "x", 1.2, at_least=False)
    monkeypatch.setattr(bench_sampling, "measure_import", lambda _: figure)


BENCHMARKS = {
    "env": lambda: bench_env.main(num_envs=8, many_envs=16, rounds=1, json=True),
    "ppo": lambda: bench_ppo.main(timesteps=128, rollout=64, rounds=1, json=True),
    "training": lambda: bench_training.main(batch_size=16, rounds=1, json=True),
    "sampling": lambda: bench_sampling.main(num=16, rounds=1, json=True),
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmarks_print_their_figures_as_json(name, capsys):
    figures = BENCHMARKS[name]()
    document = json.loads(capsys.readouterr().out)
    assert document["machine"]["torch_threads"] == torch.get_num_threads()
    assert [Figure.from_json(entry) for entry in document["figures"]] == figures
    assert all(math.isfinite(figure.value) for figure in figures)
    assert len({figure.name for figure in figures}) == len(figures)


def test_many_environments_are_measured_as_arrays_and_as_tensors(capsys):
    figures = bench_many_envs.main(sizes=(2, 4), rounds=1)
    assert len({figure.name for figure in figures}) == len(figures) == 8
    assert all(figure.value > 0 for figure in figures)
    assert "compact: 4 environments, tensors" in capsys.readouterr().out


def test_environments_of_colour_images_are_measured_beside_those_of_mnist(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 255, (30, 17, 17, 3)).astype(np.uint8)
    np.save(tmp_path / "photos.npy", images)
    figures = bench_colour_envs.main(tmp_path / "photos.npy", (4,), num_envs=2, rounds=1)
    names = [figure.name.partition(":")[0] for figure in figures]
    kinds = ("MNIST", "photos, A = 4")
    assert names == [f"{kind}, {mode}" for kind in kinds for mode in ("pixels", "compact")]
    assert all(figure.value > 0 for figure in figures)
    assert "photos, A = 4" in capsys.readouterr().out


def test_growth_measures_every_size(monkeypatch, capsys):
    monkeypatch.setattr(bench_growth, "GROWTH", {"horizon": (1, 2)})
    figures = bench_growth.main()
    assert [figure.name for figure in figures] == ["horizon = 1", "horizon = 2"]
    assert "time grew with power 0.00" in figures[1].detail
    assert "horizon = 2" in capsys.readouterr().out
    result = bench_growth.measure(4, 2, 8, 4, rounds=1)
    assert result["seconds"] > 0 and result["peak_bytes"] >= 0


def test_the_table_marks_figures_that_miss_their_target(capsys):
    report([Figure("fast", 3.0, "x", 2.0, detail="6 ms, 2 ms"), Figure("slow", 1.0, "x", 2.0)])
    fast, slow = (line for line in capsys.readouterr().out.splitlines() if "2 x" in line)
    assert "fast" in fast and "pass" in fast and "1.50" in fast and "6 ms, 2 ms" in fast
    assert "slow" in slow and "short" in slow and "0.50" in slow


def test_ratios_are_medians_over_rounds():
    timings = timing.Timings({"slow": (2.0, 9.0, 40.0), "fast": (1.0, 3.0, 4.0)})
    assert timings.seconds("slow") == 9.0
    assert timings.ratio("slow", "fast") == 3.0  # of 2, 3 and 10
    calls = []
    functions = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    clock = iter([0, 9, 9, 19, 20, 21, 21, 23, 30, 34, 34, 39]).__next__
    timings = timing.time_in_turns(functions, rounds=2, warm_up=1, clock=clock)
    assert calls == ["a", "b"] * 3
    assert timings.rounds == {"a": (1, 4), "b": (2, 5)}


def test_every_benchmark_of_the_table_is_tested():
    assert set(NAMES) == set(BENCHMARKS)


def test_one_table_of_all_benchmarks(monkeypatch, capsys):
    document = json.dumps({"figures": [Figure("fast", 3.0, "x", 2.0).to_json()]})
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 0, stdout=document),
    )
    assert speed.main() == [Figure("fast", 3.0, "x", 2.0)] * len(NAMES)
    assert capsys.readouterr().out.count("fast") == len(NAMES)


def test_peak_memory():
    work = "from benchmarks.speed.memory import run_and_report as r; r(lambda: b'x' * (64 << 20))"
    command = [sys.executable, "-c", work]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert 60e6 < json.loads(output)["peak_bytes"] < 90e6
