"""Data sets: named ones and the user's own images, one read-only array per split."""

from gcgen_env.datasets.dataset import SPLITS, Dataset
from gcgen_env.datasets.download import DownloadError
from gcgen_env.datasets.load import DATASETS, DataSource, load_dataset
from gcgen_env.datasets.locations import find_dataset
from gcgen_env.datasets.mnist import DatasetNotFoundError
from gcgen_env.datasets.nearest import Nearest, find_nearest

__all__ = [
    "DATASETS",
    "SPLITS",
    "DataSource",
    "Dataset",
    "DatasetNotFoundError",
    "DownloadError",
    "Nearest",
    "find_dataset",
    "find_nearest",
    "load_dataset",
]
