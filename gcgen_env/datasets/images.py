"""The user's images as an array: accepted dtypes and layouts, resizing, splits."""

import dataclasses

import numpy as np

from gcgen_env.datasets.dataset import Dataset
from gcgen_env.datasets.splits import split_indices

CHANNELS = (1, 3)


def to_images(array: np.ndarray, where: str) -> np.ndarray:
    """Bring an array of images to the library's layout and to bytes or float32.

    Layouts: (N, height, width), (N, height, width, C) and (N, C, height, width), C in {1, 3}.
    A 4-D array whose second and last axes are both 1 or 3 could be either, and is refused.

    Args:
        array: Images. Integers in 0..255 are bytes, floats lie in [0, 1], False and True are
            black and white.
        where: Where the array comes from, for messages.

    Returns:
        A copy, shape (N, C, height, width), uint8 or float32.

    Raises:
        TypeError: If the dtype is none of these.
        ValueError: If the layout is unknown or ambiguous, the array is empty, or a value is out
            of range.
    """
    if array.size == 0:
        raise ValueError(f"{where}: expected at least one image, got shape {array.shape}")
    return np.ascontiguousarray(_channels_first(_to_storage(array, where), where))


def make_image_dataset(
    name: str, images: np.ndarray, split: str, labels: np.ndarray | None = None
) -> Dataset:
    """Make one split of the user's images, by `split_indices`.

    Args:
        name: Name for messages and reports.
        images: The whole set, shape (N, C, height, width), uint8 or float32.
        split: One of `SPLITS`; with fewer than 20 images every split is the whole set.
        labels: Classes of the whole set, shape (N,), integers, or None.

    Returns:
        The split, values in [0, 1].

    Raises:
        ValueError: If `split` is unknown or there is not one label per image.
    """
    whole = wrap_images(name, images, labels)
    index = split_indices(len(images), split)
    return wrap_images(name, images[index], None if whole.labels is None else whole.labels[index])


def wrap_images(name: str, images: np.ndarray, labels: np.ndarray | None = None) -> Dataset:
    """Make a `Dataset` of images (N, C, height, width) with values in [0, 1], not split."""
    scale = 1 / 255 if images.dtype == np.uint8 else 1.0
    return Dataset(name, images, scale, 0.0, 1.0, labels)


def check_image_size(image_size: int | None) -> None:
    """Check the side of a square.

    Raises:
        ValueError: If `image_size` is neither None nor a positive integer.
    """
    is_integer = isinstance(image_size, int | np.integer) and not isinstance(image_size, bool)
    if image_size is not None and not (is_integer and image_size >= 1):
        raise ValueError(f"image_size must be a positive integer or None, got {image_size!r}")


def resize_images(images: np.ndarray, image_size: int) -> np.ndarray:
    """Resize images to a square; a rectangle is squeezed, not cropped.

    Args:
        images: Images, shape (N, C, height, width), uint8 or float32.
        image_size: Side of the square, in pixels.

    Returns:
        Images, shape (N, C, image_size, image_size), same dtype: bilinear, antialiased.
    """
    from PIL import Image

    if images.shape[2:] == (image_size, image_size):
        return images
    size = (image_size, image_size)
    resized = np.empty((*images.shape[:2], *size), images.dtype)
    for item, channel in np.ndindex(images.shape[:2]):
        plane = Image.fromarray(images[item, channel])
        resized[item, channel] = np.asarray(plane.resize(size, Image.Resampling.BILINEAR))
    return resized


def resize_dataset(dataset: Dataset, image_size: int) -> Dataset:
    """Resize a data set's images, see `resize_images`.

    Raises:
        ValueError: If the items are points and not images.
    """
    if len(dataset.shape) != 3:
        raise ValueError(
            f"image_size= is for images, but {dataset.name!r} holds points of shape "
            f"{dataset.shape}; leave it out"
        )
    resized = resize_images(dataset.array, image_size)
    if resized.dtype == np.float32:
        resized = resized.clip(dataset.low, dataset.high)  # interpolation may overshoot by one ulp
    return dataclasses.replace(dataset, array=resized)


def _to_storage(array: np.ndarray, where: str) -> np.ndarray:
    """Copy to uint8 or float32, having checked the range."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "iuf":
        raise TypeError(
            f"{where}: expected images of bytes, floats in [0, 1] or bool, got dtype {array.dtype}"
        )
    least, most = array.min(), array.max()
    is_float = array.dtype.kind == "f"
    if least >= 0 and most <= (1 if is_float else 255):  # false for NaN too
        return array.astype(np.float32 if is_float else np.uint8)
    expected = "finite floats in [0, 1]" if is_float else "integers in 0..255"
    hint = "; divide by 255" if is_float and least >= 0 and most <= 255 else ""
    raise ValueError(f"{where}: expected {expected}, got {array.dtype} in [{least}, {most}]{hint}")


def _channels_first(array: np.ndarray, where: str) -> np.ndarray:
    """View as (N, C, height, width)."""
    shape = array.shape
    if len(shape) == 3 and shape[-1] in CHANNELS and shape[1] > max(CHANNELS):
        raise ValueError(
            f"{where}: shape {shape} looks like one channel-last image; add an axis: array[None]"
        )
    if len(shape) == 3:
        return array[:, None]
    is_first, is_last = (len(shape) == 4 and shape[axis] in CHANNELS for axis in (1, -1))
    if is_first and is_last:
        raise ValueError(
            f"{where}: shape {shape} is ambiguous, both axis 1 and the last could be channels; "
            f"pass grey images as (N, height, width) or pad them to more than 3 pixels"
        )
    if is_first or is_last:
        return array if is_first else np.moveaxis(array, -1, 1)
    raise ValueError(
        f"{where}: expected (N, height, width), (N, height, width, C) or (N, C, height, width) "
        f"with C in {{1, 3}}, got {shape}" + ("; drop alpha: array[..., :3]" * (shape[-1:] == (4,)))
    )
