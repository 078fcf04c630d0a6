"""Pictures on disk: what was drawn is what is read, whole or not at all."""

import numpy as np
import pytest
from PIL import Image

from gcgen_env.viewer import save_gif, save_png


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


def test_png_round_trip_creates_folders(tmp_path, picture):
    path = tmp_path / "new" / "folder" / "picture.png"
    save_png(picture, path)
    assert np.array_equal(np.asarray(Image.open(path)), picture)
    assert [file.name for file in path.parent.iterdir()] == ["picture.png"]


def test_png_replaces_what_was_there(tmp_path, picture):
    path = tmp_path / "picture.png"
    save_png(picture, path)
    save_png(255 - picture, str(path))
    assert np.array_equal(np.asarray(Image.open(path)), 255 - picture)


def test_gif_keeps_every_frame_its_size_and_its_speed(tmp_path):
    frames = [np.full((6, 8, 3), 40 * index, np.uint8) for index in range(5)]
    path = tmp_path / "episode.gif"
    save_gif(iter(frames), path, fps=5)
    with Image.open(path) as gif:
        assert gif.n_frames == 5
        assert gif.size == (8, 6)
        assert gif.info["duration"] == 200
        assert gif.info["loop"] == 0


def test_a_failed_write_says_where_and_leaves_the_old_file(tmp_path, picture, monkeypatch):
    path = tmp_path / "picture.png"
    save_png(picture, path)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match=r"cannot write .*picture\.png"):
        save_png(255 - picture, path)
    assert np.array_equal(np.asarray(Image.open(path)), picture)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_in_the_place_of_a_folder_is_an_os_error(tmp_path, picture):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match="cannot write "):
        save_png(picture, tmp_path / "file" / "picture.png")


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8)])
def test_only_pictures_are_written(tmp_path, bad):
    with pytest.raises(ValueError, match="uint8 picture"):
        save_png(bad, tmp_path / "picture.png")


def test_gif_refuses_no_frame_mixed_sizes_and_odd_speeds(tmp_path, picture):
    path = tmp_path / "episode.gif"
    for frames in ([], [picture, picture[1:]]):
        with pytest.raises(ValueError, match="frames of one size"):
            save_gif(frames, path, fps=5)
    for fps in (0, -1, 1000):
        with pytest.raises(ValueError, match="fps"):
            save_gif([picture], path, fps=fps)
    assert not path.exists()
