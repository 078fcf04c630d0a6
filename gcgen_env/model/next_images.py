"""Draws the images of next states, given the values that proposals change."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.model.chain import PART_BYTES, Chain, iterate_parts


def draw_next(chain: Chain, values: Tensor, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Draw the images of next states.

    Args:
        chain: Tells which values of an image proposals can change.
        values: These values in each next state, shape (B, A, P).
        image: Images of the states themselves, shape (B, *S).

    Returns:
        Images of the next states, shape (B, A, *S), float32.
    """
    now = torch.from_numpy(image).to(values.device).unsqueeze(1)  # (B, 1, *S)
    drawn = _make_empty((*values.shape[:2], *image.shape[1:]), values.device)  # (B, A, *S)
    for out, m, m_next in iterate_parts(drawn.nbytes, PART_BYTES, drawn, now, values):
        out.copy_(m)  # broadcast over A
        chain.place(m_next, out)
    return drawn.cpu().numpy()


def _make_empty(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Allocate a tensor; on the CPU with NumPy, which uses huge pages where there are any."""
    if device.type == "cpu":
        return torch.from_numpy(np.empty(shape, np.float32))
    return torch.empty(shape, device=device)
