import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from agents.studio.given import MOST_UPLOAD, read_mask, read_painting, read_point, read_upload


def save(path, picture, **options):
    picture.save(path, **options)
    return path


def test_a_picture_becomes_a_goal_of_the_model_size(tmp_path, digits):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 40:] = 255
    goal = read_upload(save(tmp_path / "half.png", Image.fromarray(pixels)), digits)
    assert goal.shape == (1, 8, 8) and goal.dtype == np.float32
    np.testing.assert_allclose(goal[0, :, 0], 0, atol=0.01)  # the square in the middle
    np.testing.assert_allclose(goal[0, :, -1], 1, atol=0.01)


def make_bomb():
    """Return a PNG of a few hundred bytes that would decode to 1.2 GB."""

    def chunk(kind, content):
        body = kind + content
        return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    size = (20_000).to_bytes(4, "big")
    header = chunk(b"IHDR", size + size + bytes([8, 2, 0, 0, 0]))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def make_truncated():
    buffer = io.BytesIO()
    Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)).save(buffer, "PNG")
    return buffer.getvalue()[:70]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bomb.png", make_bomb(), "too large|decodes to"),
        ("text.png", b"hello", "not a readable image"),
        ("page.svg", b"<svg onload='alert(1)'/>", "not a readable image"),
        ("run.eps", b"%!PS-Adobe-3.0\n", "not a readable image"),
        ("empty.png", b"", "not a readable image"),
        ("cut.png", make_truncated(), "corrupt or truncated"),
        ("model.pkl", b"\x80\x04\x95", "not a readable image"),
        ("x" * 120 + ".png", b"hello", "not a readable image"),
        ("a\n<b>.png", b"hello", "not a readable image"),
    ],
)
def test_hostile_files_get_one_sentence_without_our_folders(
    tmp_path, digits, name, content, message
):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_upload(path, digits)
    text = str(caught.value)
    assert str(tmp_path) not in text and "\n" not in text and len(text) < 250
    assert "max_bytes" not in text  # nobody at a browser can pass it


def test_large_files_and_folders_are_refused(tmp_path, digits):
    path = tmp_path / "large.png"
    path.write_bytes(b"\0" * (MOST_UPLOAD + 1))
    with pytest.raises(ValueError, match=r"large.png: larger than 8 MiB"):
        read_upload(path, digits)
    with pytest.raises(ValueError, match="not a readable image"):
        read_upload(tmp_path, digits)
    with pytest.raises(ValueError, match="not a readable image"):
        read_upload("/dev/zero", digits)


def test_models_of_points_take_no_pictures(tmp_path, toy):
    with pytest.raises(ValueError, match="click in the plane instead"):
        read_upload(tmp_path / "any.png", toy)


def pack(values):
    return {"cells": base64.b64encode(bytes(values)).decode()}


def test_a_painting_is_read_row_by_row(digits):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[1, 2] = 255
    goal = read_painting(pack(pixels.tobytes()), digits)
    assert goal[0, 1, 2] == pytest.approx(1) and goal.sum() == pytest.approx(1)
    mask = read_mask(pack(pixels[..., 0].tobytes()), digits)
    assert mask.sum() == 1 and mask[1, 2]


@pytest.mark.parametrize(
    "event", [{}, {"cells": 3}, {"cells": "@@@@"}, pack([1, 2]), {"cells": "A" * 10_000}]
)
def test_damaged_paintings_are_refused(digits, event):
    with pytest.raises(ValueError, match="load it again"):
        read_painting(event, digits)


@pytest.mark.parametrize("event", [{}, {"x": -1, "y": 0}, {"x": "3", "y": 0}, {"x": 1001, "y": 5}])
def test_damaged_points_are_refused(toy, event):
    with pytest.raises(ValueError, match="load it again"):
        read_point(event, toy)
