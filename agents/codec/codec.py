"""Compresses images to files of codes, and back: `compress`, `decompress`.

A code costs -log2 p_S(a_0 .. a_{H-1}) bits. The choices of many images go into one stream, step by
step: the first choice of every image of a block, then the second.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.codec.coder import Decoder, Encoder
from agents.codec.container import BITS, CHOICES, CodeFile, shorten_hash, split_blocks
from agents.codec.exact_chain import ExactChain, hash_s_agent
from agents.codec.frequencies import quantise
from agents.codec.residual import find_kind, get_residual, put_residual, to_levels
from agents.gcgen import GCGen
from gcgen_env.config import check_count
from gcgen_env.limits import MAX_BYTES, check_bytes
from gcgen_env.model.codes import check_codes
from gcgen_env.model.s_agent import SAgent
from gcgen_env.viewer.card import draw_card
from gcgen_env.viewer.grids import image_grid

SHOWN = 16
"""Number of decoded images that a notebook shows."""


class Decompressed(NamedTuple):
    """What a file of codes holds."""

    codes: NDArray[np.int64]
    """The choices, shape (N, h)."""
    images: NDArray[Any]
    """Shape (N, *S): means of the likelihood, float32; or the exact images, bool or uint8."""

    def __repr__(self) -> str:
        """Show the sizes, not the numbers."""
        num, steps = self.codes.shape
        images = f"images={self.images.shape} {self.images.dtype}"
        return f"Decompressed({num:,} codes of {steps} choices, {images})"

    def _repr_html_(self) -> str:
        """Return the sizes and the first images, for notebooks."""
        num, steps = self.codes.shape
        facts = {"codes": f"{num:,} of {steps} choices", "images": f"{self.images.dtype}"}
        first = self.images[:SHOWN] / (255 if self.images.dtype == np.uint8 else 1)  # in [0, 1]
        return draw_card("Images of codes", facts, image_grid(first.astype(np.float32)))


def compress(
    model: GCGen,
    images: Any,
    lossless: bool = False,
    search: str = "none",
    width: int = 8,
) -> bytes:
    """Encode images and pack their codes into one file.

    Args:
        model: Both agents.
        images: Shape (N, *S), within the bounds of the data.
        lossless: Also store what is missing to the exact images. They must be binary if the
            likelihood is Bernoulli, and bytes divided by 255 if it is Gaussian.
        search: As in `GCGen.encode`.
        width: Width of the search.

    Returns:
        The file, which `decompress` reads; it needs the S-agent alone.

    Raises:
        ValueError: If the images do not fit, or the library constriction is missing.
    """
    goals = np.asarray(images)
    if lossless and goals.shape[1:] == model.s_agent.chain.shape and goals.size:
        find_kind(model.s_agent.likelihood, torch.from_numpy(goals))  # before the long search
    codes = model.encode(images, search, width)
    return pack_codes(model.s_agent, codes, images if lossless else None)


def pack_codes(s_agent: SAgent, codes: Any, images: Any = None) -> bytes:
    """Pack codes, or prefixes of codes, into one file.

    The file has no class: codes that a conditional S-agent drew for one are other images without.

    Args:
        s_agent: The S-agent that the codes are of.
        codes: Shape (N, h), integers in [0, A), N >= 1.
        images: Images (N, *S) to store exactly, around the images of the codes. Without them, the
            codes alone are stored.

    Returns:
        The file.

    Raises:
        ValueError: If codes or images do not fit.
    """
    table = check_codes(codes, s_agent.chain)  # (N, h)
    check_count("the number of codes", len(table), 1, "it counts images")
    goals = None if images is None else torch.as_tensor(images, dtype=torch.float32)
    if goals is not None and goals.shape != (len(table), *s_agent.chain.shape):
        wanted = (len(table), *s_agent.chain.shape)
        raise ValueError(f"images must have shape {wanted}, got {tuple(goals.shape)}")
    kind = CHOICES if goals is None else find_kind(s_agent.likelihood, goals)
    chain, choices, residual = ExactChain(s_agent), Encoder(), Encoder()
    of_codes, of_images = [], []  # checksums
    for rows in _split(len(table)):
        of_codes.append(_checksum(table[rows]))
        canvas = _put_choices(chain, choices, table[rows])
        if goals is not None:
            levels = to_levels(kind, goals[rows].numpy())
            of_images.append(_checksum(levels))
            put_residual(residual, kind, chain.chain.likelihood.mean(canvas).numpy(), levels)
    return CodeFile(
        kind,
        len(table),
        table.shape[1],
        shorten_hash(hash_s_agent(s_agent)),
        (*of_codes, *of_images),
        choices.finish(),
        residual.finish(),
    ).pack()


def decompress(
    model: GCGen | SAgent,
    payload: bytes,
    steps: int | None = None,
    name: str = "the file",
    max_bytes: int = MAX_BYTES,
) -> Decompressed:
    """Read a file of codes.

    Args:
        model: The model that compressed it, or its S-agent.
        payload: The file.
        steps: h, the number of choices to decode, for coarser images; None decodes everything,
            and gives the exact images if they are stored.
        name: How messages name the file.
        max_bytes: Most bytes that the images may take.

    Raises:
        ValueError: If the file is damaged or too large, or belongs to another model.
    """
    s_agent = model.s_agent if isinstance(model, GCGen) else model
    file = CodeFile.unpack(payload, name)
    own = shorten_hash(hash_s_agent(s_agent))
    if file.model != own:
        raise ValueError(
            f"{name} belongs to the S-agent {file.model}, and this one is {own}: pass "
            "the model that compressed it"
        )
    if file.steps > s_agent.chain.horizon:
        raise ValueError(f"{name} is damaged: it has {file.steps} steps")
    if steps is not None and not 0 <= steps <= file.steps:
        raise ValueError(f"steps must lie in [0, {file.steps}], got {steps}")
    check_bytes(name, 4 * file.num * s_agent.chain.dynamics.initial.numel(), max_bytes)
    codes, levels = _read(ExactChain(s_agent), file, name, steps is None)
    if levels is not None:
        return Decompressed(codes, levels.astype(bool) if file.kind == BITS else levels)
    codes = codes[:, :steps]  # None keeps all
    return Decompressed(codes, s_agent.decode(codes))


def _read(
    chain: ExactChain, file: CodeFile, name: str, exact: bool
) -> tuple[NDArray[np.int64], NDArray[np.uint8] | None]:
    """Return the codes (N, h), and the exact images if they are wanted and stored."""
    choices, residual = Decoder(file.choices), Decoder(file.residual)
    tables, images = [], []
    try:
        for block, rows in enumerate(blocks := list(_split(file.num))):
            table, canvas = _get_choices(chain, choices, rows.stop - rows.start, file.steps)
            tables.append(_check(table, file.checksums[block]))
            if exact and file.kind != CHOICES:
                mean = chain.chain.likelihood.mean(canvas).numpy()
                levels = get_residual(residual, file.kind, mean)
                images.append(_check(levels, file.checksums[len(blocks) + block]))
    except ValueError as error:  # of the decoder: it has read other probabilities
        raise ValueError(
            f"{name} cannot be decoded: this machine computes other probabilities than the one "
            f"that wrote it ({error}), or the file was changed; decompress it there, or copy it "
            "again"
        ) from error
    return np.concatenate(tables), np.concatenate(images) if images else None


def _put_choices(chain: ExactChain, encoder: Encoder, table: NDArray[np.int64]) -> Tensor:
    """Append codes (B, h) to a stream; return the canvases x_h."""

    def put(h: int, log_prior: NDArray[np.float64]) -> NDArray[np.int64]:
        action = table[:, h].copy()
        encoder.put_choices(action, quantise(log_prior))
        return action

    return chain.walk(len(table), table.shape[1], put)


def _get_choices(
    chain: ExactChain, decoder: Decoder, num: int, steps: int
) -> tuple[NDArray[np.int64], Tensor]:
    """Read codes from a stream; return them, shape (num, steps), and the canvases x_h."""
    columns: list[NDArray[np.int64]] = []

    def get(h: int, log_prior: NDArray[np.float64]) -> NDArray[np.int64]:
        columns.append(decoder.get_choices(quantise(log_prior)))
        return columns[-1]

    canvas = chain.walk(num, steps, get)
    return np.stack(columns, 1) if columns else np.empty((num, 0), np.int64), canvas


def _split(num: int) -> Iterator[slice]:
    """Yield the blocks of N images."""
    for first in (blocks := split_blocks(num)):
        yield slice(first, min(first + blocks.step, num))


def _checksum(numbers: NDArray[Any]) -> int:
    """Return the CRC-32 of codes, or of the levels of images."""
    return zlib.crc32(numbers.astype("<u4").tobytes())


def _check(numbers: NDArray[Any], checksum: int) -> NDArray[Any]:
    """Return what was read, or raise a ValueError if its checksum is another one."""
    if _checksum(numbers) != checksum:
        raise ValueError("the checksum of a block is wrong")
    return numbers
