"""An output format of SB3's logger that hands each row to a function: its numbers and images."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from stable_baselines3.common.logger import Figure, Image, KVWriter

Numbers = dict[str, float]
Pictures = dict[str, NDArray[np.uint8]]


class TrackerOutput(KVWriter):
    """Hands each row of the log to a function.

    Videos, texts and hyperparameters are left out; so are values recorded with `exclude=` and the
    name of this output.
    """

    def __init__(self, name: str, send: Callable[[Numbers, Pictures, int], object]) -> None:
        """Create the output.

        Args:
            name: Name of the output, such as "wandb".
            send: Receives the numbers of a row, its images of shape (height, width, 3) or
                (height, width), and the number of timesteps.
        """
        self.name = name
        self.send = send

    def write(
        self,
        key_values: Mapping[str, Any],
        key_excluded: Mapping[str, tuple[str, ...] | None],
        step: int = 0,
    ) -> None:
        """Send a row; SB3's logger calls this."""
        numbers, pictures = {}, {}
        for key, value in key_values.items():
            if self.name in (key_excluded.get(key) or ()):
                continue
            if (number := to_number(value)) is not None:
                numbers[key] = number
            elif isinstance(value, Image | Figure):
                pictures[key] = to_pixels(value)
        self.send(numbers, pictures, step)

    def close(self) -> None:
        """Do nothing: the tracker decides when its run ends."""


def to_number(value: Any) -> float | None:
    """Return a scalar as a float; None if it is no number."""
    if isinstance(value, np.ndarray | torch.Tensor) and len(value.reshape(-1)) == 1:
        value = value.item()
    if isinstance(value, bool | int | float | np.number | np.bool_):
        return float(value)
    return None


def to_pixels(value: Image | Figure) -> NDArray[np.uint8]:
    """Return an image or a figure of SB3's logger as bytes, (height, width, 3) or without colour.

    Raises:
        ValueError: If the image has another layout than HWC, CHW or HW.
    """
    if isinstance(value, Figure):
        buffer = io.BytesIO()
        value.figure.savefig(buffer, format="png")
        return np.asarray(PillowImage.open(buffer).convert("RGB"))
    if value.dataformats not in ("HWC", "CHW", "HW"):
        raise ValueError(f"images must be HWC, CHW or HW for a tracker, not {value.dataformats}")
    pixels = np.asarray(value.image)
    if value.dataformats == "CHW":
        pixels = pixels.transpose(1, 2, 0)
    if pixels.dtype != np.uint8:  # as TensorBoard has it: floats lie in [0, 1]
        pixels = (pixels.clip(0, 1) * 255).astype(np.uint8)
    return pixels[..., 0] if pixels.shape[2:] == (1,) else pixels
