"""The YAML header of a model card, which model hubs read."""

from __future__ import annotations

import json
from typing import Any

from agents.cards.card import ModelCard

TASK = "unconditional-image-generation"
_TAGS = ["gcgen", "generative-model", "reinforcement-learning", "goal-conditioned"]
_HUB_NAMES = {"mnist": "ylecun/mnist", "fashion_mnist": "zalando-datasets/fashion_mnist"}
"""Data sets that model hubs know, by their names here."""


def make_header(card: ModelCard) -> str:
    """Return the header with its two lines of dashes."""
    header: dict[str, Any] = {"license": card.license, "library_name": "gcgen"}
    if card.s_agent.chain.shape[1:]:  # points are no images
        header["pipeline_tag"] = TASK
    header["tags"] = _TAGS
    if card.data in _HUB_NAMES:  # hubs link only the sets that they have
        header["datasets"] = [_HUB_NAMES[card.data]]
    if metrics := list_metrics(card):
        header["metrics"] = [metric["type"] for metric in metrics]
        data = {"name": card.data, "type": _HUB_NAMES.get(card.data, card.data), "split": "test"}
        results = {"task": {"type": TASK}, "dataset": data, "metrics": metrics}
        header["model-index"] = [{"name": card.title, "results": [results]}]
    return "\n".join(["---", *to_yaml(header), "---", ""])


def list_metrics(card: ModelCard) -> list[dict[str, Any]]:
    """Return type, name and value of each figure that was measured."""
    if (figures := card.figures) is None:
        return []
    values = [
        ("negative-elbo", "-ELBO (nats)", figures.bound.nll),
        ("bits-per-dimension", "bits per dimension", figures.bound.bits_per_dim),
        ("psnr", "PSNR of reconstructions (dB)", figures.psnr),
        ("mse", "squared error of reconstructions", figures.squared_error),
    ]
    return [
        {"type": kind, "name": name, "value": round(value, 6)}
        for kind, name, value in values
        if value is not None
    ]


def to_yaml(value: Any, indent: str = "") -> list[str]:
    """Return the lines of a dict or list in block style; scalars are JSON, which YAML includes."""
    lines = []
    pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in pairs:
        start = indent + ("-" if key is None else f"{key}:")
        if not isinstance(item, dict | list):  # a scalar stays on the line of its key
            lines.append(f"{start} {json.dumps(item, ensure_ascii=False)}")
            continue
        inner = to_yaml(item, indent + "  ")
        if key is None:  # the first line of an entry stands behind its dash
            inner[0], start = f"{start} {inner[0].lstrip()}", ""
        lines += [*filter(None, [start]), *inner]
    return lines
