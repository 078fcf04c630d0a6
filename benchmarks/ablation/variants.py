"""The variants of the ablation: which parts of the method each of them has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from agents import GCGen
from agents.gcgen.objectives import OBJECTIVES
from benchmarks.ablation.autoencoders import CategoricalVAE, GaussianVAE, OneImage
from benchmarks.ablation.contenders import Agents, Contender
from benchmarks.ablation.vae import VAESizes
from gcgen_env.config import EnvConfig
from gcgen_env.tasks import ENV_CONFIGS

REFERENCE = "ramp"
"""The default variant; all others are compared with it image by image."""
LEARNED = {"learned": True}
HARD = {"hard": True, "look_ahead": (1.0, 1.0)}
DDN_POLICY = {**HARD, "prior": False}
"""Discrete Distribution Networks choose the proposal that is nearest to the goal,"""
DDN_S_AGENT = {"uniform_prior": True}
"""and all of their proposals are equally probable."""


class Tuning(NamedTuple):
    """Hyperparameters chosen on the validation images of an environment."""

    ddn: dict[str, Any]
    """A, H and learning rate of DDN's rule."""
    vae: VAESizes
    """Sizes of the Gaussian autoencoder."""
    categorical_vae: VAESizes
    """Sizes of the categorical autoencoder."""


TUNING = {
    "GCGen-MNIST-v0": Tuning(
        ddn={"num_proposals": 64, "horizon": 10, "learning_rate": 3e-3},
        vae=VAESizes(hidden=400, latents=40, learning_rate=1e-3, batch_size=100),
        categorical_vae=VAESizes(hidden=400, latents=0, learning_rate=2e-3, batch_size=100),
    ),
    "GCGen-Digits-v0": Tuning(
        ddn={"num_proposals": 32, "horizon": 4, "learning_rate": 2e-3},
        vae=VAESizes(hidden=200, latents=16, learning_rate=1e-3, batch_size=100),
        categorical_vae=VAESizes(hidden=200, latents=0, learning_rate=1e-3, batch_size=100),
    ),
}


class Variant(NamedTuple):
    """One row of the table."""

    name: str
    """Name of the variant."""
    options: dict[str, Any]
    """Its changes to the defaults, as JSON values; saved with its results."""
    make: Callable[[int], Contender]
    """Function that builds the model from a seed."""


def list_variants(env: str) -> list[Variant]:
    """Return the variants for an environment, in the order of the table."""
    config, tuning = ENV_CONFIGS[env], TUNING.get(env, TUNING["GCGen-Digits-v0"])

    def agents(name: str, policy: dict[str, Any], **options: Any) -> Variant:
        names = ("num_proposals", "horizon")
        sizes = {key: options.pop(key) for key in names if key in options}

        def make(seed: int) -> Agents:
            return Agents(
                GCGen("GCPolicy", env, policy_kwargs=policy, env_kwargs=sizes, seed=seed, **options)
            )

        return Variant(name, {"policy": policy, **sizes, **options}, make)

    def autoencoder(
        name: str, kind: Callable[[EnvConfig, VAESizes, int], Contender], chosen: VAESizes
    ) -> Variant:
        return Variant(name, chosen._asdict(), lambda seed: kind(config, chosen, seed))

    def ddn(name: str, **changes: Any) -> Variant:
        options = {**tuning.ddn, **changes}
        return agents(name, DDN_POLICY, s_agent_kwargs=DDN_S_AGENT, **options)

    a, h, rate = config.num_proposals, config.horizon, tuning.ddn["learning_rate"]
    product = a * h
    grid = [(2 * a, h // 2), (a // 2, 2 * h), (a // 4, 4 * h)]
    return [
        ddn("ddn"),
        *(ddn(f"ddn rate {f * rate:g}", learning_rate=f * rate) for f in (0.5, 2.0)),
        *(
            ddn(f"ddn A={k} H={t}", num_proposals=k, horizon=t)
            for k, t in [(a, h), (2 * a, h), (a // 2, h), (a // 4, h), *grid]
        ),
        agents("hard, learned prior", HARD),
        agents("look-ahead", {"look_ahead": (1.0, 1.0)}),
        agents(REFERENCE, {}),
        *(agents(name, LEARNED, gc_objective=name) for name in OBJECTIVES),
        agents("no look-ahead", {**LEARNED, "look_ahead": None}),
        agents("no auxiliary", {}, auxiliary=0.0),
        agents("grey goals", {}, goals="grey"),
        agents("binary goals", {}, goals="binary"),
        agents("all pixels score", {}, scored_pixels="all"),
        agents("adam", {}, optimizer="adam", learning_rate=2e-3),
        # With A = 1 there is no choice: the model generates one image for every goal.
        autoencoder("A=1", OneImage, tuning.vae),
        *(agents(f"A={k} H={product // k}", {}, num_proposals=k, horizon=t) for k, t in grid),
        autoencoder("vae", GaussianVAE, tuning.vae),
        autoencoder("vae, grey goals", GaussianVAE, tuning.vae._replace(grey_goals=True)),
        autoencoder("categorical vae", CategoricalVAE, tuning.categorical_vae),
    ]
