"""Films: what is drawn is what is played."""

import sys

import numpy as np
import pytest

from gcgen_env.viewer import save_mp4

FRAMES = [np.full((31, 48, 3), 60 * index, np.uint8) for index in range(4)]


def test_a_film_keeps_its_frames_and_its_speed(tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "new" / "film.mp4"
    save_mp4(iter(FRAMES), path, fps=5)
    assert path.read_bytes()[4:8] == b"ftyp"
    num, seconds = ffmpeg.count_frames_and_secs(str(path))
    assert num == 4 and seconds == pytest.approx(0.8, abs=0.05)
    reader = ffmpeg.read_frames(str(path))
    assert next(reader)["size"] == (48, 32)
    levels = [np.frombuffer(frame, np.uint8).reshape(32, 48, 3)[:30].mean() for frame in reader]
    reader.close()
    np.testing.assert_allclose(levels, [0, 60, 120, 180], atol=8)


@pytest.mark.parametrize(
    ("frames", "fps", "message"),
    [
        ([], 5, "one size"),
        ([FRAMES[0], FRAMES[0][1:]], 5, "one size"),
        ([FRAMES[0].astype(float)], 5, "uint8"),
        (FRAMES, 0, "fps above 0"),
    ],
)
def test_wrong_frames_are_refused(tmp_path, frames, fps, message):
    pytest.importorskip("imageio_ffmpeg")
    with pytest.raises(ValueError, match=message):
        save_mp4(frames, tmp_path / "film.mp4", fps)
    assert not list(tmp_path.iterdir())


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ValueError, match=r"pip install 'gcgen\[video\]', or write a \.gif"):
        save_mp4(FRAMES, tmp_path / "film.mp4", 5)
