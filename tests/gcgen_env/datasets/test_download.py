"""The downloader against a real server on the loopback interface."""

import gzip
import hashlib
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from gcgen_env.datasets import DownloadError, download
from gcgen_env.datasets.download import download_idx
from gcgen_env.datasets.idx import read_idx
from gcgen_env.datasets.sources import IDX_FILES, IDX_SOURCES
from tests.gcgen_env.datasets.idx_writer import idx_bytes

ARRAY = np.arange(200, dtype=np.uint8).reshape(2, 10, 10)
PAYLOAD = idx_bytes(ARRAY)
PACKED = gzip.compress(PAYLOAD)
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()
PACKED_SHA256 = hashlib.sha256(PACKED).hexdigest()
BOMB = gzip.compress(bytes(100_000_000), 1)
FILENAME = "train-images-idx3-ubyte.gz"


class Handler(BaseHTTPRequestHandler):
    """Serves one file: the first folder of the address says in what condition."""

    def do_GET(self) -> None:
        condition = self.path.split("/")[1]
        if condition == "missing":
            self.send_error(404)
            return
        if condition == "header":  # never ends
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            self.drip(b"X: y\r\n")
            return
        if condition == "large":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 40))
            self.end_headers()
            return
        if condition == "endless":  # does not say how much it sends
            self.send_response(200)
            self.end_headers()
            self.drip(bytes(1 << 16), pause=0)
            return
        body = {
            "good": PACKED,
            "plain": PAYLOAD,
            "other": gzip.compress(PAYLOAD[::-1]),
            "bomb": BOMB,
        }.get(condition, PACKED[:-20])
        self.send_response(200)
        if condition == "drip":
            body = bytes(10_000)
        # "cut" promises more than it sends; "short" hides that it lacks the end.
        self.send_header("Content-Length", str(len(PACKED if condition == "cut" else body)))
        self.end_headers()
        if condition == "stall":
            self.server.released.wait(5)  # type: ignore[attr-defined]
        if condition == "drip":
            self.drip(b"x")
            return
        self.wfile.write(body)

    def drip(self, piece: bytes, pause: float = 0.02) -> None:
        """Send a piece again and again, until the test ends or the client leaves."""
        with suppress(OSError):
            while not self.server.released.wait(pause):  # type: ignore[attr-defined]
                self.wfile.write(piece)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.released = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.released.set()  # type: ignore[attr-defined]
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def closed() -> str:
    """Return the address of a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize("checksum", [{"sha256": SHA256}, {"packed_sha256": PACKED_SHA256}])
def test_good(server: str, cache: Path, checksum: dict[str, str]) -> None:
    path = download_idx("mnist", FILENAME, cache, [f"{server}/good/"], **checksum)
    assert path == cache / "mnist" / FILENAME
    assert [found.name for found in path.parent.iterdir()] == [FILENAME]
    np.testing.assert_array_equal(read_idx(path), ARRAY)


def test_the_payloads_hash_does_not_depend_on_compression(server: str, cache: Path) -> None:
    path = download_idx("mnist", FILENAME, cache, [f"{server}/plain"], sha256=SHA256)
    np.testing.assert_array_equal(read_idx(path), ARRAY)


def test_the_next_mirror_is_tried(server: str, closed: str, cache: Path) -> None:
    mirrors = [closed, *(f"{server}/{kind}" for kind in ("missing", "cut", "other", "good"))]
    path = download_idx("mnist", FILENAME, cache, mirrors, sha256=SHA256)
    np.testing.assert_array_equal(read_idx(path), ARRAY)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("missing", "404"),
        ("cut", "IncompleteRead|bytes read"),
        ("short", "corrupt or truncated gzip"),
        ("other", f"expected payload SHA-256 {SHA256}, got"),
    ],
)
def test_failures_leave_the_cache_untouched(
    server: str, cache: Path, condition: str, message: str
) -> None:
    kept = cache / "mnist" / FILENAME
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"what was there before")
    with pytest.raises(DownloadError, match=message):
        download_idx("mnist", FILENAME, cache, [f"{server}/{condition}"], sha256=SHA256)
    assert [path.name for path in kept.parent.iterdir()] == [FILENAME]
    assert kept.read_bytes() == b"what was there before"


def test_a_wrong_file_as_served(server: str, cache: Path) -> None:
    with pytest.raises(DownloadError, match=f"expected SHA-256 {PACKED_SHA256}, got"):
        download_idx("mnist", FILENAME, cache, [f"{server}/other"], packed_sha256=PACKED_SHA256)


def test_one_error_tells_of_every_mirror(server: str, closed: str, cache: Path) -> None:
    mirrors = [closed, f"{server}/missing", f"{server}/other"]
    with pytest.raises(DownloadError, match=f"no mirror served {FILENAME} of mnist") as caught:
        download_idx("mnist", FILENAME, cache, mirrors, sha256=SHA256)
    assert all(f"{mirror}/{FILENAME}: " in str(caught.value) for mirror in mirrors)
    assert list(cache.rglob("*")) == []


def test_a_silent_server_is_given_up(
    server: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", (0.2, 0.2))
    with pytest.raises(DownloadError, match="timed out"):
        download_idx("mnist", FILENAME, cache, [f"{server}/stall"], sha256=SHA256)


@pytest.mark.parametrize("condition", ["drip", "header", "stall"])
def test_a_slow_server_is_given_up_at_the_deadline(
    server: str, cache: Path, monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    """Each piece arrives in time, but the whole would take hours."""
    monkeypatch.setattr(download, "DEADLINE", 0.3)
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"incomplete after 0\.3 seconds"):
        download_idx("mnist", FILENAME, cache, [f"{server}/{condition}"], sha256=SHA256)
    assert time.monotonic() - start < 2
    assert list(cache.rglob("*")) == []


@pytest.mark.parametrize("condition", ["large", "endless", "good"])
def test_a_large_file_is_not_downloaded(
    server: str, cache: Path, monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    monkeypatch.setattr(download, "LARGEST", len(PACKED) - 1)
    with pytest.raises(DownloadError, match=f"larger than {len(PACKED) - 1} bytes"):
        download_idx("mnist", FILENAME, cache, [f"{server}/{condition}"], sha256=SHA256)


def test_a_bomb_is_decompressed_no_further_than_the_limit(
    server: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST", 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(DownloadError, match="payload is larger than 1,000,000 bytes"):
            download_idx("mnist", FILENAME, cache, [f"{server}/bomb"], sha256=SHA256)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_every_set_has_a_sha256_and_tries_https_first() -> None:
    for source in IDX_SOURCES.values():
        schemes = [mirror.partition("://")[0] for mirror in source.mirrors]
        assert schemes == sorted(schemes, reverse=True) and schemes[0] == "https"
        for filename in IDX_FILES:
            (digest,) = source.checksums[filename].values()
            assert len(digest) == 64


def test_a_checksum_is_required(cache: Path) -> None:
    with pytest.raises(ValueError, match="expected a checksum, sha256= or packed_sha256="):
        download_idx("mnist", FILENAME, cache, [])
