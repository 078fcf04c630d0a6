"""Measures codes: their uniqueness, their length, and lossless files beside PNG, WebP and gzip.

python -m benchmarks.codes --env GCGen-MNIST-v0 --out codes.csv
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from agents import GCGen
from agents.codec import decompress, pack_codes
from agents.codec.container import CodeFile
from agents.codec.exact_chain import ExactChain
from agents.gcgen.search_names import Search
from gcgen_env.model.likelihoods import binarize

Images = NDArray[np.uint8]
"""Bits or bytes, shape (N, C, height, width)."""


def measure_codes(model: GCGen, goals: NDArray[np.float32], codes: NDArray[Any]) -> dict[str, Any]:
    """Measure codes (N, H) of images (N, *S), without what is missing to the exact images."""
    states = model.decode(codes, return_trajectory=True)  # (H + 1, N, *S)
    axes = tuple(range(2, states.ndim))
    error = ((states - goals) ** 2).mean(axes)  # (H + 1, N)
    stream = CodeFile.unpack(pack_codes(model.s_agent, codes)).choices
    information = measure_information(model, codes)
    return {
        "images": len(codes),
        "different codes": len(np.unique(codes, axis=0)),
        "steps that reduce the squared error": float((np.diff(error, axis=0) < 0).mean()),
        "bits of p_S an image": information / len(codes),
        "bits of the stream an image": 8 * len(stream) / len(codes),
        "stream over p_S": 8 * len(stream) / information - 1,
    }


def measure_information(model: GCGen, codes: NDArray[Any]) -> float:
    """Return -log2 p_S of all codes together."""
    total = 0.0

    def add(h: int, log_prior: NDArray[np.float64]) -> NDArray[np.int64]:
        nonlocal total
        total -= float(log_prior[np.arange(len(codes)), codes[:, h]].sum()) / math.log(2)
        return codes[:, h].copy()

    ExactChain(model.s_agent).walk(len(codes), codes.shape[1], add)
    return total


def measure_lossless(
    model: GCGen, goals: NDArray[np.float32], codes: NDArray[Any]
) -> dict[str, Any]:
    """Return bits per value of exact images: ours and those of other formats."""
    start = time.process_time()
    payload = pack_codes(model.s_agent, codes, goals)
    packed = time.process_time()
    found = decompress(model.s_agent, payload)
    seconds = (packed - start, time.process_time() - packed)
    top = 1 if found.images.dtype == bool else 255
    exact = np.array_equal(found.images, np.rint(goals * top))
    same = np.array_equal(found.codes, codes)
    sizes = {"gcgen, one file": len(payload), **measure_formats(found.images.astype(np.uint8), top)}
    figures: dict[str, Any] = {f"bits a value: {k}": 8 * v / goals.size for k, v in sizes.items()}
    times = dict(zip(("pack", "unpack"), (1000 * s / len(codes) for s in seconds), strict=True))
    figures |= {f"CPU ms an image: {name}": value for name, value in times.items()}
    return {"exact": exact and same, **figures}


def measure_formats(images: Images, top: int) -> dict[str, int]:
    """Return the bytes of images in other formats: one file for each, or one for all of them."""
    pictures = [to_picture(each, top) for each in images]
    sheet = to_picture(tile(images), top)
    raw = np.packbits(images) if top == 1 else images
    return {
        "PNG, a file each": sum(measure_picture(each, "PNG") for each in pictures),
        "PNG, one sheet": measure_picture(sheet, "PNG"),
        "WebP, a file each": sum(measure_picture(each, "WebP") for each in pictures),
        "WebP, one sheet": measure_picture(sheet, "WebP"),
        "gzip of all": len(gzip.compress(raw.tobytes(), 9)),
    }


def measure_picture(picture: Image.Image, form: str) -> int:
    """Return the bytes of a picture in the smallest lossless variant of a format."""
    options: dict[str, Any] = {"optimize": True}
    if form == "WebP":
        options = {"lossless": True, "quality": 100, "method": 6}
        picture = picture.convert("RGB")  # it has no other mode
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.tell()


def to_picture(image: Images, top: int) -> Image.Image:
    """Return a picture of (C, height, width); bits have one bit for each pixel."""
    pixels = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
    return Image.fromarray(pixels if top == 255 else 255 * pixels).convert(
        "1" if top == 1 else None
    )


def tile(images: Images) -> Images:
    """Arrange images in a square sheet, (C, rows * height, columns * width); zeros fill it up."""
    num, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(num))
    rows = math.ceil(num / columns)
    sheet = np.zeros((rows * columns, channels, height, width), np.uint8)
    sheet[:num] = images
    sheet = sheet.reshape(rows, columns, channels, height, width).transpose(2, 0, 3, 1, 4)
    return sheet.reshape(channels, rows * height, columns * width)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the options, measure, and write the table."""
    parser = argparse.ArgumentParser("benchmarks.codes", description=__doc__)
    parser.add_argument("--env", default="GCGen-MNIST-v0", help="its shipped S-agent is used")
    parser.add_argument("--model", type=Path, help="a saved model instead")
    parser.add_argument("--num", type=int, default=None, help="number of test images")
    parser.add_argument("--search", choices=get_args(Search), default="none")
    parser.add_argument("--seed", type=int, default=0, help="seed of the binarisation")
    parser.add_argument("--out", type=Path, default=Path("codes.csv"))
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    frozen: dict[str, Any] = {"s_agent": "pretrained", "train_s_agent": False, "device": "cpu"}
    frozen |= {"policy_kwargs": {"learned": False}, "seed": 0}
    model = GCGen.load(options.model) if options.model else GCGen("GCPolicy", options.env, **frozen)
    data = model.load_split("test")
    goals = data.take(np.arange(len(data))[: options.num])
    if model.s_agent.likelihood.name == "bernoulli":
        goals = binarize(goals, np.random.default_rng(options.seed))
    start = time.process_time()
    codes = model.encode(goals, options.search)
    figures = {"CPU ms an image: encode": 1000 * (time.process_time() - start) / len(goals)}
    figures |= measure_codes(model, goals, codes) | measure_lossless(model, goals, codes)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("figure", "value"), *figures.items()])
    print("\n".join(f"{name:40} {value:g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
