"""Mutations of files: of any bytes, and of the structure of each format that GCGen reads."""

import gzip
import hashlib
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib import format as npy

Rng = np.random.Generator
Mutation = Callable[[bytes, Rng], bytes]
EXTREMES = (0, 1, 127, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
WEIRD: tuple[Any, ...] = (
    10**30, 10**9, 20_000, 2**31, -1, 0, 1, True, False, None, math.nan, math.inf, 1e308, 0.5,
    "", "1", "x" * 2000, "\0", [], {}, [[]], [1, 2, 3], [[[[[[[[1]]]]]]]], {"a": {"b": None}},
)  # fmt: skip


def pick(rng: Rng, values: Any) -> Any:
    """Return one of the values."""
    return values[int(rng.integers(len(values)))]


def mutate_codes(content: bytes, rng: Rng) -> bytes:
    """Mutate a file of codes and give it the checksum of its new content."""
    changed = mutate_bytes(content[:-8], rng)
    return changed + hashlib.sha256(changed).digest()[:8]


def mutate_bytes(content: bytes, rng: Rng) -> bytes:
    """Flip bits, cut, grow, swap, erase or overwrite parts of a file."""
    data = bytearray(content)
    kind = rng.integers(8)
    first, second = sorted(int(i) for i in rng.integers(len(data) + 1, size=2))
    if kind == 0:
        return bytes(data[:first])
    if kind == 1:
        return bytes(data) + rng.bytes(int(rng.integers(1, 200)))
    if kind == 2:
        return bytes(data[:first] + data[second:])
    if kind == 3:
        return bytes(data[:second] + data[first:])  # a part twice
    if kind == 4:
        middle = (first + second) // 2
        return bytes(data[:first] + data[middle:second] + data[first:middle] + data[second:])
    if kind == 5:
        data[first:second] = bytes(second - first)
        return bytes(data)
    if kind == 6:
        field = struct.pack(pick(rng, ("<Q", ">Q")), pick(rng, EXTREMES))
        size = int(pick(rng, (1, 2, 4, 8)))
        data[first : first + size] = field[:size]
        return bytes(data)
    for place in rng.integers(len(data), size=int(rng.integers(1, 9))) if data else ():
        data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


def mutate_json(document: Any, rng: Rng) -> Any:
    """Replace, delete or rename one entry at a random depth; the document is changed."""
    node = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return pick(rng, WEIRD)
        key = pick(rng, keys)
        child = node[key]
        if isinstance(child, dict | list) and child and rng.random() < 0.8:
            node = child
            continue
        break
    kind = rng.integers(6)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[f"{key}_"] = node.pop(key)
    elif kind == 2 and isinstance(child, int | float) and not isinstance(child, bool):
        node[key] = child * pick(rng, (-1, 2, 1000, 10**6, 0.5))
    else:
        node[key] = pick(rng, WEIRD)
    return document


def mutate_json_file(content: bytes, rng: Rng) -> bytes:
    """Mutate a JSON file by its structure."""
    return json.dumps(mutate_json(json.loads(content), rng)).encode()


def mutate_container(content: bytes, rng: Rng) -> bytes:
    """Mutate the header of a safetensors file, or the document in it."""
    size = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + size]), content[8 + size :]
    if "__metadata__" in header and rng.random() < 0.7:
        metadata = header["__metadata__"]
        key = next(iter(metadata))
        document = json.loads(metadata[key])
        for _ in range(int(rng.integers(1, 3))):
            document = mutate_json(document, rng) if isinstance(document, dict) else document
        metadata[key] = json.dumps(document)
    else:
        header = mutate_json(header, rng)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


SHAPES = (
    "(True, 8, 8)", "(-1, 8, 8)", "(0, 8, 8)", f"({10**18}, 8, 8)", "(2, 3)", "()", "8",
    "(1.5, 8)",
    "(25, 8, 8, 8)", "(10**9,)", "None", "'a'", "(" * 300, "(25, 1, 8, 8)",
    f"(1, {2**32}, {2**32})",
)  # fmt: skip
TYPES = (
    "'|O'", "'<f8'", "'<f2'", "'<c16'", "'|b1'", "'<U7'", "'|S0'", "'V999999999'", "[('a', '<i4')]",
    "'<M8[s]'", "'>i8'", "'|u1'", "None", "('<f8', (100000,))", "'<f16'", "'nonsense'", "{}",
)  # fmt: skip


def mutate_npy(content: bytes, rng: Rng) -> bytes:
    """Mutate the header of a `.npy` file."""
    size = struct.unpack("<H", content[8:10])[0]
    body = content[10 + size :]
    shape, kind = f"({len(body) // 64}, 8, 8)", "'|u1'"
    shape = pick(rng, SHAPES) if rng.random() < 0.6 else shape
    kind = pick(rng, TYPES) if rng.random() < 0.6 else kind
    order = pick(rng, ("False", "True", "None", "2"))
    text = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    length = len(text) if rng.random() < 0.9 else pick(rng, EXTREMES) % 65536
    return (
        npy.magic(int(pick(rng, (1, 1, 1, 2, 3, 9))), 0) + struct.pack("<H", length) + text + body
    )


def mutate_npz(content: bytes, rng: Rng) -> bytes:
    """Mutate an array of an archive and pack it again, or a field of the directory."""
    if rng.random() < 0.5:
        data = bytearray(content)
        directory = data.rindex(b"PK\1\2")
        place = directory + int(rng.integers(4, 46))
        data[place : place + 4] = struct.pack("<Q", pick(rng, EXTREMES))[:4]
        return bytes(data[: len(content)])
    out = io.BytesIO()
    method = int(pick(rng, (0, 8, 8, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", method) as new:
        for name in old.namelist():
            member = mutate_npy(old.read(name), rng) if rng.random() < 0.6 else old.read(name)
            new.writestr(pick(rng, (name, name, name, "../../x.npy", "train.npy", "é.npy")), member)
    return out.getvalue()


def _make_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def mutate_png(content: bytes, rng: Rng) -> bytes:
    """Mutate the size or depth of a PNG file, or insert a chunk; the checksums are right."""
    end = 8 + 25  # signature and IHDR
    header = bytearray(content[16:29])
    if rng.random() < 0.5:
        place = int(pick(rng, (0, 4)))
        header[place : place + 4] = struct.pack(">I", pick(rng, EXTREMES) % 2**32)
        if rng.random() < 0.5:
            header[int(rng.integers(8, 13))] = int(rng.integers(17))
        return content[:8] + _make_chunk(b"IHDR", bytes(header)) + content[end:]
    kind = pick(rng, (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tRNS", b"PLTE", b"gAMA",
                      b"acTL", b"fdAT", b"pHYs", b"cHRM", b"IDAT", b"IEND", b"sRGB"))  # fmt: skip
    body = pick(
        rng, (b"", rng.bytes(30), b"a\0\0" + zlib.compress(bytes(10**7)), b"II*\0" + rng.bytes(60))
    )
    return content[:end] + _make_chunk(kind, body) + content[end:]


def mutate_jpeg(content: bytes, rng: Rng) -> bytes:
    """Mutate the frame of a JPEG file, its size among others, or insert an Exif block."""
    if rng.random() < 0.5:
        body = b"Exif\0\0" + pick(rng, (b"II*\0", b"MM\0*", b"")) + rng.bytes(int(rng.integers(80)))
        return content[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + content[2:]
    data = bytearray(content)
    frame = data.index(b"\xff\xc0")
    if rng.random() < 0.3:
        data[frame + 1] = int(pick(rng, (0xC1, 0xC2, 0xC3, 0xC9)))  # progressive, lossless, ...
    place = frame + int(rng.integers(4, 19))
    data[place : place + 2] = struct.pack(">H", pick(rng, EXTREMES) % 65536)
    return bytes(data)


def mutate_idx(content: bytes, rng: Rng) -> bytes:
    """Mutate the header of an IDX file."""
    data = bytearray(content)
    if rng.random() < 0.3:
        data[int(rng.integers(4))] = int(pick(rng, EXTREMES)) % 256
    place = 4 * int(rng.integers(1, 4))
    data[place : place + 4] = struct.pack(">I", pick(rng, EXTREMES) % 2**32)
    return bytes(data)


def mutate_gzip(content: bytes, rng: Rng) -> bytes:
    """Mutate what a gzip file holds: the header of the content, or its length."""
    payload = gzip.decompress(content)
    if rng.random() < 0.1:
        return gzip.compress(payload + bytes(50_000_000), 1)  # a small bomb
    return gzip.compress(mutate_idx(payload, rng) if rng.random() < 0.5 else payload[:-3], 1)
