"""Goals to rebuild: named data sets and the user's own images, one read-only array per split."""

from gcgen_env.datasets.dataset import Dataset
from gcgen_env.datasets.download import DownloadError
from gcgen_env.datasets.load import DATASETS, load_dataset
from gcgen_env.datasets.locations import find_dataset
from gcgen_env.datasets.mnist import DatasetNotFoundError
from gcgen_env.datasets.splits import SPLITS

__all__ = [
    "DATASETS",
    "SPLITS",
    "Dataset",
    "DatasetNotFoundError",
    "DownloadError",
    "find_dataset",
    "load_dataset",
]
