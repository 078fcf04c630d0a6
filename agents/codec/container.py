"""The file of codes: what it says about itself, and the checks of everything that it says."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from gcgen_env.viewer.card import draw_card

MAGIC = b"GCGZ"
VERSION = 1
CHOICES, BITS, BYTES = 0, 1, 2
"""What a file holds: the choices alone, or also what is missing to the exact bits or bytes."""
BLOCK = 1024
"""Number of images that are coded together: memory does not grow beyond it."""
_FIXED = struct.Struct("<4sBBHI16sII")  # little-endian, no padding
_CHECKSUM = 4  # bytes of the checksum of a block
_DIGEST = 8  # bytes of the SHA-256 of everything before them
_HASH = 16  # bytes of the S-agent's hash


@dataclass(frozen=True, repr=False)
class CodeFile:
    """The content of a file of codes.

    Attributes:
        kind: `CHOICES`, `BITS` or `BYTES`.
        num: N, the number of images.
        steps: h, the number of choices of each image.
        model: Hash of the S-agent, 32 hexadecimal digits.
        checksums: CRC-32 of the codes of each block, and then of the exact images of each block
            if they are stored. By them a decoder knows at once that it has not read what was
            written, and their number bounds that of the images.
        choices: The stream of the choices.
        residual: The stream of what is missing to the exact images; empty for `CHOICES`.
    """

    kind: int
    num: int
    steps: int
    model: str
    checksums: tuple[int, ...]
    choices: bytes
    residual: bytes = b""

    def __repr__(self) -> str:
        """Show the sizes, not the streams."""
        sizes = f"{len(self.choices):,} bytes of choices, {len(self.residual):,} of the rest"
        return f"CodeFile({self.num:,} codes of {self.steps} choices, {sizes}, model={self.model})"

    def _repr_html_(self) -> str:
        """Return the sizes, for notebooks."""
        kind = ("choices", "choices and bits", "choices and bytes")[self.kind]
        facts = {"codes": f"{self.num:,} of {self.steps} choices", "kind": kind}
        sizes = {"choices": len(self.choices), "the rest": len(self.residual)}
        bytes_of = {name: f"{size:,} bytes" for name, size in sizes.items()}
        return draw_card("A file of codes", {**facts, **bytes_of, "model": self.model})

    def pack(self) -> bytes:
        """Return the file."""
        fixed = _FIXED.pack(
            MAGIC,
            VERSION,
            self.kind,
            self.steps,
            self.num,
            bytes.fromhex(self.model),
            len(self.choices),
            len(self.residual),
        )
        checksums = b"".join(each.to_bytes(_CHECKSUM, "little") for each in self.checksums)
        content = fixed + checksums + self.choices + self.residual
        return content + _digest(content)

    @classmethod
    def unpack(cls, payload: bytes, name: str = "the file") -> CodeFile:
        """Read a file of codes.

        Args:
            payload: The file.
            name: How messages name it.

        Raises:
            ValueError: If it is something else, of another version, truncated or damaged.
        """
        if payload[: len(MAGIC)] != MAGIC:
            raise ValueError(f"{name} is not a file of codes, which `gcgen compress` writes")
        if len(payload) > len(MAGIC) and payload[len(MAGIC)] != VERSION:
            raise ValueError(
                f"{name} has version {payload[len(MAGIC)]} of the format, and this GCGen reads "
                f"version {VERSION}: install the GCGen that wrote it"
            )
        if len(payload) < _FIXED.size + _DIGEST:
            raise ValueError(f"{name} is truncated: it has {len(payload)} bytes")
        _, _, kind, steps, num, model, *lengths = _FIXED.unpack_from(payload)
        tables = 1 if kind == CHOICES else 2
        first = _FIXED.size + _CHECKSUM * tables * len(split_blocks(num))  # of the choices
        last = first + lengths[0]
        whole = last + lengths[1] + _DIGEST
        if len(payload) < whole:
            raise ValueError(f"{name} is truncated: it has {len(payload)} of {whole} bytes")
        content = payload[:-_DIGEST]
        is_whole = len(payload) == whole and _digest(content) == payload[-_DIGEST:]
        is_valid = kind in (CHOICES, BITS, BYTES) and num and not any(n % 4 for n in lengths)
        if not (is_whole and is_valid):
            raise ValueError(f"{name} is damaged: its checksum is wrong; copy or write it again")
        words = struct.iter_unpack("<I", content[_FIXED.size : first])
        checksums = tuple(word for (word,) in words)
        return cls(kind, num, steps, model.hex(), checksums, content[first:last], content[last:])


def split_blocks(num: int) -> range:
    """Return the first image of every block of N images."""
    return range(0, num, BLOCK)


def shorten_hash(digest: str) -> str:
    """Return the part of an S-agent's hash that a file of codes holds."""
    return digest[: 2 * _HASH]


def _digest(content: bytes) -> bytes:
    """Return the checksum of a file."""
    return hashlib.sha256(content).digest()[:_DIGEST]
