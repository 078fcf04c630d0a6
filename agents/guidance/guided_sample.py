"""The result of guided generation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcgen_env.config import check_count
from gcgen_env.viewer.card import draw_card
from gcgen_env.viewer.grids import image_grid


def rank_typical(images: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the indices of images (N, *S), the one first that is nearest to all on average."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    risk = np.square(flat - flat.mean(0)).sum(1)  # the mean over all, but for a constant
    return risk.argsort(kind="stable")  # a tie goes to the earlier one


@dataclass(frozen=True, eq=False, repr=False)
class GuidedSample:
    """Images, how they were chosen, and what their choice has cost.

    `np.asarray(sample)` gives the images.
    """

    images: NDArray[np.float32]
    """Shape (num, *S)."""
    codes: NDArray[np.int64]
    """The choices, shape (num, H): `decode` gives the images again, or their trajectories."""
    scores: NDArray[np.float64]
    """Scores of the images, shape (num,), before the scale."""
    calls: int
    """Number of images that the guidance has scored, for all `num` images together."""
    guidance: str
    """What has guided: `repr` of the function."""
    label: int | None = None
    """Class that the S-agent was given: `decode(codes, label=label)` gives the images again."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the images."""
        return np.array(self.images, dtype=dtype, copy=copy)

    def typical(self, num: int) -> GuidedSample:
        """Return the images that are nearest to all of them on average, the nearest one first.

        If the images are draws given what is wanted, the mean squared error of a typical one is
        smaller than that of a draw: it has the least risk among them (Kumar and Byrne, 2004).

        Args:
            num: Number of images to keep.

        Raises:
            ValueError: If there are fewer images.
        """
        check_count("num", num, 1, "it counts images")
        if num > len(self):
            raise ValueError(f"there are {len(self)} images to choose {num} from: draw more")
        kept = rank_typical(self.images)[:num]
        return replace(
            self, images=self.images[kept], codes=self.codes[kept], scores=self.scores[kept]
        )

    def _repr_html_(self) -> str:
        """Return the figures and the images, for notebooks."""
        facts = {
            "scores": ", ".join(f"{score:.4g}" for score in self.scores),
            "scored images": f"{self.calls:,}",
            "guidance": self.guidance,
        }
        low, high = (min(0.0, self.images.min(initial=0)), max(1.0, self.images.max(initial=1)))
        picture = image_grid(self.images, low=low, high=high) if len(self) else None
        return draw_card("Guided images", facts, picture)

    def __repr__(self) -> str:
        """Show the figures, not the images."""
        mean = f"{self.scores.mean():.4g}" if len(self) else "none"
        return (
            f"GuidedSample({len(self)} images, mean score {mean}, {self.calls} scored images, "
            f"guidance={self.guidance})"
        )
