"""The S-agent: the generative model, and the file it is saved in."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.config import check_count
from gcgen_env.model.basis import Basis
from gcgen_env.model.basis_proposer import BasisProposer
from gcgen_env.model.chain import Chain
from gcgen_env.model.codes import check_codes
from gcgen_env.model.fixed_batches import split_fixed
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.sampling import make_sampler, skip_draws
from gcgen_env.model.saved_parts import BASIS, NETWORK, halve, restore_chain
from gcgen_env.model.saved_proposers import describe_proposer
from gcgen_env.model.turns import Turns, alone
from gcgen_env.model.unrolling import split_draws, split_labels, unroll, unroll_codes
from gcgen_env.storage import File, describe_error, describe_file, load_container, save_container
from gcgen_env.viewer.card import draw_card
from gcgen_env.viewer.grids import image_grid

KIND = "s-agent"
"""Kind of container that `SAgent.save` writes."""
FILE_NAME = "s_agent.safetensors"  # in the folder of a run
SHOWN = 16  # samples in a notebook


@dataclass(frozen=True, eq=False, repr=False)
class SAgent:
    """A generative model of images: p_S over codes, and p(g | x_H).

    Attributes:
        chain: The decision chain; its proposer is the S-agent's `ProposalNetwork`, also inside a
            `BasisProposer`, or one that does not learn, such as a dictionary.
        metadata: JSON values that say how it was trained: data set, command, seed, bound.
        turns: Who computes which batch of `sample`: this process, or several.
    """

    chain: Chain
    metadata: dict[str, Any] = field(default_factory=dict)
    turns: Turns = alone

    def __repr__(self) -> str:
        """Show the sizes, not the weights."""
        shown = str(self.network.config if self.can_learn else type(self.chain.proposer).__name__)
        if self.basis is not None:
            shown += f", images={self.chain.shape} in {self.basis.size} components"
        return f"SAgent({shown}, device={str(self.device)!r})"

    def _repr_html_(self) -> str:
        """Return the facts of `describe` and some samples, for notebooks."""
        return draw_card(type(self).__name__, self.describe(), self.draw_samples())

    def draw_samples(self) -> NDArray[np.uint8]:
        """Return a small picture of what it draws, shape (height, width, 3), always the same."""
        low, high = self.likelihood.low, self.likelihood.high
        return image_grid(self.sample(SHOWN, seed=0), SHOWN // 2, low=low, high=high)

    def describe(self) -> dict[str, str]:
        """Return what is known of it: images, choices, likelihood, weights, training data."""
        num, horizon = self.chain.num_proposals, self.chain.horizon
        weights = sum(w.numel() for w in self.network.parameters()) if self.can_learn else 0
        return {
            "images": f"{self.chain.shape}",
            "choices": f"H = {horizon}, each one of A = {num}",
            "code": f"{horizon * math.log2(num):.0f} bits for an image, at most",
            "likelihood": self.likelihood.name,
            "proposer": type(self.chain.proposer).__name__,
            "weights": f"{weights:,}",
            "classes": str(self.chain.num_classes or "none"),
            "trained on": str(self.metadata.get("dataset", "unknown")),
            "bound": str(self.metadata.get("bound", "not measured")),
        }

    @property
    def can_learn(self) -> bool:
        """Whether it has a network."""
        return isinstance(self.chain.proposer, ProposalNetwork | BasisProposer)

    @property
    def basis(self) -> Basis | None:
        """The basis of its proposals; None if it proposes values of images."""
        return getattr(self.chain.proposer, "basis", None)

    @property
    def network(self) -> ProposalNetwork:
        """Proposals and prior, if it can learn."""
        proposer = self.chain.proposer
        return proposer.network if isinstance(proposer, BasisProposer) else proposer

    @property
    def likelihood(self) -> Likelihood:
        """p(g | x)."""
        return self.chain.likelihood

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.chain.device

    @classmethod
    def load(cls, path: File, device: torch.device | str = "cpu") -> SAgent:
        """Read a file or binary file object written by `save`, or the S-agent of a run's folder.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged or holds something else.
        """
        if isinstance(path, str | Path) and os.path.isdir(path):
            path = Path(path) / FILE_NAME
        document, tensors = load_container(path, KIND)
        try:
            return cls.unpack(document, tensors, device)
        except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"{describe_file(path)} is damaged: {describe_error(error)}"
            ) from error

    def save(self, path: File, half: bool = False, **metadata: Any) -> Path | None:
        """Write one file, atomically, that environments take as `proposer=`; return its path.

        Args:
            path: Where to write, any suffix; or a binary file object, for which None is returned.
            half: Store the weights as float16.
            **metadata: JSON values to add to the file's metadata.
        """
        document, tensors = replace(self, metadata={**self.metadata, **metadata}).pack()
        if half:
            tensors = {name: halve(name, tensor) for name, tensor in tensors.items()}
        return save_container(path, KIND, document, tensors)

    def pack(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the S-agent as a JSON document and named tensors."""
        likelihood, dynamics = self.likelihood, self.chain.dynamics
        document: dict[str, Any] = {
            "likelihood": {
                "name": likelihood.name,
                "low": likelihood.low,
                "high": likelihood.high,
                "sigma": getattr(likelihood, "sigma", 0.1),  # a Bernoulli likelihood ignores it
            },
            "metadata": self.metadata,
        }
        tensors = {"initial": dynamics.initial, "rate": dynamics.rate}
        if not self.can_learn:
            proposer = describe_proposer(self.chain.proposer, self.chain.num_proposals)
            return {"proposer": proposer, **document}, tensors
        weights = {f"{NETWORK}{k}": v for k, v in self.network.state_dict().items()}
        if self.basis is not None:
            tensors |= {f"{BASIS}{k}": v for k, v in vars(self.basis).items()}
        return {"network": asdict(self.network.config), **document}, {**weights, **tensors}

    @classmethod
    def unpack(
        cls, document: dict[str, Any], tensors: dict[str, Tensor], device: torch.device | str
    ) -> SAgent:
        """Build an S-agent from the results of `pack`; other entries are ignored."""
        chain = restore_chain(document, tensors, device)
        if not isinstance(document["metadata"], dict):
            raise ValueError(f"metadata must be an object, got {document['metadata']!r:.99}")
        return cls(chain, document["metadata"])

    def to(self, device: torch.device | str) -> SAgent:
        """Return the same S-agent on another device; its weights move."""
        proposer = self.chain.proposer
        if self.can_learn:
            proposer = proposer.to(device)  # weights in place, as torch does
        dynamics = self.chain.dynamics.to(device)
        return replace(self, chain=replace(self.chain, proposer=proposer, dynamics=dynamics))

    @torch.no_grad()
    def sample(
        self,
        num: int,
        seed: int | None = None,
        draw: str = "mean",
        return_trajectory: bool = False,
        label: Any = None,
    ) -> NDArray[np.float32]:
        """Generate images: add H proposals drawn from p_S to x_0.

        Args:
            num: Number of images.
            seed: Seed of the draws; None draws anew.
            draw: "mean" returns the likelihood's means, "sample" also draws the values.
            return_trajectory: Return the images of x_0 to x_H instead of x_H alone.
            label: Class of a conditional S-agent, or one for each image, shape (num,); None draws
                from all of them.

        Returns:
            Images, shape (num, *S), or (H + 1, num, *S); float32.

        Raises:
            ValueError: If `num` is not positive, `draw` is unknown, or a label does not fit.
        """
        check_count("num", num, 1, "it counts images")
        if seed is not None:
            check_count("seed", seed, 0, "it is an integer, or None")
        if draw not in ("mean", "sample"):
            raise ValueError(f"draw must be 'mean' or 'sample', got {draw!r}")
        rng = np.random.default_rng(seed)
        choose = make_sampler(torch.Generator().manual_seed(int(rng.integers(2**62))))

        def draw_batch(batch: tuple[Chain, int]) -> tuple[Tensor]:
            return (unroll(*batch, lambda _, log_prior: choose(log_prior), return_trajectory),)

        draws = list(split_draws(self.chain.given(label), num))
        batches = self.turns(draws, draw_batch, lambda b: skip_draws(choose, b[1], self.chain))
        images = torch.cat([each for (each,) in batches], 1).cpu().numpy()  # (H + 1 or 1, num, *S)
        if draw == "sample":
            images[-1] = self.likelihood.sample(images[-1], rng)  # earlier states stay means
        return images if return_trajectory else images[-1]

    @torch.no_grad()
    def decode(
        self, codes: Any, return_trajectory: bool = False, label: Any = None
    ) -> NDArray[np.float32]:
        """Return the images of codes; those of one code do not depend on the others.

        Args:
            codes: Chosen indices, shape (B, h), integers in [0, A), h <= H: any prefix of a
                code can be decoded.
            return_trajectory: Return the images of x_0 to x_h instead of x_h alone.
            label: Class for which a conditional S-agent made the codes, or one for each code,
                shape (B,); None if it made them without a class.

        Returns:
            Likelihood means, shape (B, *S), or (h + 1, B, *S); float32.

        Raises:
            ValueError: If the codes have another shape or are out of range, or a label is.
        """
        actions = torch.from_numpy(check_codes(codes, self.chain)).to(self.device)  # (B, h)
        chains = split_labels(self.chain.given(label), len(actions))
        parts = zip(chains, split_fixed(actions), strict=True)
        batches = [unroll_codes(*pair, return_trajectory) for pair in parts]
        images = torch.cat(batches, dim=1)[:, : len(actions)]  # (h + 1 or 1, B, *S)
        return (images if return_trajectory else images[-1]).cpu().numpy()
