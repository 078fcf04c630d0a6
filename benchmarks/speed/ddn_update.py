"""One update of Discrete Distribution Networks (Yang, 2025), built on the author's own layer.

The layer is `DiscreteDistributionOutput` of the package `sddn`: a 1x1 convolution computes K
images, the nearest one to the target is kept, and only this one gets the squared loss; autograd
differentiates through all K. The rest is that of our S-agent: the same trunk, the same number of
values, one layer shared by all steps, and Adam. `try_split` follows each update, as in the
author's training script.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.perceptron import MLPTrunk


def make_ddn_update(config: NetworkConfig, values: int) -> Callable[[Tensor], Any]:
    """Return a function that updates the network on images of shape (B, values).

    Args:
        config: Gives K (`num_proposals`), the number of steps (`horizon`) and the width.
        values: Number of values of an image.

    Raises:
        ImportError: If `sddn` is not installed: `pip install -e '.[bench]'`.
    """
    from sddn import DiscreteDistributionOutput

    trunk, features = MLPTrunk(config, values), config.features or config.width
    layer = DiscreteDistributionOutput(
        config.num_proposals, last_c=features, predict_c=values, leak_choice=False, size=1
    )
    layer.train()
    parameters = nn.ModuleList([trunk, layer]).parameters()
    optimizer = torch.optim.Adam(parameters, fused=True)

    def update(images: Tensor) -> None:
        target = images[..., None, None]  # (B, values, 1, 1): images of one pixel
        d: dict[str, Any] = {"target": target, "predict": torch.zeros_like(target)}
        for h in range(config.horizon):
            x = d["predict"].flatten(1)
            z, _ = trunk(2 * x - 1, torch.full((len(x),), h))
            d["feat_last"] = z[..., None, None]
            d = layer(d)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(d["losses"]).sum().backward()
        optimizer.step()
        layer.try_split(optimizer)

    return update
