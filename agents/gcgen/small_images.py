"""What suits small images: few nats can be gained, so early choices must count more.

Their grey levels are no mere blur of black and white, so they are trained on binary goals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

FEW = 256
"""Images of at most this many values are small."""
SMALL_RAMP = (0.8, 1.0)
"""Temperatures of the look-ahead for small images."""


def is_small(shape: Sequence[int]) -> bool:
    """Return whether a shape S is that of small images; points of a plane are no images."""
    return len(shape) == 3 and math.prod(shape) <= FEW
