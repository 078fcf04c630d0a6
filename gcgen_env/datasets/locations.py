"""Folders on this machine in which the IDX files of a data set are looked for."""

import os
from pathlib import Path

from gcgen_env.datasets.sources import IDX_FILES, IDX_SOURCES

DATA_VARIABLE = "GCGEN_DATA"
"""Environment variable that holds the data root if `data_dir` is not given."""


def cache_root() -> Path:
    """Return the user's cache folder, where downloads go."""
    import pooch

    return Path(pooch.os_cache("gcgen"))


def candidate_folders(name: str, data_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """List the folders in which the files of a data set are looked for, in order.

    First come the sub-folders of the data root that are named after the set, then the root
    itself, which may hold the files of any one set; then the sub-folders of the user's cache.

    Args:
        name: A key of `IDX_SOURCES`.
        data_dir: Data root; None reads `$GCGEN_DATA`.

    Returns:
        Absolute folders, existing or not.
    """
    subfolders = IDX_SOURCES[name].folders
    cache = cache_root()
    folders = [cache / subfolder for subfolder in subfolders]
    given = data_dir if data_dir is not None else os.environ.get(DATA_VARIABLE)
    if given:  # an empty variable counts as unset
        root = Path(given).expanduser()
        folders = [root / subfolder for subfolder in subfolders] + [root, *folders]
    return [folder.absolute() for folder in folders]


def find_idx_file(folder: Path, filename: str) -> Path | None:
    """Return the path of one IDX file in a folder, plain or `.gz`, or None."""
    for path in (folder / filename, folder / f"{filename}.gz"):
        if path.is_file():
            return path
    return None


def find_dataset(name: str, data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """Find the folder that holds all four files of MNIST or Fashion-MNIST; never downloads.

    Args:
        name: Name of a data set.
        data_dir: Data root; None reads `$GCGEN_DATA`.

    Returns:
        The first complete folder, or None if no folder is complete. Also None for unknown names
        and for data sets that have no files ("digits", the Toy2D densities).
    """
    if name not in IDX_SOURCES:
        return None
    for folder in candidate_folders(name, data_dir):
        if all(find_idx_file(folder, filename) for filename in IDX_FILES):
            return folder
    return None
