"""Download of one file from the first mirror that delivers it intact."""

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gcgen_env.datasets.idx import read_payload

TIMEOUT = (10.0, 30.0)
"""Seconds to wait for a connection, and for each next piece of the answer."""


class DownloadError(OSError):
    """No mirror delivered the file."""


def download_idx(
    name: str,
    filename: str,
    cache_dir: str | os.PathLike[str],
    mirrors: Sequence[str],
    sha256: str | None = None,
    md5: str | None = None,
) -> Path:
    """Download one file to `cache_dir/name/filename`, verified before it appears there.

    Args:
        name: The set's folder in the cache.
        filename: The file's name on every mirror and in the cache.
        cache_dir: Root of the cache; created if missing.
        mirrors: Base addresses, tried in this order.
        sha256: SHA-256 of the payload, decompressed if it is gzip, as 64 hex digits.
        md5: MD5 of the file as served, for publishers who give nothing better.

    Returns:
        Path of the file in the cache.

    Raises:
        DownloadError: If every mirror failed; the message gives each one's reason.
        ValueError: If neither checksum is given.
    """
    if sha256 is None and md5 is None:
        raise ValueError(f"{filename}: expected a checksum, sha256= or md5=, got neither")
    target = Path(cache_dir) / name / filename
    target.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{filename}"
        try:
            _download_verified(url, target, sha256, md5)
        except (OSError, ValueError) as error:  # every error of requests is an OSError
            failures.append(f"  {url}: {error}")
        else:
            return target
    reasons = "\n".join(failures) or "  no mirror was given"
    raise DownloadError(f"no mirror delivered {filename} of {name}:\n{reasons}")


def _download_verified(url: str, target: Path, sha256: str | None, md5: str | None) -> None:
    """Fetch beside the target, verify, then move: nobody ever sees half a file."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    os.close(handle)
    try:
        _fetch(url, Path(temporary))
        _check_hash(Path(temporary), sha256, md5)
        os.replace(temporary, target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _fetch(url: str, path: Path) -> None:
    import pooch

    has_bar = sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None
    downloader = pooch.HTTPDownloader(
        progressbar=has_bar,
        chunk_size=1 << 16,
        timeout=TIMEOUT,
        headers={"Accept-Encoding": "identity"},  # else a proxy may unpack the .gz on its way
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
