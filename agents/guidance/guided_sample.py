"""The result of guided generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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

    def __repr__(self) -> str:
        """Show the figures, not the images."""
        mean = f"{self.scores.mean():.4g}" if len(self) else "none"
        return (
            f"GuidedSample({len(self)} images, mean score {mean}, {self.calls} scored images, "
            f"guidance={self.guidance})"
        )
