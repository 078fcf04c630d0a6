"""The data sets stored as four IDX files: folders, mirrors, checksums, first labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
IDX_FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
"""The four files of a set, each plain or with the suffix `.gz`."""


@dataclass(frozen=True)
class IdxSource:
    """Where to find one data set and how to recognise it.

    Attributes:
        title: The name its authors use, for messages.
        folders: Sub-folders of a data root that hold this set only.
        mirrors: Addresses that serve the four `.gz` files, tried in this order.
        checksums: Published checksums by file: `sha256` of the decompressed content or `md5` of
            the `.gz` file.
        first_labels: The first ten labels of both label files, which identify the set.
    """

    title: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    checksums: Mapping[str, Mapping[str, str]]
    first_labels: Mapping[str, tuple[int, ...]]


MNIST = IdxSource(
    title="MNIST",
    folders=("mnist", "MNIST/raw"),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    checksums={
        TRAIN_IMAGES: {
            "sha256": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        },
        TRAIN_LABELS: {
            "sha256": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        },
        TEST_IMAGES: {"sha256": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
        TEST_LABELS: {"sha256": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
    },
    first_labels={
        TRAIN_LABELS: (5, 0, 4, 1, 9, 2, 1, 3, 1, 4),
        TEST_LABELS: (7, 2, 1, 0, 4, 1, 4, 9, 5, 9),
    },
)

FASHION_MNIST = IdxSource(
    title="Fashion-MNIST",
    folders=("fashion_mnist", "fashion-mnist", "FashionMNIST/raw"),
    # Two addresses of one bucket: its web site and its storage interface.
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com",
    ),
    checksums={
        TRAIN_IMAGES: {"md5": "8d4fb7e6c68d591d4c3dfef9ec88bf0d"},
        TRAIN_LABELS: {"md5": "25c81989df183df01b3e8a0aad5dffbe"},
        TEST_IMAGES: {"md5": "bef4ecab320f06d8554ea6380940ec79"},
        TEST_LABELS: {"md5": "bb300cfdad3c16e7a12a480ee83cd310"},
    },
    first_labels={
        TRAIN_LABELS: (9, 0, 0, 3, 0, 2, 7, 2, 5, 5),
        TEST_LABELS: (9, 2, 1, 1, 6, 1, 4, 6, 5, 7),
    },
)

IDX_SOURCES: Mapping[str, IdxSource] = MappingProxyType(
    {"mnist": MNIST, "fashion_mnist": FASHION_MNIST}
)
"""Sources by name of the data set."""
