"""Download one file from the first mirror that serves it intact."""

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gcgen_env.atomic_files import write_bytes
from gcgen_env.datasets.idx import read_payload

TIMEOUT = (10.0, 30.0)
"""Seconds to wait for a connection, and for each chunk of the response."""


class DownloadError(OSError):
    """No mirror served the file intact."""


def download_idx(
    name: str,
    filename: str,
    cache_dir: str | os.PathLike[str],
    mirrors: Sequence[str],
    sha256: str | None = None,
    md5: str | None = None,
) -> Path:
    """Download one file, verify it, and move it to `cache_dir/name/filename`.

    Args:
        name: Folder of the data set in the cache.
        filename: Name of the file on every mirror and in the cache.
        cache_dir: Root of the cache; created if missing.
        mirrors: Base addresses, tried in this order.
        sha256: SHA-256 of the content, after decompression if it is gzip, as 64 hex digits.
        md5: MD5 of the file as served, for sets that publish no SHA-256.

    Returns:
        Path of the file in the cache.

    Raises:
        DownloadError: If every mirror failed; the message gives the reason for each.
        ValueError: If no checksum is given.
    """
    if sha256 is None and md5 is None:
        raise ValueError(f"{filename}: expected a checksum, sha256= or md5=")
    target = Path(cache_dir) / name / filename
    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{filename}"
        try:
            _download_verified(url, target, sha256, md5)
        except (OSError, ValueError) as error:  # errors of requests are OSErrors
            failures.append(f"  {url}: {error}")
        else:
            return target
    reasons = "\n".join(failures) or "  there are no mirrors"
    raise DownloadError(f"no mirror served {filename} of {name}:\n{reasons}")


def _download_verified(url: str, target: Path, sha256: str | None, md5: str | None) -> None:
    """Download to a temporary folder, verify the file, then write it to its place."""
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, target.name)
        _fetch(url, temporary)
        _check_hash(temporary, sha256, md5)
        write_bytes(target, temporary.read_bytes())


def _fetch(url: str, path: Path) -> None:
    import pooch  # needed only for a download

    has_bar = sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None
    downloader = pooch.HTTPDownloader(
        progressbar=has_bar,
        chunk_size=1 << 16,
        timeout=TIMEOUT,
        headers={"Accept-Encoding": "identity"},  # else a proxy may decompress the .gz
    )
    downloader(url, str(path), None)


def _check_hash(path: Path, sha256: str | None, md5: str | None) -> None:
    if md5 is not None:
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if found != md5:
            raise ValueError(f"expected MD5 {md5}, got {found}")
    if sha256 is not None:
        try:
            payload = read_payload(path)
        except ValueError as error:
            raise ValueError("corrupt or truncated gzip file") from error
        found = hashlib.sha256(payload).hexdigest()
        if found != sha256:
            raise ValueError(f"expected payload SHA-256 {sha256}, got {found}")
