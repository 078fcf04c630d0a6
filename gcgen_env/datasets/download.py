"""Download one file from the first mirror that serves it intact."""

import hashlib
import importlib.util
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gcgen_env.atomic_files import write_bytes
from gcgen_env.datasets.idx import open_payload, read_chunks

TIMEOUT = (10.0, 30.0)
"""Seconds to wait for a connection, and for each piece of the response."""
DEADLINE = 600.0
"""Seconds for the whole of one file from one mirror: a slow server sends a byte now and then."""
LARGEST = 64 << 20
"""Most bytes of one file, as served and decompressed; the largest has 47 MB."""
_LATE = "incomplete after {:g} seconds"


class DownloadError(OSError):
    """No mirror served the file intact."""


def download_idx(
    name: str,
    filename: str,
    cache_dir: str | os.PathLike[str],
    mirrors: Sequence[str],
    sha256: str | None = None,
    packed_sha256: str | None = None,
) -> Path:
    """Download one file, verify it, and move it to `cache_dir/name/filename`.

    A mirror is given up if the file is larger than `LARGEST` or takes longer than `DEADLINE`.

    Args:
        name: Folder of the data set in the cache.
        filename: Name of the file on every mirror and in the cache.
        cache_dir: Root of the cache; created if missing.
        mirrors: Base addresses, tried in this order.
        sha256: SHA-256 of the content, after decompression if it is gzip, as 64 hex digits.
        packed_sha256: SHA-256 of the file as served.

    Returns:
        Path of the file in the cache.

    Raises:
        DownloadError: If every mirror failed; the message gives the reason for each.
        ValueError: If no checksum is given.
    """
    if sha256 is None and packed_sha256 is None:
        raise ValueError(f"{filename}: expected a checksum, sha256= or packed_sha256=")
    target = Path(cache_dir) / name / filename
    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{filename}"
        try:
            _download_verified(url, target, sha256, packed_sha256)
        except (OSError, ValueError) as error:  # errors of requests are OSErrors
            failures.append(f"  {url}: {error}")
        else:
            return target
    reasons = "\n".join(failures) or "  there are no mirrors"
    raise DownloadError(f"no mirror served {filename} of {name}:\n{reasons}")


def _download_verified(
    url: str, target: Path, sha256: str | None, packed_sha256: str | None
) -> None:
    """Download to a temporary folder, verify the file, then write it to its place."""
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, target.name)
        _fetch(url, temporary)
        _check_hash(temporary, sha256, packed_sha256)
        write_bytes(target, temporary.read_bytes())


def _fetch(url: str, path: Path) -> None:
    """Download a file within `DEADLINE`, in a thread: a wait for the server cannot be stopped.

    Raises:
        OSError: If the download fails or takes too long.
    """
    failures: list[Exception] = []

    def work() -> None:
        try:
            _stream(url, path, time.monotonic() + DEADLINE)
        except Exception as error:  # raised again below, in the thread of the caller
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    if thread.is_alive():  # it ends at the next piece of the response, or with the process
        raise TimeoutError(_LATE.format(DEADLINE))
    if failures:
        raise failures[0]


def _stream(url: str, path: Path, end: float) -> None:
    """Write a response to a file as it arrives, undecoded, until the time `end`."""
    import requests  # needed only for a download
    from urllib3.exceptions import HTTPError

    headers = {"Accept-Encoding": "identity"}  # else a proxy may decompress the .gz
    with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
        response.raise_for_status()
        size = int(response.headers.get("Content-Length") or 0)
        _check_size(size)
        try:
            chunks = response.raw.stream(1 << 16, decode_content=False)
            with path.open("wb") as file:
                for chunk in _show_progress(chunks, size):
                    file.write(chunk)
                    _check_size(file.tell())
                    if time.monotonic() > end:
                        raise TimeoutError(_LATE.format(DEADLINE))
        except HTTPError as error:  # of urllib3, not an OSError
            raise OSError(str(error)) from error


def _check_size(size: int) -> None:
    """Raise an OSError if a file is too large."""
    if size > LARGEST:
        raise OSError(f"the file is larger than {LARGEST:,} bytes")


def _show_progress(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Pass the chunks on, with a bar if a terminal and tqdm are there."""
    if not sys.stderr.isatty() or importlib.util.find_spec("tqdm") is None:
        yield from chunks
        return
    from tqdm import tqdm

    with tqdm(total=size or None, unit="B", unit_scale=True) as bar:
        for chunk in chunks:
            bar.update(len(chunk))
            yield chunk


def _check_hash(path: Path, sha256: str | None, packed_sha256: str | None) -> None:
    if packed_sha256 is not None:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != packed_sha256:
            raise ValueError(f"expected SHA-256 {packed_sha256}, got {found}")
    if sha256 is not None:
        found = _hash_payload(path)
        if found != sha256:
            raise ValueError(f"expected payload SHA-256 {sha256}, got {found}")


def _hash_payload(path: Path) -> str:
    """Return the SHA-256 of the decompressed content, which must not exceed `LARGEST`."""
    digest, size = hashlib.sha256(), 0
    try:
        with open_payload(path) as file:
            for chunk in read_chunks(file, LARGEST + 1):
                digest.update(chunk)
                size += len(chunk)
    except ValueError as error:
        raise ValueError("corrupt or truncated gzip file") from error
    if size > LARGEST:
        raise ValueError(f"the payload is larger than {LARGEST:,} bytes")
    return digest.hexdigest()
