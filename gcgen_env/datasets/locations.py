"""Where the IDX files of a set may lie on this machine."""

import os
from pathlib import Path

from gcgen_env.datasets.sources import IDX_FILES, IDX_SOURCES

DATA_VARIABLE = "GCGEN_DATA"
"""Environment variable naming the data root where `data_dir` is not given."""


def cache_root() -> Path:
    """Return the user's cache folder, where downloads go."""
    import pooch

    return Path(pooch.os_cache("gcgen"))


def candidate_folders(name: str, data_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """List the folders in which a set's files are looked for, in order.

    First the user's root, `data_dir` or else `$GCGEN_DATA`: its sub-folders of the set's own
    name, then the root itself, whose files count for whichever set is asked for. Then the
    sub-folders of the cache; loose files there belong to no set.

    Args:
        name: A key of `IDX_SOURCES`.
        data_dir: Data root, or None for `$GCGEN_DATA`.

    Returns:
        Absolute folders, existing or not.
    """
    subfolders = IDX_SOURCES[name].folders
    cache = cache_root()
    folders = [cache / subfolder for subfolder in subfolders]
    given = data_dir if data_dir is not None else os.environ.get(DATA_VARIABLE)
    if given:
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
    """Find the folder holding all four files of MNIST or Fashion-MNIST; never downloads.

    Args:
        name: Name of a data set.
        data_dir: Data root, or None for `$GCGEN_DATA`.

    Returns:
        The first complete folder, or None if there is none. Also None for the sets that need no
        files ("digits", the Toy2D densities) and for unknown names.
    """
    if name not in IDX_SOURCES:
        return None
    for folder in candidate_folders(name, data_dir):
        if all(find_idx_file(folder, filename) for filename in IDX_FILES):
            return folder
    return None
