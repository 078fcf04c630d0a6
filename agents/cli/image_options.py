"""The options of commands that read images: the user's own, or those of the model's data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agents.gcgen import GCGen


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """A model of both agents, and the images that it is applied to."""

    model: Path
    """The folder of a run, or a model.gcgen."""
    images: Path | None = None
    """A .npy, .npz or folder of images, resized to the model's; by default the data set's."""
    split: Literal["train", "validation", "test"] = "test"
    """Split of the data set."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved since training."""
    device: str = "auto"
    """Torch device."""

    @property
    def inputs(self) -> list[Path]:
        """The files that are read, which no command overwrites."""
        return [self.model, *filter(None, [self.images])]

    def load_model(self) -> GCGen:
        """Load the model; raise as `models.load_model` does."""
        from agents.cli.models import load_model

        return load_model(self.model, self.device)

    def read_images(self, model: GCGen, num: int | None) -> NDArray[np.float32]:
        """Return the first `num` images, or all: shape (N, *S).

        Raises:
            ValueError: If they do not have the shape of the model's images.
        """
        from agents.cli.models import read_images, take_split

        if self.images is None:
            return take_split(model, self.split, num, self.data_dir)
        return read_images(self.images, model.chain.shape, num)
