"""Arrays of images: accepted dtypes and layouts, resizing."""

import dataclasses

import numpy as np

from gcgen_env.datasets.dataset import Dataset

CHANNELS = (1, 3)  # grey, RGB


def to_images(array: np.ndarray, where: str) -> np.ndarray:
    """Convert an array of images to the library's layout and to uint8 or float32.

    The accepted layouts are (N, height, width), (N, height, width, C) and (N, C, height, width),
    with C in {1, 3}. A 4-D array whose second and last axes both have length 1 or 3 is ambiguous
    and raises an error.

    Args:
        array: Images: integers in 0..255, floats in [0, 1], or bool, where False is black and
            True is white.
        where: Where the array comes from, for error messages.

    Returns:
        A copy, shape (N, C, height, width), uint8 or float32.

    Raises:
        TypeError: If the dtype is not an integer, a float or bool.
        ValueError: If the layout is unknown or ambiguous, the array is empty, or a value is out
            of range.
    """
    if array.size == 0:
        raise ValueError(f"{where}: expected at least one image, got shape {array.shape}")
    return np.ascontiguousarray(_channels_first(_to_storage(array, where), where))


def wrap_images(name: str, images: np.ndarray, labels: np.ndarray | None = None) -> Dataset:
    """Make a `Dataset` of images, shape (N, C, height, width), with values in [0, 1]."""
    scale = 1 / 255 if images.dtype == np.uint8 else 1.0
    return Dataset(name, images, scale, 0.0, 1.0, labels)


def resize_images(images: np.ndarray, image_size: int) -> np.ndarray:
    """Resize images to a square by bilinear interpolation; rectangles are squeezed, not cropped.

    Args:
        images: Images, shape (N, C, height, width), uint8 or float32.
        image_size: Side of the square, in pixels.

    Returns:
        Images, shape (N, C, image_size, image_size), same dtype.
    """
    from PIL import Image

    if images.shape[2:] == (image_size, image_size):
        return images
    size = (image_size, image_size)
    resized = np.empty((*images.shape[:2], *size), images.dtype)
    for item, channel in np.ndindex(images.shape[:2]):
        plane = Image.fromarray(images[item, channel])  # (height, width)
        resized[item, channel] = np.asarray(plane.resize(size, Image.Resampling.BILINEAR))
    return resized


def resize_dataset(dataset: Dataset, image_size: int) -> Dataset:
    """Resize the images of a data set, see `resize_images`.

    Raises:
        ValueError: If the items are points and not images.
    """
    if len(dataset.shape) != 3:
        raise ValueError(
            f"image_size= resizes images, but {dataset.name!r} holds points of shape "
            f"{dataset.shape}; omit image_size"
        )
    resized = resize_images(dataset.array, image_size)
    if resized.dtype == np.float32:
        resized = resized.clip(dataset.low, dataset.high)  # interpolation may overshoot by one ulp
    return dataclasses.replace(dataset, array=resized)


def _to_storage(array: np.ndarray, where: str) -> np.ndarray:
    """Check the range of values and copy to uint8 or float32."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "iuf":
        raise TypeError(
            f"{where}: expected images of integers, floats or bool, got dtype {array.dtype}"
        )
    least, most = array.min(), array.max()
    is_float = array.dtype.kind == "f"
    if least >= 0 and most <= (1 if is_float else 255):  # False also for NaN
        return array.astype(np.float32 if is_float else np.uint8)
    expected = "finite floats in [0, 1]" if is_float else "integers in 0..255"
    hint = "; divide by 255" if is_float and least >= 0 and 2 < most <= 255 else ""
    raise ValueError(f"{where}: expected {expected}, got {array.dtype} in [{least}, {most}]{hint}")


def _channels_first(array: np.ndarray, where: str) -> np.ndarray:
    """Return a view of shape (N, C, height, width)."""
    shape = array.shape
    if len(shape) == 3 and shape[-1] in CHANNELS and shape[1] > max(CHANNELS):
        raise ValueError(
            f"{where}: shape {shape} looks like one channels-last image; add an axis: array[None]"
        )
    if len(shape) == 3:
        return array[:, None]  # (N, 1, height, width)
    is_first, is_last = (len(shape) == 4 and shape[axis] in CHANNELS for axis in (1, -1))
    if is_first and is_last:
        raise ValueError(
            f"{where}: shape {shape} is ambiguous, axis 1 or the last axis could be the channels; "
            f"pass grey images as (N, height, width), or pad images to more than 3 pixels"
        )
    if is_first or is_last:
        return array if is_first else np.moveaxis(array, -1, 1)
    raise ValueError(
        f"{where}: expected (N, height, width), (N, height, width, C) or (N, C, height, width) "
        f"with C in {{1, 3}}, got {shape}" + ("; drop alpha: array[..., :3]" * (shape[-1:] == (4,)))
    )
