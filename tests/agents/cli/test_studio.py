import builtins

import pytest

from agents.cli.main import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 lets other machines in: add --public"),
        (["--port", "70000"], "--port must lie in"),
        (["--no-shipped"], "there is no model to draw with"),
    ],
)
def test_mistakes_get_one_sentence(capsys, words, message):
    assert main(["studio", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_missing_library_is_named_with_its_remedy(capsys, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **options):
        if name.startswith("gradio"):
            raise ModuleNotFoundError("No module named 'gradio'", name="gradio")
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.delitem(__import__("sys").modules, "agents.studio.server", raising=False)
    assert main(["studio"]) == 2
    assert (
        "the studio needs a package (gradio): pip install -e '.[studio]'" in capsys.readouterr().err
    )
