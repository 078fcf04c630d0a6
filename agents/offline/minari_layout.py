"""What readers and writers of Minari data sets share: the package, and the names of folders."""

from __future__ import annotations

import re
from typing import Any

DATA = "data"
"""Name of the folder of the files, in the folder of a data set."""
METADATA = "metadata.json"
"""Name of the file in it that describes the data set."""
_NAME = re.compile(r"(?:[\w-]+/)*[\w-]+-v\d+")


def import_minari() -> Any:
    """Import Minari and its HDF5 storage.

    Raises:
        ValueError: If they are not installed; the message says how to install them.
    """
    try:
        import h5py  # noqa: F401  Minari imports it when it opens a file
        import minari
    except ImportError as error:
        raise ValueError(
            "Minari data sets need two packages: pip install -e '.[offline]'"
        ) from error
    return minari


def check_name(name: str) -> str:
    """Return the name of a data set.

    Raises:
        ValueError: If Minari does not accept it.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            "a data set's name is a path that ends in a version, such as gcgen/digits/beam-v0; "
            f"got {name!r}"
        )
    return name
