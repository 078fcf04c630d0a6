"""The settings of the models of the comparison: what was tried, and what was chosen.

`python -m benchmarks.compare.tune` tries the settings on MNIST and writes a table.
"""

from __future__ import annotations

from typing import Any

Setting = dict[str, Any]
"""Keyword arguments of a model as JSON values; those of agents also hold A and H."""

SMALL_U_NET: Setting = {
    "channels": (16, 32), "patch": 2, "learning_rate": 2e-3, "batch_size": 64,
}  # fmt: skip
WIDE_U_NET: Setting = {**SMALL_U_NET, "channels": (32, 64)}
U_NETS = (SMALL_U_NET, {**SMALL_U_NET, "batch_size": 16})
VAE: Setting = {
    "hidden": 128, "latents": 40, "learning_rate": 4e-3, "batch_size": 64, "grey_goals": True,
}  # fmt: skip

TRIED: dict[str, tuple[Setting, ...]] = {
    "gcgen": (
        {"num_proposals": 64, "horizon": 10},
        {"num_proposals": 32, "horizon": 16},
    ),
    "ddn": (
        {"num_proposals": 64, "horizon": 10},
        {"num_proposals": 64, "horizon": 10, "learning_rate": 3e-3},
    ),
    "vae": (VAE, {**VAE, "latents": 16}),
    "diffusion": U_NETS,
    "flow": U_NETS,
}
"""Two settings of each model, tried on MNIST."""

BEST = {"gcgen": 0, "ddn": 0, "vae": 1, "diffusion": 1, "flow": 1}
"""The number of the setting with the smallest FID."""
ON_MNIST: dict[str, Setting] = {name: TRIED[name][number] for name, number in BEST.items()}
"""The best setting of each model on MNIST."""

ON_OTHER_DATA: dict[str, Setting] = {
    "gcgen": {},  # A and H follow from the size of the images
    "ddn": {},
    "vae": {"hidden": 128, "latents": 128, "learning_rate": 4e-3, "batch_size": 32},
    "diffusion": WIDE_U_NET,
    "flow": WIDE_U_NET,
}
"""For images of the user's; the autoencoder was chosen on emoji, see docs/images.md."""
ON_LARGE_DATA: dict[str, Setting] = {
    **ON_OTHER_DATA,
    "ddn": {"s_agent_kwargs": {"uniform_prior": True, "features": 4, "basis": 400}},
}
"""For images that agents propose in a basis: the rule of DDN trains its proposals, which are
therefore linear maps, not fixed codewords."""


def find_settings(data: str, in_basis: bool) -> dict[str, Setting]:
    """Return the setting of each model for a data set, which agents may propose in a basis."""
    if data == "mnist":
        return ON_MNIST
    return ON_LARGE_DATA if in_basis else ON_OTHER_DATA
