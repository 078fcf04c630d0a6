"""No command replaces a file that the user has not named for it."""

import os
from pathlib import Path

import pytest

from agents.cli.main import main
from agents.cli.outputs import check_output

PICTURE = Path(__file__).parents[3] / "docs" / "images" / "digits_samples.png"


def list_outputs(finished, tmp_path):
    """Return every command that writes one file, with the option that names it."""
    model = str(finished.folder.model)
    return {
        "sample": (["sample", "--model", model, "--out"], tmp_path / "a.png"),
        "array": (["sample", "--model", model, "--out"], tmp_path / "a.npy"),
        "reconstruct": (["reconstruct", "--model", model, "--out"], tmp_path / "b.png"),
        "guide": (
            ["guide", "--model", model, "--variations", str(PICTURE), "--num", "1", "--out"],
            tmp_path / "e.png",
        ),
        "export": (["export", "--run-folder", model, "--out"], tmp_path / "c.safetensors"),
        "evaluate": (
            ["evaluate", "--model", model, "--paths", "1", "--num-images", "4", "--json"],
            tmp_path / "d.json",
        ),
    }


@pytest.mark.parametrize("name", ["sample", "array", "reconstruct", "guide", "export", "evaluate"])
def test_an_existing_file_is_kept_unless_overwriting_is_asked_for(
    name, finished, tmp_path, fails, monkeypatch
):
    command, path = list_outputs(finished, tmp_path)[name]
    path.write_bytes(b"mine")
    with monkeypatch.context() as context:
        context.setattr("agents.cli.models.load_sampler", lambda *_: pytest.fail("it has begun"))
        message = fails(*command, path)
    assert f"{path} already exists: replace it with --overwrite" in message
    assert path.read_bytes() == b"mine"
    assert main([*command, str(path), "--overwrite"]) == 0
    assert path.read_bytes() != b"mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]


@pytest.mark.parametrize("name", ["sample", "reconstruct", "guide", "export", "evaluate"])
def test_a_place_where_no_file_can_be_is_one_sentence(name, finished, tmp_path, fails):
    command, path = list_outputs(finished, tmp_path)[name]
    folder = tmp_path / f"folder{path.suffix}"
    folder.mkdir()
    assert f"{folder} is a folder" in fails(*command, folder)
    (tmp_path / "file").touch()
    assert "is a file, not a folder" in fails(*command, tmp_path / "file" / path.name)
    assert "cannot be" in fails(*command, tmp_path / f"{'x' * 300}{path.suffix}")
    assert "is a path of over 300 folders" in fails(
        *command, tmp_path / "x" / ("y/" * 1000) / path.name
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", folder.name]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe_is_refused(finished, tmp_path, fails):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    command = ("sample", "--model", finished.folder.model, "--overwrite", "--out", pipe)
    assert "must name a regular file" in fails(*command)


def test_the_run_itself_is_never_replaced(finished, fails):
    for path in (finished.folder.model, finished.folder.config):
        before = path.read_bytes()
        command = ("export", "--run-folder", finished.folder.path, "--overwrite", "--out", path)
        assert "which the command reads" in fails(*command)
        evaluate = ("evaluate", "--model", finished.folder.path, "--overwrite", "--json")
        if path == finished.folder.model:
            assert "which the command reads" in fails(*evaluate, path)
        assert path.read_bytes() == before


def test_a_folder_without_permission(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # as root every folder is writable
    with pytest.raises(ValueError, match="no permission to write in"):
        check_output(tmp_path / "new" / "file")


def test_links_are_followed(tmp_path):
    (tmp_path / "link.png").symlink_to(tmp_path / "target.png")
    check_output(tmp_path / "link.png")
    (tmp_path / "target.png").touch()
    with pytest.raises(ValueError, match="already exists"):
        check_output(tmp_path / "link.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(ValueError, match=r"loop\.png"):
        check_output(tmp_path / "loop.png")


@pytest.mark.parametrize("path", ["", ".", "..", "/"])
def test_paths_that_name_no_file(path, fails, finished):
    assert "--out must name a file" in fails(
        "export", "--run-folder", finished.folder.path, "--out", path
    )
