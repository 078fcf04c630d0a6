"""The commands on a model whose proposals are principal components."""

import numpy as np

from agents import GCGen
from agents.cli.main import main
from gcgen_env.model.s_agent import SAgent

TRAIN = [
    "train",
    "--env",
    "GCGen-Images-v0",
    "--num-proposals",
    "4",
    "--horizon",
    "3",
    "--width",
    "16",
]
BATCH = ["--n-envs", "8", "--batch-size", "8", "--device", "cpu", "--threads", "1", "--quiet"]


def test_train_resume_export_and_start_again(tmp_path):
    rng = np.random.default_rng(0)
    smooth = rng.random((40, 6, 6, 3)).repeat(3, 1).repeat(3, 2)  # (40, 18, 18, 3)
    np.save(tmp_path / "pictures.npy", (255 * smooth).astype(np.uint8))
    words = [*TRAIN, *BATCH, "--dataset", str(tmp_path / "pictures.npy"), "--basis", "9"]
    words += ["--keep", "last"]
    run, more = str(tmp_path / "run"), str(tmp_path / "more")
    assert main([*words, "--timesteps", "96", "--out", run]) == 0
    assert main(["train", "--resume", run, "--timesteps", "192"]) == 0
    model = GCGen.load(tmp_path / "run" / "model.gcgen")
    assert model.num_timesteps == 192
    size = model.s_agent.basis.size  # as many of the nine as six bits suffice for
    assert 0 < size <= 9
    for command in ("sample", "reconstruct"):
        out = str(tmp_path / f"{command}.png")
        assert main([command, "--model", run, "--num", "3", "--device", "cpu", "--out", out]) == 0
    exported = str(tmp_path / "exported.safetensors")
    assert main(["export", "--run-folder", run, "--out", exported]) == 0
    assert SAgent.load(exported).basis.size == size
    start = ["--s-agent", exported, "--timesteps", "96", "--out", more]
    assert main([*words, *start]) == 0
    assert main(["evaluate", "--model", more, "--iw-images", "2", "--device", "cpu"]) == 0
