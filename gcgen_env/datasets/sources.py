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
        mirrors: Addresses that serve the four `.gz` files, tried in this order, https first.
        checksums: Published checksums by file: `sha256` of the decompressed content, or
            `packed_sha256` of the `.gz` file.
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
    mirrors=(
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",  # where https is blocked
    ),
    # Published by TensorFlow Datasets (url_checksums) and by Flux.jl, which agree.
    checksums={
        TRAIN_IMAGES: {
            "packed_sha256": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        },
        TRAIN_LABELS: {
            "packed_sha256": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        },
        TEST_IMAGES: {
            "packed_sha256": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        },
        TEST_LABELS: {
            "packed_sha256": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        },
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
