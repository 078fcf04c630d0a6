import shutil
import subprocess

import pytest

from agents.cli.commands import SUMMARIES
from agents.cli.main import main


def complete(script, *words):
    """Return what bash offers for the last word of a command line."""
    quoted = " ".join(f"'{word}'" for word in words)
    code = f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _tyro_gcgen"
    code += "\nprintf '%s\\n' \"${COMPREPLY[@]}\""
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_commands_options_and_choices(capsys, tmp_path):
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    file = tmp_path / "script.bash"
    file.write_text(script)
    assert subprocess.run(["bash", "-n", file], check=True).returncode == 0
    assert complete(script, "gcgen", "sa") == ["sample"]
    assert complete(script, "gcgen", "sample", "--dr") == ["--draw"]
    assert complete(script, "gcgen", "sample", "--draw", "") == ["mean", "sample"]
    assert complete(script, "gcgen", "train", "--lr-schedule", "co") == ["cosine", "constant"]
    assert complete(script, "gcgen", "train", "--qu") == ["--quiet"]
    assert complete(script, "gcgen", "--ver") == ["--version"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_every_command(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in SUMMARIES)
    program = shutil.which(shell)
    if program is not None:
        assert subprocess.run([program, "-n"], input=script, text=True).returncode == 0


def test_another_shell_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["completion", "tcsh"])
    assert end.value.code == 2
    assert "tcsh" in capsys.readouterr().err
