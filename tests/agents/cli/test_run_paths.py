"""The folder of a run and the model in it are the same to every command."""

import shutil

import numpy as np

from agents.cli.main import main


def test_a_run_folder_is_accepted_as_a_model(finished, tmp_path, capsys):
    for name in ("folder", "file"):
        path = finished.folder.path if name == "folder" else finished.folder.model
        words = ["sample", "--model", str(path), "--num", "4", "--out", str(tmp_path / name)]
        words[-1] += ".npy"
        assert main(words) == 0
        words = ["reconstruct", "--model", str(path), "--num", "4", "--out"]
        assert main([*words, str(tmp_path / f"{name}.png")]) == 0
        assert main(["evaluate", "--model", str(path), "--num-images", "4", "--paths", "1"]) == 0
    one, other = (np.load(tmp_path / f"{name}.npy") for name in ("folder", "file"))
    np.testing.assert_array_equal(one, other)
    pictures = [(tmp_path / f"{name}.png").read_bytes() for name in ("folder", "file")]
    assert pictures[0] == pictures[1]


def test_a_model_is_accepted_as_a_run_folder(finished, tmp_path):
    out = str(tmp_path / "s.safetensors")
    assert main(["export", "--run-folder", str(finished.folder.model), "--out", out]) == 0


def test_other_files_and_folders_are_one_sentence(finished, tmp_path, fails):
    assert f"there is no run in {tmp_path}" in fails("sample", "--model", tmp_path)
    assert f"there is no run in {tmp_path}" in fails("export", "--run-folder", tmp_path)
    missing = tmp_path / "none"
    assert f"no saved file at {missing}" in fails("sample", "--model", missing)
    assert f"there is no run in {missing}" in fails("export", "--run-folder", missing)
    s_agent = finished.folder.s_agent
    assert "is neither the folder of a run nor its model.gcgen" in fails(
        "export", "--run-folder", s_agent
    )


def test_a_model_of_another_name_is_not_taken_for_the_run_beside_it(finished, tmp_path, fails):
    copy = tmp_path / "copy.gcgen"
    shutil.copy(finished.folder.model, copy)
    assert "is neither the folder of a run" in fails("export", "--run-folder", copy)
