"""`gcgen train` in several processes: one run, and bad launches end in one sentence."""

import os
import signal
import socket
import time
from datetime import timedelta

import numpy as np
import pytest
import torch

from agents import GCGen
from agents.cli import train_together
from agents.cli.main import main
from agents.cli.run_folder import RunFolder
from agents.distributed import joining
from gcgen_env.storage import load_container
from tests.agents.cli.ranked import TINY, find_port, make_impatient, run, start

TIMESTEPS = ("--timesteps", "96")
"""Six rounds."""


def read(folder):
    """Return the tensors of a run's checkpoint, and its counters."""
    document, tensors = load_container(RunFolder(folder).model, "gcgen")
    return tensors, document["counters"]


def assert_same(one, other):
    """Compare two checkpoints bit for bit."""
    assert one[1] == other[1]
    assert one[0].keys() == other[0].keys()
    for name, tensor in one[0].items():
        assert torch.equal(tensor, other[0][name]), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of two processes that was never stopped."""
    path = tmp_path_factory.mktemp("whole") / "run"
    done = run("train", *TINY, *TIMESTEPS, "--out", path)
    assert [code for code, *_ in done] == [0, 0], done
    return path, done


def test_the_first_process_alone_writes(whole):
    path, ((_, output, _), (_, silence, errors)) = whole
    assert "test bound after" in output
    assert (silence, errors) == ("", "")
    assert len(list((path / "tb").iterdir())) == 1
    assert GCGen.load(RunFolder(path).model).num_timesteps == 96


def test_the_same_number_of_processes_gives_the_same_bits(whole, tmp_path):
    done = run("train", *TINY, *TIMESTEPS, "--out", tmp_path / "run")
    assert [code for code, *_ in done] == [0, 0], done
    assert_same(read(whole[0]), read(tmp_path / "run"))


def test_a_run_of_two_processes_goes_on_in_one_and_in_three(whole, tmp_path):
    path = tmp_path / "run"
    half = ("--timesteps", "48")
    assert [code for code, *_ in run("train", *TINY, *half, "--out", path)] == [0, 0]
    before = read(path)
    assert main(["train", "--resume", str(path), "--timesteps", "64", "--device", "cpu"]) == 0
    assert read(path)[1]["n_updates"] > before[1]["n_updates"]
    more = ("train", "--resume", path, "--timesteps", "80", "--device", "cpu", "--threads", "1")
    assert [code for code, *_ in run(*more, size=3)] == [0, 0, 0]
    assert read(path)[1]["num_timesteps"] == 80


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_process_stops_all(tmp_path, rank):
    path = tmp_path / "run"
    port, words = find_port(), ("train", *TINY, "--minutes", "5", "--out", path)
    started = [start(each, 2, port, *words) for each in range(2)]
    deadline = time.monotonic() + 60
    while not list(path.glob("tb/*/events.*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    started[rank].send_signal(signal.SIGTERM)
    (output, _), (silence, _) = [each.communicate(120) for each in started]
    assert [each.returncode for each in started] == [0, 0]  # no failure for `torchrun`
    assert f"continue with: gcgen train --resume {path}" in output
    assert silence == ""
    assert 0 < read(path)[1]["progress"] < 1


def test_minutes_end_all_processes_together(tmp_path):
    done = run("train", *TINY, "--minutes", "0.01", "--out", tmp_path / "run")
    assert [code for code, *_ in done] == [0, 0], done
    assert read(tmp_path / "run")[1]["progress"] == 1


def test_processes_that_are_started_again_go_on(whole, tmp_path):
    """As after SIGKILL: the second launch finds the checkpoint of the first one."""
    path = tmp_path / "run"
    words = ("train", *TINY, *TIMESTEPS, "--out", path)
    port = find_port()
    started = [start(each, 2, port, *words, prepare=save_always) for each in range(2)]
    while not RunFolder(path).has_run or read(path)[1]["n_updates"] == 0:
        time.sleep(0.02)
    started[1].send_signal(signal.SIGKILL)
    (_, error), _ = [each.communicate(120) for each in started]
    assert started[0].returncode in (0, 1), error
    if started[0].returncode:
        assert "gcgen: rank 0 has lost another process" in error
        assert "continue with: gcgen train --resume" in error
    done = run(*words, is_watched=True)
    assert [code for code, *_ in done] == [0, 0], done
    assert_same(read(whole[0]), read(path))


def test_a_process_that_is_killed_while_all_connect(tmp_path):
    def prepare(rank):
        joining.CONNECTING = timedelta(seconds=1)
        if rank == 1:
            joining.dist.init_process_group = lambda *args, **kwargs: os.kill(
                os.getpid(), signal.SIGKILL
            )

    done = run("train", *TINY, "--out", tmp_path / "run", prepare=prepare)
    assert [code for code, *_ in done] == [1, -signal.SIGKILL]  # 1: it pays to start again
    sentence = done[0][2].splitlines()[-1]  # after a warning of torch, unless it is a command
    assert sentence.startswith("gcgen: rank 0 cannot connect to another process")


def test_a_process_that_waits_for_the_first_one_ends_at_once(tmp_path):
    """As `torchrun` wants it after a kill; it would wait for 30 seconds."""

    def make_slow():
        train_together.start = lambda *args: (ready.touch(), time.sleep(60))

    ready, port, words = (
        tmp_path / "ready",
        find_port(),
        ("train", *TINY, "--out", tmp_path / "run"),
    )
    first, second = [
        start(rank, 2, port, *words, prepare=make_slow if rank == 0 else lambda: None)
        for rank in range(2)
    ]
    while not ready.exists():
        time.sleep(0.02)
    time.sleep(0.2)
    second.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    assert second.communicate(60) == ("", "")
    assert (second.returncode, time.monotonic() - begin < 10) == (-signal.SIGTERM, True)
    first.send_signal(signal.SIGKILL)
    first.communicate(60)


def save_always():
    """Write a checkpoint in each round."""
    from agents.cli import session
    from agents.gcgen.callbacks import TimedCheckpoint

    session.TimedCheckpoint = lambda save: TimedCheckpoint(save, seconds=1e-9)


def sentence(done):
    """Return the one sentence on the first process, after a bad launch of several."""
    (code, output, error), *others = done
    assert code == 2, error
    assert output == ""
    assert error.startswith("gcgen: ") and error.count("\n") == 1, error
    assert [each for each in others if each[0] != 2 or each[1:] != ("", "")] == []
    return error


def test_options_that_differ(tmp_path):
    words = ("train", *TINY, *TIMESTEPS, "--out", tmp_path / "run")
    error = sentence(run(*words, others=(*words, "--learning-rate", "0.5")))
    assert "rank 1 on" in error and "has learning_rate 0.5, and rank 0 has None" in error
    assert not (tmp_path / "run").exists()


def test_backends_that_differ(tmp_path):
    def prepare(rank):
        if rank == 1:
            joining.choose_backend = lambda device, place: "cpu:gloo,cuda:nccl"

    error = sentence(run("train", *TINY, "--out", tmp_path / "run", prepare=prepare))
    assert "has backend 'cpu:gloo,cuda:nccl', and rank 0 has 'gloo'" in error


def test_precisions_that_differ(tmp_path):
    def prepare(rank):
        dtype = (torch.float32, torch.bfloat16)[rank]
        train_together.find_dtype = lambda precision, device: dtype

    error = sentence(run("train", *TINY, "--out", tmp_path / "run", prepare=prepare))
    assert "has precision 'torch.bfloat16', and rank 0 has 'torch.float32'" in error


def test_versions_that_differ(tmp_path):
    def prepare(rank):
        if rank == 1:
            joining.find_versions = lambda: {"torch": "2.0"}

    error = sentence(run("train", *TINY, "--out", tmp_path / "run", prepare=prepare))
    assert "rank 1 on" in error and "all processes need the same options" in error


@pytest.mark.parametrize("is_missing", [True, False], ids=["no data", "other data"])
def test_a_rank_without_the_data(tmp_path, is_missing):
    for rank in range(2):
        (tmp_path / str(rank)).mkdir()
        if not (rank and is_missing):
            images = np.random.default_rng(rank).random((40, 1, 8, 8), dtype=np.float32)
            np.save(tmp_path / str(rank) / "images.npy", images)
    words = ("train", "--env", "GCGen-Images-v0", "--dataset", "images.npy", *TINY, *TIMESTEPS)
    done = run(
        *(*words, "--out", tmp_path / "run"), prepare=lambda rank: os.chdir(tmp_path / str(rank))
    )
    error = sentence(done)
    assert "rank 1 on" in error
    assert ("images.npy" if is_missing else "has checksum") in error
    assert not RunFolder(tmp_path / "run").has_run


def test_an_error_of_the_first_process_is_reported_once(whole):
    assert "already has a run" in sentence(run("train", *TINY, *TIMESTEPS, "--out", whole[0]))


def test_a_port_in_use(tmp_path):
    with socket.socket() as other:
        other.bind(("localhost", 0))
        other.listen()
        port = other.getsockname()[1]
        words = ("train", *TINY, "--out", tmp_path / "run")
        started = start(0, 2, port, *words, prepare=make_impatient)
        _, error = started.communicate(120)
    assert started.returncode == 2
    assert error.count("\n") == 1 and f"localhost:{port} is in use" in error


def test_a_process_that_does_not_come(tmp_path):
    words = ("train", *TINY, "--out", tmp_path / "run")
    started = start(0, 2, find_port(), *words, prepare=make_impatient)
    _, error = started.communicate(120)
    assert started.returncode == 2
    assert "not all of 2 processes have come" in error and error.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(tmp_path):
    words = ("train", *TINY, "--device", "cuda", "--out", tmp_path / "run")
    assert "no device 'cuda' on this machine" in sentence(run(*words))


def test_more_processes_than_goals(tmp_path):
    error = sentence(run("train", *TINY, "--batch-size", "1", "--out", tmp_path / "run"))
    assert "2 processes are too many for an update of 1 goals" in error
    assert not (tmp_path / "run" / "model.gcgen").exists()
