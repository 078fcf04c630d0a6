"""The pixels on which training scores proposals: the fields of a checkerboard, in turn.

Half of the pixels cost half of the work and tell almost as much, because neighbours are alike. Any
q leaves the bound valid; evaluation scores on all pixels.
"""

from __future__ import annotations

from torch import Tensor

from agents.gcgen.config import ScoredPixels
from agents.gcgen.small_images import is_small
from gcgen_env.model.network import ProposalNetwork


def split_pixels(
    network: ProposalNetwork | None, scored: ScoredPixels = "half"
) -> tuple[Tensor, Tensor] | None:
    """Return the indices, among the P values, of the black fields and of the white ones.

    None if all are scored: also for points, and for small images, whose pixels are all needed.
    """
    if network is None or scored == "all":
        return None
    if is_small(network.shape) or len(network.shape) != 3:
        return None
    _, height, width = network.shape
    row, column = network.pixels // width % height, network.pixels % width
    is_black = (row + column) % 2 == 0
    return is_black.nonzero().squeeze(1), (~is_black).nonzero().squeeze(1)
