"""Run folders: one writer at a time, stray files, and a disk that is full for a while."""

import json
import os
import re
import resource
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from agents import GCGen, SAgent
from agents.cli.main import main
from agents.cli.run_folder import RunFolder
from agents.cli.session import Budget, Session
from agents.cli.writer_lock import WriterLock
from tests.agents.cli.conftest import TINY, train
from tests.agents.cli.forked import Forked
from tests.agents.cli.killed import digest


def test_a_second_writer_is_told_who_writes(tmp_path, fails):
    folder = tmp_path / "run"
    first = Forked("train", "--out", folder, *TINY, "--minutes", "5")
    try:
        assert "test bound before" in first.stdout.readline()
        before = (folder / "model.gcgen").read_bytes()
        for words in (["--out", folder, "--overwrite"], ["--resume", folder]):
            message = fails("train", *words, "--minutes", "1", "--device", "cpu")
            assert f"{folder} is being written by process {first.pid} on " in message
            assert "wait for its end, or choose another folder" in message
        assert (folder / "model.gcgen").read_bytes()[:8] == before[:8]
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    assert first.returncode == 130
    assert not (folder / ".lock.json").exists()
    minutes = str(RunFolder(folder).read().minutes + 0.005)
    assert main(["train", "--resume", str(folder), "--minutes", minutes]) == 0


def test_two_that_start_at_once_never_mix(tmp_path):
    """One of them trains; the other one is refused, whichever seed it has."""
    options = (*TINY, "--timesteps", "256")
    both = [Forked("train", "--out", tmp_path / "run", *options, "--seed", seed) for seed in (1, 2)]
    errors = [process.communicate(timeout=120)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], errors
    assert re.search("is being written by|already has a run", errors[codes.index(2)])
    winner = codes.index(0) + 1
    assert RunFolder(tmp_path / "run").read().settings["seed"] == winner
    assert digest(tmp_path / "run") == digest(
        train(tmp_path / "alone", "--timesteps", "256", "--seed", str(winner)).folder.path
    )


def test_a_lock_without_a_description_is_a_lock(tmp_path):
    with WriterLock(tmp_path):
        (tmp_path / ".lock.json").write_text("{")
        caught = []

        def enter():
            try:
                with WriterLock(tmp_path):
                    pass
            except BlockingIOError as error:
                caught.append(str(error))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert caught[0].startswith(f"{tmp_path} is being written by another process: wait")
    with WriterLock(tmp_path):
        pass


LONG = (*TINY, "--timesteps", "12800", "--seed", "3")
"""Options of a run of a hundred rounds."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The digest of a run that was never stopped."""
    return digest(train(tmp_path_factory.mktemp("whole") / "run", *LONG).folder.path)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_run_stopped_by_a_signal_ends_as_if_it_had_not_stopped(tmp_path, name, whole, capfd):
    """Every weight and moment, bit for bit."""
    process = Forked("train", "--out", tmp_path / "run", *LONG)
    assert "test bound before" in process.stdout.readline()
    while not list(tmp_path.glob("run/tb/*/events.*")) and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.02)
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=60)
    assert process.returncode == (-9 if name == "SIGKILL" else 130)
    timesteps = GCGen.load(tmp_path / "run" / "model.gcgen").num_timesteps
    assert (0 if name == "SIGKILL" else 1) <= timesteps < 12800  # killed: the last checkpoint
    capfd.readouterr()
    assert main(["train", "--resume", str(tmp_path / "run")]) == 0
    assert capfd.readouterr().err  # the progress
    assert digest(tmp_path / "run") == whole


def test_an_ignored_signal_stays_ignored(tmp_path):
    """`nohup gcgen train` goes on when the terminal is closed."""
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    options = (*TINY, "--timesteps", "5120")
    process = Forked("train", "--out", tmp_path / "run", *options, prepare=ignore)
    assert "test bound before" in process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_what_killed_writers_left_is_removed_at_the_next_start(tmp_path, finished):
    folder = Path(shutil.copytree(finished.folder.path, tmp_path / "run"))
    strays = [folder / f".{name}.0123abcd.tmp" for name in ("model.gcgen", "samples.png")]
    own = folder / "notes.tmp"
    for path in (*strays, own):
        path.write_text("half")
    assert main(["train", "--resume", str(folder)]) == 0
    assert not any(path.exists() for path in strays)
    assert own.exists()


def limit_files(size):
    """Let no file of this process grow beyond a size: writing then fails as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_costs_logs_and_checkpoints_and_not_the_training(tmp_path):
    """No file may exceed 64 kB, and that of TensorBoard grows beyond."""
    folder = RunFolder(tmp_path / "run")
    options = (
        *("--n-envs", "16", "--width", "4", "--gc-width", "4", "--depth", "1"),
        *("--features", "4", "--num-proposals", "2"),  # a checkpoint has room
    )
    process = Forked(
        *("train", "--out", folder.path, *options, "--horizon", "2", "--device", "cpu"),
        *("--timesteps", "19200"),
        prepare=lambda: limit_files(64_000),
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert err.count("no row of the log for now: ") == 1
    assert "Traceback" not in err
    assert "test bound after" in out
    assert GCGen.load(folder.model).num_timesteps == 19200


def test_the_last_checkpoint_waits_for_room(tmp_path, monkeypatch, finished):
    folder = RunFolder(Path(shutil.copytree(finished.folder.path, tmp_path / "run")))
    model = GCGen.load(folder.model, device="cpu")
    session = Session(folder, model, Budget(None, 2048), folder.read())
    monkeypatch.setattr("agents.cli.session.SECONDS_BETWEEN_TRIES", 0.0)
    commit, tries = folder.commit, []

    def fail(*args):
        tries.append(args)
        if len(tries) < 5:
            raise OSError(28, "No space left on device")
        commit(*args)

    folder.commit = fail
    folder.config.unlink()
    with pytest.warns(RuntimeWarning, match=r"no last checkpoint for now: .*Ctrl-C gives up") as w:
        session._save_at_last()
    assert (len(tries), len(w)) == (5, 1)
    assert json.loads(folder.config.read_text()) == folder.read().describe()


@pytest.mark.parametrize("descriptor", [1, 2], ids=["stdout", "stderr"])
def test_a_log_file_on_a_full_disk_does_not_end_the_training(tmp_path, descriptor):
    words = ("train", "--out", tmp_path / "run", *TINY, "--timesteps", "1280")
    with open("/dev/full", "w") as full:
        process = Forked(*words, prepare=lambda: os.dup2(full.fileno(), descriptor))
        process.communicate(timeout=120)
    assert process.returncode in (0, 2)  # 2: what was printed is lost, and nothing else
    folder = RunFolder(tmp_path / "run")
    assert GCGen.load(folder.model).num_timesteps == 1280
    assert folder.reconstructions.exists()


def test_an_overwrite_that_finds_no_room_leaves_the_old_run(tmp_path, finished, monkeypatch):
    folder = Path(shutil.copytree(finished.folder.path, tmp_path / "run"))
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    words = ("train", "--out", folder, *TINY, "--timesteps", "128", "--seed", "5", "--overwrite")
    assert main([str(word) for word in words]) == 2
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert after == before
    assert list((folder / "tb").iterdir())


def test_the_logs_of_two_runs_never_mix(tmp_path, finished, monkeypatch):
    """The process is killed just after the new model has replaced the old one."""
    folder = RunFolder(Path(shutil.copytree(finished.folder.path, tmp_path / "run")))
    old = {path.name for path in folder.tensorboard.glob("*/*")}
    words = ("train", "--out", folder.path, *TINY, "--timesteps", "256", "--seed", "5")
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "clear_logs", lambda _: sys.exit("killed"))
        with pytest.raises(SystemExit):
            main([str(word) for word in (*words, "--overwrite")])
    assert main(["train", "--resume", str(folder.path)]) == 0
    assert folder.read().settings["seed"] == 5
    assert not old & {path.name for path in folder.tensorboard.glob("*/*")}


def test_the_folder_of_a_run_stands_for_the_files_in_it(finished):
    folder = finished.folder
    model = GCGen.load(folder.path, device="cpu")
    expected = SAgent.load(folder.s_agent).sample(2, seed=0)
    np.testing.assert_array_equal(model.sample(2, seed=0), expected)
    np.testing.assert_array_equal(SAgent.load(folder.path).sample(2, seed=0), expected)
    env = gym.make("GCGen-Digits-v0", proposer=str(folder.path))
    assert env.unwrapped.episodes.chain.proposer.config == model.s_agent.network.config
    with pytest.raises(FileNotFoundError, match="no saved file at"):
        GCGen.load(folder.tensorboard)
