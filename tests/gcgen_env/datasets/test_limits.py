"""Small files that claim or decode to much: refused before the memory is taken, in one sentence."""

import os
import struct
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy
from PIL import Image

from gcgen_env import GCGenEnv
from gcgen_env.datasets import load_dataset

BYTES = np.random.default_rng(0).integers(0, 256, (25, 6, 7), dtype=np.uint8)


def make_png(width: int, height: int, data: bytes = b"", colour: int = 2) -> bytes:
    """Return a PNG file; `colour` is 0 for grey, 2 for RGB."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(data, 1)), (b"IEND", b"")
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def make_npy(shape: object, descr: str = "|u1", data: bytes = bytes(64)) -> bytes:
    """Return a `.npy` file whose header says what it is told to."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return npy.magic(1, 0) + struct.pack("<H", len(text)) + text + data


@contextmanager
def limited(most: int = 30_000_000) -> Iterator[None]:
    """Check that Python and NumPy take little memory at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


HUGE = 10**18
LYING_HEADERS = [
    ("(True, 8, 8)", "|u1", r"the shape \(True, 8, 8\)"),
    ("(-1, 8, 8)", "|u1", r"the shape \(-1, 8, 8\)"),
    ("(1.0, 8, 8)", "|u1", "shape is not valid"),
    (f"({HUGE}, 8, 8)", "|u1", "needs more than the 64 bytes that are there"),
    ("(2, 8, 8)", "|u1", "needs more than the 64 bytes that are there"),
    ("(1, 8, 8)", "<f8", "dtype float64 needs more than the 64 bytes"),
    ("(0, 8, 8)", "|u1", r"at least one image, got shape \(0, 8, 8\)"),
    (f"(0, {HUGE}, {HUGE})", "|u1", "corrupt or truncated"),
    ("(1,)" + " " * 20_000, "|u1", "corrupt or truncated"),
    ("(" * 5000, "|u1", "corrupt or truncated"),
    ("(1, 8, 8)", "|O", "holds Python objects, which are never unpickled"),
    ("(1, 8, 8)", "<U0", "expected integers, floats or bool, got dtype <U"),
    ("(1, 8, 8)", "<c8", "expected integers, floats or bool, got dtype complex64"),
    ("(1, 1, 1)", "<M8[s]", "expected integers, floats or bool, got dtype datetime64"),
    ("(1, 8, 8)", "V2147483647", "expected integers, floats or bool"),
    ("(1, 8, 8)", "nonsense", "corrupt or truncated"),
]


@pytest.mark.parametrize("in_archive", [False, True], ids=["npy", "npz"])
@pytest.mark.parametrize(("shape", "descr", "message"), LYING_HEADERS)
def test_headers_that_lie(
    shape: str, descr: str, message: str, in_archive: bool, tmp_path: Path
) -> None:
    path = tmp_path / ("lie.npz" if in_archive else "lie.npy")
    content = make_npy(shape, descr)
    if in_archive:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", content)
    else:
        path.write_bytes(content)
    with limited(), pytest.raises(ValueError, match=f"lie[^:]*: .*({message})") as caught:
        load_dataset(path)
    assert "\n" not in str(caught.value)


def write_zip(path: Path, method: int = zipfile.ZIP_DEFLATED, **members: np.ndarray) -> Path:
    """Write arrays to an archive in any compression method."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, array in members.items():
            with archive.open(f"{name}.npy", "w") as file:
                npy.write_array(file, array)
    return path


def test_an_archive_that_decodes_to_too_much(tmp_path: Path) -> None:
    zeros = np.zeros((1000, 100, 100), np.uint8)
    path = write_zip(tmp_path / "bomb.npz", images=zeros, labels=np.zeros(1000, np.int64))
    assert path.stat().st_size < 20_000
    message = (
        r"bomb\.npz: decodes to 10,008,256 bytes, more than the limit of 10,000,000; if you "
        r"trust it, raise the limit with max_bytes=10008256 \(--max-bytes on the command line\)"
    )
    with limited(1_000_000), pytest.raises(ValueError, match=message):
        load_dataset(path, max_bytes=10_000_000)
    assert load_dataset(path, max_bytes=10_008_256).shape == (1, 100, 100)


def test_a_file_may_always_decode_to_its_own_size(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", BYTES)
    np.savez(tmp_path / "a.npz", images=BYTES)
    for name in ("a.npy", "a.npz"):
        assert load_dataset(tmp_path / name, max_bytes=1).shape == (1, 6, 7)


def test_an_archive_cannot_decode_to_more_than_its_directory_says(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "lie.npz", images=np.zeros((50_000, 50, 40), np.uint8))
    true_size, said = struct.pack("<I", 100_000_128), struct.pack("<I", 2000)
    path.write_bytes(path.read_bytes().replace(true_size, said))
    with limited(), pytest.raises(ValueError, match=r"lie\.npz: not a readable"):
        load_dataset(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(method: int, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.npz", method, images=BYTES)
    message = rf"a\.npz: 'images\.npy' has the compression method {method}, which is not supported"
    with pytest.raises(ValueError, match=message):
        load_dataset(path)


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.npz", images=BYTES)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1  # the flag in the directory
    content[6] |= 1  # and in the member
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz: not a readable .*encrypted"):
        load_dataset(path)


def test_what_is_no_array_is_ignored(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.npz", images=BYTES)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../outside.txt", "never extracted")
    assert load_dataset(path).shape == (1, 6, 7)
    assert [found.name for found in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((13_000, 13_000), "decodes to 507,000,000 bytes, more than the limit of 134,217,728"),
        ((100_000, 100_000), "image too large"),
        ((2**31 - 1, 2**31 - 1), "image too large"),
        ((0, 5), "not a readable image"),
    ],
)
def test_a_picture_that_decodes_to_too_much(
    size: tuple[int, int], message: str, tmp_path: Path
) -> None:
    (tmp_path / "bomb.png").write_bytes(make_png(*size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        for initial in (False, True):
            with pytest.raises(ValueError, match=rf"bomb\.png: .*{message}") as caught:
                if initial:
                    GCGenEnv(dataset="digits", initial_state=str(tmp_path / "bomb.png"))
                else:
                    load_dataset(tmp_path)
            assert "initial_state" in str(caught.value) or not initial


def test_the_limit_of_a_picture_can_be_raised(tmp_path: Path) -> None:
    data = (bytes(1) + bytes(3 * 300)) * 300
    (tmp_path / "a.png").write_bytes(make_png(300, 300, data))
    with pytest.raises(ValueError, match=r"a\.png: .* limit of 262,144; .* max_bytes=4320000"):
        load_dataset(tmp_path, max_bytes=16 * 262_144)
    for image_size in (None, 4):
        assert load_dataset(tmp_path, image_size=image_size, max_bytes=4_320_000).shape[0] == 3


def test_many_pictures_are_counted_together_before_one_is_decoded(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.png").write_bytes(make_png(5000, 5000, colour=0))
    message = r": decodes to 500,000,000 bytes, more than the limit of 400,000,000"
    with pytest.raises(ValueError, match=tmp_path.name + message):
        load_dataset(tmp_path, max_bytes=400_000_000)
    (tmp_path / "20.png").write_bytes(make_png(1, 1))  # one in colour makes all RGB
    with pytest.raises(ValueError, match=r"decodes to 1,500,000,003 bytes"):
        load_dataset(tmp_path, max_bytes=400_000_000)
    with pytest.raises(ValueError, match=r"00\.png: not a readable image"):  # few bytes: decoded
        load_dataset(tmp_path, image_size=8, max_bytes=400_000_000)


def test_environments_pass_the_limit_on(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.npz", images=np.zeros((25, 40, 40), np.uint8))
    with pytest.raises(ValueError, match=r"a\.npz: decodes to 40,128 bytes, .* of 40,000"):
        GCGenEnv(dataset=str(tmp_path / "a.npz"), max_bytes=40_000)
    with pytest.raises(ValueError, match="max_bytes must be an integer, got '2 GB'"):
        GCGenEnv(dataset=str(tmp_path / "a.npz"), max_bytes="2 GB")


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"


def test_a_jpeg_of_many_scans(tmp_path: Path) -> None:
    """Each scan decodes the whole picture: 300 of them took half a minute."""
    path = tmp_path / "slow.jpg"
    Image.new("RGB", (64, 64), (9, 9, 9)).save(path, progressive=True)
    assert load_dataset(tmp_path).shape == (3, 64, 64)
    content = path.read_bytes()
    last = content[content.rindex(b"\xff\xda") : -2]
    path.write_bytes(content[:-2] + last * 50 + content[-2:])
    with pytest.raises(ValueError, match=r"slow\.jpg: has more than 50 scans; save it again"):
        load_dataset(tmp_path)


def test_an_archive_of_many_members(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2000):
            archive.writestr(f"{number:04}.npy", make_npy("(1, 8, 8)"))
    with pytest.raises(ValueError, match=r"a\.npz: expected an array 'images', .*, \.\.\.$"):
        load_dataset(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("images.npy", make_npy("(1, 8, 8)"))
    assert load_dataset(path, max_bytes=1000).shape == (1, 8, 8)  # the others are not read


@pytest.mark.parametrize("name", ["a" * 5000 + ".npy", "a\0b.npy", os.fsdecode(b"\xff\xfe.npy")])
def test_impossible_paths(name: str) -> None:
    with pytest.raises(ValueError, match="unknown data set") as caught:
        load_dataset(name)
    assert len(str(caught.value)) < 1000
    for keyword in ("initial_state", "proposer"):
        with pytest.raises(ValueError, match=keyword) as caught:
            GCGenEnv(dataset="digits", **{keyword: name})
        assert len(str(caught.value)) < 1000


def test_formats_that_run_a_program_are_refused(tmp_path: Path) -> None:
    """Pillow would pass PostScript to Ghostscript, whatever the suffix says."""
    (tmp_path / "a.png").write_bytes(POSTSCRIPT)
    with pytest.raises(ValueError, match=r"a\.png: not a readable image"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.png", "a.jpg"])
@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)], ids=["pipe", "device"]
)
def test_pipes_and_devices_are_refused(
    name: str, make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / name)
    is_picture = name.endswith("g")
    with pytest.raises(ValueError, match=f"{name}: .*not a regular file"):
        load_dataset(tmp_path if is_picture else tmp_path / name)


def test_wrong_labels_name_the_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=BYTES, labels=np.zeros(25))
    with pytest.raises(ValueError, match=r"a\.npz: expected integer labels, got float64"):
        load_dataset(tmp_path / "a.npz")
