"""What the README shows is run, with smaller numbers."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tyro

from agents.cli.main import Command
from gcgen_env.config import ENV_CONFIGS, EnvConfig

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"### ([^\n]+)\n.*?```python\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = re.findall(r"^    (gcgen [^\n#]+)", README, flags=re.MULTILINE)


def shrink(code):
    """Return a quickstart that trains for a moment only."""
    code = re.sub(r"total_timesteps=[\d_]+", "total_timesteps=1_024", code)
    code = code.replace("progress_bar=True", "progress_bar=False")
    return code.replace("num_envs=256", "num_envs=4").replace("learn(2048)", "learn(8)")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("title", "code"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_quickstart_runs(title, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(256, size=(40, 20, 24, 3), dtype=np.uint8)
    np.save("my_images.npy", images)
    exec(compile(shrink(code), title, "exec"), {"__name__": "readme"})


def test_there_are_four_short_quickstarts():
    assert len(BLOCKS) == 4
    assert all(len(re.findall(r"^.*\S.*$", code, flags=re.MULTILINE)) <= 15 for _, code in BLOCKS)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command):
    tyro.cli(Command, args=shlex.split(command)[1:], config=(tyro.conf.OmitArgPrefixes,))


def test_there_are_commands():
    assert len(COMMANDS) >= 3


@pytest.mark.parametrize("env_id", ENV_CONFIGS)
def test_table_of_ids_is_that_of_the_code(env_id):
    config = ENV_CONFIGS[env_id]
    row = next(line for line in README.splitlines() if line.startswith(f"| `{env_id}`"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2:4] == [str(config.num_proposals), str(config.horizon)]
    assert cells[4].lower().startswith(config.likelihood)
    assert cells[6] == config.proposer
    if config.likelihood == "gaussian":
        assert cells[4].endswith(f"sigma {config.sigma:g}")


def test_every_keyword_is_named():
    names = [name for name in EnvConfig.__dataclass_fields__ if f"`{name}`" not in README]
    assert names == []


@pytest.mark.parametrize(
    "target", re.findall(r"\]\(([^)#]+)\)|`((?:docs|examples)/[^`]+)`", README)
)
def test_files_named_exist(target):
    path = target[0] or target[1]
    if not path.startswith("http"):
        assert (ROOT / path).exists(), path
