"""Builds the chain and the S-agent of a configuration; the caller loads the data once."""

from __future__ import annotations

import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from gcgen_env.config import COUNTS, EnvConfig
from gcgen_env.datasets import Dataset, DataSource
from gcgen_env.messages import show
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.fresh import make_fresh
from gcgen_env.model.initial_state import make_initial
from gcgen_env.model.likelihoods import Likelihood, make_likelihood
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.proposer import Proposer
from gcgen_env.model.s_agent import FILE_NAME, SAgent
from gcgen_env.model.toggles import ToggleProposer

DEFAULT_SIGMA = 0.1
"""Standard deviation of a Gaussian likelihood for which neither a number nor a file says more."""
OWN = "environment"
"""Stands for the proposer of the environment as the S-agent."""


def open_data(config: EnvConfig) -> DataSource:
    """Return the configured data, which are read when a split is first needed.

    Raises:
        ValueError: If no data set is named.
    """
    if config.dataset is None:
        raise ValueError(
            "dataset= is required: the name of a data set, an array (N, height, width[, C]), "
            "or a path to a .npy, .npz or folder of images"
        )
    if isinstance(config.dataset, DataSource):  # shared with another environment
        return config.dataset
    return DataSource(config.dataset, config.data_dir, config.image_size, config.max_bytes)


def make_chain(config: EnvConfig, data: DataSource, device: torch.device | str) -> Chain:
    """Build the decision chain of a configuration on a device.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the proposer or the initial state does not fit.
    """
    dataset = data.split(config.split)
    proposer = find_proposer(config, dataset.shape, device)
    saved = proposer if isinstance(proposer, SAgent) else None
    likelihood = likelihood_of(config, dataset, saved)
    if saved is not None:
        check_fits(saved, config, likelihood, dataset.shape)
        if saved.device.type != torch.device(device).type:
            raise ValueError(
                f"the S-agent is on {saved.device}, the environment on {device}: make the "
                f"environment with device={str(saved.device)!r}, or pass a saved file"
            )
        proposer = saved.chain.proposer  # x_0 and the rate follow in _make_dynamics
    dynamics = _make_dynamics(config, data, likelihood, saved).to(device)
    return Chain(proposer, dynamics, likelihood, config.nucleus, config.single_use)


def make_s_agent(
    config: EnvConfig, data: DataSource, start: str | Path | SAgent | None, **sizes: Any
) -> SAgent:
    """Return the S-agent of a model on an environment, with the environment's x_0 and rate.

    Args:
        config: The environment's configuration.
        data: Its data.
        start: None for a fresh S-agent, "pretrained", a saved file, or an S-agent, of which a
            copy is made; "environment" for the environment's own proposer, whatever it is.
        **sizes: `width`, `depth` or `uniform_prior` of `NetworkConfig`, and `basis`; see
            `make_fresh`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the S-agent does not fit the environment.
    """
    if start is None:
        dataset = data.split("train")
        likelihood = likelihood_of(config, dataset)
        dynamics = _make_dynamics(config, data, likelihood)
        return make_fresh(config, dataset, dynamics, likelihood, **sizes)
    if not isinstance(start, SAgent | str | Path):
        raise ValueError(
            "s_agent must be None, 'environment', 'pretrained', a saved file or an SAgent, got "
            f"{type(start).__name__}"
        )
    if not isinstance(start, SAgent):
        start = find_start(config, data, start)
    for name, size in sizes.items():
        own = _find_size(start, name)
        is_enough = name == "basis" and 0 < own <= (size or 0)  # data may have fewer components
        if size not in (None, own) and not is_enough:  # None: keep the S-agent's size
            raise ValueError(f"the S-agent to start from has {name}={own}, asked for {size}")
    dataset = data.split("train")  # also if goals are drawn from another split
    likelihood = likelihood_of(config, dataset, start)
    check_fits(start, config, likelihood, dataset.shape)
    dynamics = _make_dynamics(config, data, likelihood, start)
    metadata = {"dataset": dataset.name, "started_from": start.metadata}
    proposer = deepcopy(start.chain.proposer) if start.can_learn else start.chain.proposer
    return SAgent(Chain(proposer, dynamics, likelihood), metadata)


def _find_size(s_agent: SAgent, name: str) -> Any:
    """Return a field of an S-agent's `NetworkConfig`, or "basis", its number of components."""
    if name == "basis":
        return 0 if s_agent.basis is None else s_agent.basis.size
    return getattr(s_agent.network.config, name, None) if s_agent.can_learn else "no network"


def find_start(config: EnvConfig, data: DataSource, start: str | Path) -> SAgent:
    """Return the S-agent of a name or file; `OWN` stands for the environment's proposer."""
    if start != OWN:
        is_shipped = start == "pretrained"
        return SAgent.load(pretrained_path(str(config.dataset)) if is_shipped else start)
    dataset = data.split("train")
    found = find_proposer(config, dataset.shape, "cpu")
    if isinstance(found, SAgent):
        return found
    likelihood = likelihood_of(config, dataset)
    return SAgent(Chain(found, _make_dynamics(config, data, likelihood), likelihood))


def check_fits(
    s_agent: SAgent, config: EnvConfig, likelihood: Likelihood, shape: tuple[int, ...]
) -> None:
    """Check that an S-agent fits an environment: its A, H, images and likelihood are fixed.

    Raises:
        ValueError: If it does not; the message names what differs.
    """
    chain = s_agent.chain
    wanted = {  # the image first: S-agents of another data set differ in everything
        "image shape": (chain.shape, shape),
        "num_proposals": (chain.num_proposals, config.num_proposals),
        "horizon": (chain.horizon, config.horizon),
        "likelihood": (s_agent.likelihood, likelihood),
    }
    for name, (own, asked) in wanted.items():
        if own != asked:
            raise ValueError(
                f"the S-agent was trained with {name} {own}, the environment has {asked}: an "
                f"S-agent's {name} is fixed; use the same, or another proposer"
            )


def likelihood_of(config: EnvConfig, data: Dataset, saved: SAgent | None = None) -> Likelihood:
    """Build the configured likelihood for the images of a data set; sigma may be a saved one."""
    sigma = config.sigma
    if sigma is None:
        sigma = getattr(saved.likelihood, "sigma", DEFAULT_SIGMA) if saved else DEFAULT_SIGMA
    return make_likelihood(config.likelihood, len(data.shape), data.low, data.high, sigma)


def _make_dynamics(
    config: EnvConfig, data: DataSource, likelihood: Likelihood, saved: SAgent | None = None
) -> Dynamics:
    """Build the dynamics: x_0 and rate as configured, else the S-agent's, else the default."""
    if config.initial_state is None and saved is not None:
        initial = saved.chain.dynamics.initial.cpu()
    else:
        initial = make_initial(config, data, likelihood)
    if config.rate is None and saved is not None:
        return Dynamics(initial, saved.chain.dynamics.rate.cpu())
    return Dynamics(initial, torch.from_numpy(config.rates()))


def find_proposer(
    config: EnvConfig, shape: tuple[int, ...], device: torch.device | str
) -> Proposer | SAgent:
    """Return the proposer, or the saved S-agent that contains it."""
    choice = config.proposer
    if isinstance(choice, SAgent):
        return choice
    if isinstance(choice, str) and choice == "dictionary":
        return DictionaryProposer(shape, config.num_proposals, config.horizon)
    if isinstance(choice, str) and choice == "toggles":
        choice = ToggleProposer()  # its sizes are fixed, and checked below
        if shape != choice.shape:
            raise ValueError(f"proposer='toggles' needs images {choice.shape}, got {shape}")
    if isinstance(choice, str | Path):
        path = Path(choice)
        if choice == "pretrained":
            name = config.dataset if isinstance(config.dataset, str) else "of your own"
            path = pretrained_path(name)
        elif not (os.path.isfile(path) or os.path.isfile(path / FILE_NAME)):  # a run's folder
            raise ValueError(
                f"unknown proposer {show(str(choice))}: expected 'pretrained', 'dictionary', "
                "'toggles', the path of a saved S-agent, or an object with a method "
                "propose(canvas, step)"
            )
        return SAgent.load(path, device)
    if not isinstance(choice, Proposer):  # a runtime protocol: looks for `propose`
        raise ValueError(
            f"proposer must be a name, a path or an object with a method "
            f"propose(canvas, step), got {type(choice).__name__}"
        )
    for name in COUNTS:
        asked = getattr(config, name)
        if asked is not None and getattr(choice, name, asked) != asked:
            raise ValueError(
                f"the proposer has {name}={getattr(choice, name)}, the environment {name}={asked}"
            )
    return choice
