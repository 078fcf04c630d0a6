"""Proposals without learning: signed cosine atoms, coarse to fine, equally probable."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.memory import check_memory
from gcgen_env.model.uniform import UniformProposer


class DictionaryProposer(UniformProposer):
    """Proposes the same A atoms for every canvas, scaled down at each step.

    Atoms come in pairs of opposite sign: the A/2 lowest frequencies of the discrete cosine
    transform over all axes of the image. If there are fewer frequencies than pairs, they are
    repeated at half the amplitude.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        num_proposals: int,
        horizon: int,
        amplitude: float = 0.5,
        decay: float = 0.85,
    ) -> None:
        """Build the atoms.

        Args:
            shape: Shape of one image.
            num_proposals: A.
            horizon: H.
            amplitude: Largest absolute value of an atom at the first step, in canvas units.
            decay: Factor of the amplitude from one step to the next.

        Raises:
            MemoryError: If the atoms would not fit in memory.
        """
        size = 8 * num_proposals * math.prod(shape)  # bytes, in float64 before they are rounded
        check_memory(size, f"{num_proposals:,} atoms of shape {shape} would", "use fewer proposals")
        self.shape = shape
        self.num_proposals = num_proposals
        self.horizon = horizon
        self.settings = {"num_proposals": num_proposals, "amplitude": amplitude, "decay": decay}
        atoms = amplitude * _cosine_atoms(shape, num_proposals)
        self.atoms = torch.from_numpy(atoms)  # (A, *S)
        self.scales = decay ** torch.arange(horizon)  # (H,)

    def propose_changes(self, canvas: Tensor, step: Tensor) -> Tensor:
        """Return every atom at the step's scale, shape (B, A, *S)."""
        scales = self.scales.to(canvas.device)[step]  # (B,)
        atoms = self.atoms.to(canvas.device)
        return scales.view(-1, *(1,) * atoms.ndim) * atoms

    def propose_rows(self, canvas: Tensor, step: Tensor, action: Tensor) -> Tensor:
        """Return the chosen atoms at the step's scale, shape (B, *S)."""
        rows = self.atoms.to(canvas.device)[action]  # (B, *S)
        return self.scales.to(canvas.device)[step].view(-1, *(1,) * (rows.ndim - 1)) * rows


def _cosine_atoms(shape: tuple[int, ...], num: int) -> NDArray[np.float32]:
    """Return `num` signed atoms (num, *shape) with largest absolute value at most 1."""
    grids = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    frequencies = np.stack(grids, axis=-1).reshape(-1, len(shape))  # (D, axes of the image)
    order = np.argsort((frequencies**2).sum(axis=1), kind="stable")  # (D,), lowest first
    atoms = []
    for pair in range((num + 1) // 2):
        octave, index = divmod(pair, len(order))  # octave > 0 once all frequencies are used
        atom = np.ones(())  # gains one axis of the image at a time
        for n, k in zip(shape, frequencies[order[index]], strict=True):
            axis = np.cos(math.pi * k * (np.arange(n) + 0.5) / n)  # (n,), basis of the DCT-II
            atom = np.multiply.outer(atom, axis / np.abs(axis).max())
        atoms += [0.5**octave * atom, -(0.5**octave) * atom]
    return np.stack(atoms[:num]).astype(np.float32)  # if num is odd, the last pair is cut
