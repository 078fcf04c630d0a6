"""The result of guided generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gcgen_env.viewer.card import draw_card
from gcgen_env.viewer.grids import image_grid


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

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the images."""
        return np.array(self.images, dtype=dtype, copy=copy)

    def _repr_html_(self) -> str:
        """Return the figures and the images, for notebooks."""
        facts = {
            "scores": ", ".join(f"{score:.4g}" for score in self.scores),
            "scored images": f"{self.calls:,}",
            "guidance": self.guidance,
        }
        return draw_card("Guided images", facts, image_grid(self.images) if len(self) else None)

    def __repr__(self) -> str:
        """Show the figures, not the images."""
        mean = f"{self.scores.mean():.4g}" if len(self) else "none"
        return (
            f"GuidedSample({len(self)} images, mean score {mean}, {self.calls} scored images, "
            f"guidance={self.guidance})"
        )
