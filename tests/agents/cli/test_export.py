import gymnasium as gym
import pytest

from agents import SAgent
from agents.cli.main import main


def test_the_file_says_where_it_comes_from(finished, tmp_path, capsys):
    out = tmp_path / "small.safetensors"
    words = ["export", "--run-folder", str(finished.folder.path), "--out", str(out)]
    assert main(words) == 0
    metadata = SAgent.load(out).metadata
    assert metadata["dataset"] == "digits"
    assert len(metadata["data_sha256"]) == 64
    assert f"{metadata['bound_nats']:.2f}" in capsys.readouterr().out
    assert out.stat().st_size < finished.folder.s_agent.stat().st_size
    env = gym.make("gcgen_env:GCGen-Digits-v0", proposer=str(out))
    assert env.reset(seed=0)[0]["proposals"].shape == (16, 1, 8, 8)


def test_the_bound_is_that_of_the_exported_file(finished, tmp_path):
    nats = []
    for flag in ("--half", "--no-half"):
        out = tmp_path / f"{flag}.safetensors"
        assert (
            main(["export", "--run-folder", str(finished.folder.path), flag, "--out", str(out)])
            == 0
        )
        nats.append(SAgent.load(out).metadata["bound_nats"])
    assert nats[0] != nats[1]
    assert nats[0] == pytest.approx(nats[1], abs=0.5)


def test_no_run(fails, tmp_path):
    assert "there is no run in" in fails("export", "--run-folder", tmp_path)
