"""The downloader against a real server on the loopback interface."""

import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from gcgen_env.datasets import DownloadError, download
from gcgen_env.datasets.download import download_idx
from gcgen_env.datasets.idx import read_idx
from tests.gcgen_env.datasets.idx_writer import idx_bytes

ARRAY = np.arange(200, dtype=np.uint8).reshape(2, 10, 10)
PAYLOAD = idx_bytes(ARRAY)
PACKED = gzip.compress(PAYLOAD)
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()
MD5 = hashlib.md5(PACKED).hexdigest()
FILENAME = "train-images-idx3-ubyte.gz"


class Handler(BaseHTTPRequestHandler):
    """Serves one file: the first folder of the address says in what condition."""

    def do_GET(self) -> None:
        condition = self.path.split("/")[1]
        if condition == "missing":
            self.send_error(404)
            return
        body = {"good": PACKED, "plain": PAYLOAD, "other": gzip.compress(PAYLOAD[::-1])}.get(
            condition, PACKED[:-20]
        )
        self.send_response(200)
        # "cut" promises more than it sends; "short" hides that it lacks the end.
        self.send_header("Content-Length", str(len(PACKED if condition == "cut" else body)))
        self.end_headers()
        if condition == "stall":
            self.server.released.wait(5)  # type: ignore[attr-defined]
        self.wfile.write(body)

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


@pytest.mark.parametrize("checksum", [{"sha256": SHA256}, {"md5": MD5}])
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


def test_wrong_md5(server: str, cache: Path) -> None:
    with pytest.raises(DownloadError, match=f"expected MD5 {MD5}, got"):
        download_idx("mnist", FILENAME, cache, [f"{server}/other"], md5=MD5)


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


def test_a_checksum_is_required(cache: Path) -> None:
    with pytest.raises(ValueError, match="expected a checksum, sha256= or md5="):
        download_idx("mnist", FILENAME, cache, [])
