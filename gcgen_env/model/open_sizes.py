"""Finds A and H where a configuration leaves them open."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from gcgen_env.config import COUNTS, EnvConfig
from gcgen_env.datasets import DataSource
from gcgen_env.datasets.size_advice import suggest_task
from gcgen_env.model.build import OWN, find_proposer, find_start
from gcgen_env.model.fresh import choose_components
from gcgen_env.model.s_agent import SAgent


def fill_sizes(
    config: EnvConfig,
    data: DataSource,
    start: str | Path | SAgent | None = OWN,
    basis: int | None = None,
) -> EnvConfig:
    """Return a configuration whose A and H are numbers; those that it has stay.

    Args:
        config: The environment's configuration.
        data: Its data.
        start: The S-agent that has A and H, as in `make_s_agent`. The environment's own proposer
            may have none, as the dictionary: then they are the defaults of `EnvConfig`. Those of a
            fresh S-agent suit the images, if it has a basis.
        basis: The basis of a fresh S-agent, as in `make_fresh`.
    """
    missing = [name for name in COUNTS if getattr(config, name) is None]
    if not missing:
        return config
    dataset = data.split("train")
    is_dictionary = isinstance(config.proposer, str) and config.proposer == "dictionary"
    sizes: dict[str, Any] = dict(zip(COUNTS, config.sizes, strict=True))
    if start is None:
        num = choose_components(config, dataset.shape) if basis is None else basis
        if num:
            task = suggest_task(math.prod(dataset.shape), len(dataset))
            sizes = dict(zip(COUNTS, task, strict=True))
    elif start != OWN or not is_dictionary:
        own: Any = start
        if start == OWN:
            own = find_proposer(config, dataset.shape, "cpu")
        elif not isinstance(start, SAgent):
            own = find_start(config, data, start)
        own = own.chain if isinstance(own, SAgent) else own
        sizes = {name: getattr(own, name, size) for name, size in sizes.items()}
    return replace(config, **{name: sizes[name] for name in missing})
