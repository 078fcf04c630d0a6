"""The IDX reader: round trip, and each way a file can be broken."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gcgen_env.datasets.idx import read_idx
from tests.gcgen_env.datasets.idx_writer import idx_bytes

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@given(
    array=arrays(np.uint8, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)),
    compress=st.booleans(),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, compress: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip"
    payload = idx_bytes(array)
    path.write_bytes(gzip.compress(payload) if compress else payload)
    read = read_idx(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array, strict=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "magic bytes"),
        (b"\0\0\x08", "magic bytes"),
        (b"PK\3\4....", "magic bytes 00 00, got '50 4b'"),
        (b"\0\0\x0d\1\0\0\0\0", r"dtype 0x08 \(uint8\), got 0x0d"),
        (b"\0\0\x08\3\0\0\0\2", "truncated IDX header, 3 dimensions need 16 bytes"),
        (idx_bytes(ARRAY)[:-1], r"truncated IDX file, shape \(2, 3, 4\) needs 24 bytes, got 23"),
        (idx_bytes(ARRAY) + b"x", "needs 24 bytes, got more"),
        (gzip.compress(idx_bytes(ARRAY), mtime=0)[:-9], "corrupt or truncated gzip"),
        (gzip.compress(idx_bytes(ARRAY), mtime=0)[:-8] + b"\xff" * 8, "corrupt or truncated gzip"),
        (b"\x1f\x8b", "corrupt or truncated gzip"),
        (b"\0\0\x08\1\x80\0\0\0", "decodes to 2,147,483,648 bytes, more|needs 2147483648 bytes"),
        (b"\0\0\x08\3" + b"\xff" * 12, "more than the limit of 2,147,483,648; if you trust it"),
        (b"\0\0\x08\x41" + bytes(4 * 65), r"no array has shape \(0, .*maximum supported dim"),
        (b"\0\0\x08\4" + bytes(4) + b"\xff" * 12, r"no array has shape \(0, 4294967295"),
    ],
)
def test_errors_name_the_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"broken-ubyte: .*{message}"):
        read_idx(path)


def test_a_bomb_is_decompressed_no_further_than_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx_bytes(ARRAY) + bytes(100_000_000), 1))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"bomb\.gz: .*needs 24 bytes, got more"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_wrong_shape_is_found_before_the_items_are_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((1000, 100, 1000), np.uint8)), 1))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"expected shape \(60000, 28, 28\), got \(1000, 1"):
            read_idx(path, (60_000, 28, 28))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
