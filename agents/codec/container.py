"""The file of codes: what it says about itself, and the checks of everything that it says."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

MAGIC = b"GCGZ"
VERSION = 1
CHOICES, BITS, BYTES = 0, 1, 2
"""What a file holds: the choices alone, or also what is missing to the exact bits or bytes."""
_FIXED = struct.Struct("<4sBBHI16sIII")  # little-endian, no padding
_DIGEST = 8  # bytes of the SHA-256 of everything before them
_HASH = 16  # bytes of the S-agent's hash


@dataclass(frozen=True)
class CodeFile:
    """The content of a file of codes.

    Attributes:
        kind: `CHOICES`, `BITS` or `BYTES`.
        num: N, the number of images.
        steps: h, the number of choices of each image.
        model: Hash of the S-agent, 32 hexadecimal digits.
        checksum: CRC-32 of the codes, by which a decoder knows that it has read them correctly.
        choices: The stream of the choices.
        residual: The stream of what is missing to the exact images; empty for `CHOICES`.
    """

    kind: int
    num: int
    steps: int
    model: str
    checksum: int
    choices: bytes
    residual: bytes = b""

    def pack(self) -> bytes:
        """Return the file."""
        fixed = _FIXED.pack(
            MAGIC,
            VERSION,
            self.kind,
            self.steps,
            self.num,
            bytes.fromhex(self.model),
            self.checksum,
            len(self.choices),
            len(self.residual),
        )
        content = fixed + self.choices + self.residual
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
        fields = _FIXED.unpack_from(payload)
        _, _, kind, steps, num, model, checksum, *lengths = fields
        whole = _FIXED.size + sum(lengths) + _DIGEST
        if len(payload) < whole:
            raise ValueError(f"{name} is truncated: it has {len(payload)} of {whole} bytes")
        content, end = payload[:-_DIGEST], _FIXED.size + lengths[0]
        is_whole = len(payload) == whole and _digest(content) == payload[-_DIGEST:]
        if not is_whole or kind not in (CHOICES, BITS, BYTES) or any(n % 4 for n in lengths):
            raise ValueError(f"{name} is damaged: its checksum is wrong; copy or write it again")
        choices, residual = content[_FIXED.size : end], content[end:]
        return cls(kind, num, steps, model.hex(), checksum, choices, residual)


def shorten_hash(digest: str) -> str:
    """Return the part of an S-agent's hash that a file of codes holds."""
    return digest[: 2 * _HASH]


def _digest(content: bytes) -> bytes:
    """Return the checksum of a file."""
    return hashlib.sha256(content).digest()[:_DIGEST]
