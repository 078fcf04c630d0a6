"""One image file: each kind of pixel arrives as the grey level or colour that it shows."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcgen_env.datasets.image_files import load_image, read_image

WIDTH, HEIGHT = 8, 6
LEVELS = np.arange(48, dtype=np.uint8).reshape(HEIGHT, WIDTH) * 5
"""Grey levels, each different."""
ORANGE, GREEN = (255, 136, 0), (0, 128, 0)


def write_deep_png(
    path: Path, pixels: np.ndarray, colour: int, chunks: tuple[tuple[bytes, bytes], ...] = ()
) -> Path:
    """Write a PNG file of 16 bits, which Pillow itself cannot do in colour.

    Args:
        path: The file.
        pixels: Shape (height, width, channels), 0..65535.
        colour: PNG's kind: 0 grey, 2 RGB, 4 grey and alpha, 6 RGBA.
        chunks: More chunks, by name.
    """
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    data = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = (b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in parts
        )
    )
    return path


@pytest.mark.parametrize(
    ("mode", "suffix", "channels"),
    [
        ("L", ".png", 1),
        ("L", ".bmp", 1),
        ("LA", ".png", 1),
        ("RGB", ".png", 3),
        ("RGB", ".webp", 3),
        ("RGB", ".bmp", 3),
        ("RGBA", ".png", 3),
        ("RGBA", ".webp", 3),
        ("P", ".png", 3),
        ("L", ".gif", 3),  # it has a palette
    ],
)
def test_opaque_pixels_arrive_as_they_are(
    mode: str, suffix: str, channels: int, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(LEVELS).convert(mode).save(path, **options)
    expected = LEVELS[None].repeat(channels, axis=0)
    np.testing.assert_array_equal(read_image(path), expected, strict=True)


def test_two_levels_are_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(LEVELS > 100).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0], (LEVELS > 100) * 255)


def test_colours_of_a_palette(tmp_path: Path) -> None:
    image = Image.new("P", (WIDTH, HEIGHT), 0)
    image.putpalette([*ORANGE, *GREEN])
    image.putpixel((3, 2), 1)
    image.save(tmp_path / "opaque.gif")
    pixels = read_image(tmp_path / "opaque.gif")
    assert tuple(pixels[:, 2, 3]) == GREEN and tuple(pixels[:, 0, 0]) == ORANGE
    for name in ("clear.gif", "clear.png"):
        image.save(tmp_path / name, transparency=1)
        pixels = np.asarray(load_image(tmp_path / name, background=(1, 2, 3)))
        assert tuple(pixels[2, 3]) == (1, 2, 3) and tuple(pixels[0, 0]) == ORANGE
    image.save(tmp_path / "half.png", transparency=bytes([255, 51]))  # a fifth of green
    pixels = read_image(tmp_path / "half.png")
    np.testing.assert_allclose(pixels[:, 2, 3], 0.2 * np.array(GREEN) + 0.8 * 255, atol=1)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), ORANGE])
def test_the_background_shows_through(
    mode: str, background: tuple[int, int, int], tmp_path: Path
) -> None:
    image = Image.new(mode, (2, 1), 0)  # black and clear
    image.putpixel((1, 0), (100, 255) if mode == "LA" else (100, 100, 100, 255))
    image.save(tmp_path / "a.png")
    loaded = load_image(tmp_path / "a.png", background=background)
    assert loaded.mode == ("RGB" if mode == "RGBA" or background == ORANGE else "L")
    pixels = np.asarray(loaded.convert("RGB"))
    assert tuple(pixels[0, 0]) == background and tuple(pixels[0, 1]) == (100, 100, 100)


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (WIDTH, HEIGHT), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    pixels = read_image(tmp_path / "a.jpg")
    assert pixels[0].min() > 230 and pixels[1:].max() < 30


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_become_eight(colour: int, channels: int, tmp_path: Path) -> None:
    deep = (LEVELS[..., None].astype(int) * 257).repeat(channels, axis=2)
    if channels in (2, 4):
        deep[..., -1] = 65535
    pixels = read_image(write_deep_png(tmp_path / "a.png", deep, colour))
    np.testing.assert_array_equal(pixels, LEVELS[None].repeat(len(pixels), axis=0))
    assert len(pixels) == (1 if colour == 0 else 3)


def test_sixteen_bits_with_a_transparent_level(tmp_path: Path) -> None:
    deep = np.array([[[40_000], [40_001]]])
    path = write_deep_png(tmp_path / "a.png", deep, 0, ((b"tRNS", struct.pack(">H", 40_000)),))
    assert read_image(path).tolist() == [[[255, 156]]]
    assert load_image(path, background=ORANGE).getpixel((0, 0)) == ORANGE


UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.T,
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].T,
    8: lambda stored: np.rot90(stored),
}
"""What EXIF's orientations mean."""


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("deep", [False, True])
def test_orientation(orientation: int, deep: bool, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = LEVELS.astype(np.uint16) * 257 if deep else LEVELS
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0], UPRIGHT[orientation](LEVELS))


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_the_first_frame_of_an_animation(suffix: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in (ORANGE, GREEN)]
    options = {"lossless": True} if suffix == ".webp" else {}
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], **options)
    assert tuple(read_image(tmp_path / f"a{suffix}")[:, 0, 0]) == ORANGE


def test_a_wrong_suffix(tmp_path: Path) -> None:
    Image.fromarray(LEVELS).save(tmp_path / "a.jpg", format="PNG")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg")[0], LEVELS)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(LEVELS).save(tmp_path / "a.png")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)  # the administrator may read everything
    with pytest.raises(ValueError, match=r"a\.png: not a readable image, no permission to read it"):
        read_image(tmp_path / "a.png")


class TestHugePictures:
    """A limit of 1.6 MB for all images lets one take 100,000 bytes: 33,333 pixels in colour."""

    LIMIT = 1_600_000

    def test_a_jpeg_is_decoded_no_larger_than_needed(self, tmp_path: Path) -> None:
        Image.new("RGB", (1600, 800), GREEN).save(tmp_path / "a.jpg")
        image = load_image(tmp_path / "a.jpg", self.LIMIT, enough=64)
        assert image.size == (200, 100)
        np.testing.assert_allclose(image.getpixel((100, 50)), GREEN, atol=2)
        with pytest.raises(ValueError, match=r"a\.jpg: decodes to 3,840,000 bytes"):
            load_image(tmp_path / "a.jpg", self.LIMIT)

    @pytest.mark.parametrize("options", [{"format": "PNG"}, {"progressive": True}])
    def test_what_must_be_decoded_whole_is_refused(self, options: dict, tmp_path: Path) -> None:
        Image.new("RGB", (1600, 800), GREEN).save(tmp_path / "a.jpg", **options)
        with pytest.raises(ValueError, match=r"a\.jpg: decodes to 3,840,000 bytes"):
            load_image(tmp_path / "a.jpg", self.LIMIT, enough=64)
