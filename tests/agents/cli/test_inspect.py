import pytest
from PIL import Image

from agents.cli.main import main
from gcgen_env.model.pretrained import pretrained_path


def inspect(what, model, out, *options):
    return main(["inspect", what, "--model", str(model), "--out", str(out), *options])


@pytest.mark.parametrize("what", ["steps", "usage"])
def test_pictures_of_a_model(what, model_file, tmp_path, capsys):
    out = tmp_path / "picture.png"
    assert inspect(what, model_file, out, "--num", "20") == 0
    assert capsys.readouterr().out == f"wrote the {what} of 20 images to {out}\n"
    with Image.open(out) as picture:
        assert min(picture.size) > 150


def test_the_atlas_of_an_s_agent(s_agent_file, tmp_path, capsys):
    out = tmp_path / "atlas.png"
    assert inspect("atlas", s_agent_file, out, "--branches", "2", "2", "3") == 0
    assert capsys.readouterr().out == f"wrote the atlas, 3 levels deep, to {out}\n"
    with Image.open(out) as picture:
        assert picture.height > 12 * 56


def test_what_cannot_be_drawn_is_refused(model_file, s_agent_file, tmp_path, capsys):
    out = tmp_path / "picture.png"
    assert inspect("atlas", pretrained_path("two_moons"), out) == 2
    assert "this model's data are points" in capsys.readouterr().err
    assert inspect("steps", s_agent_file, out) == 2
    assert "holds an S-agent alone" in capsys.readouterr().err
    assert inspect("atlas", model_file, out, "--branches", "99") == 2
    assert "between 1 and the 16 proposals, got 99" in capsys.readouterr().err
    assert not out.exists()
