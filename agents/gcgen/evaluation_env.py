"""Warns if a callback evaluates a model with another proposer than the model's S-agent."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    EvalCallback,
    EventCallback,
)
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper
from torch import Tensor

from agents.common.vec_env import GCGenVecEnv
from gcgen_env.env import GCGenEnv
from gcgen_env.model.basis_proposer import BasisProposer
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.saved_proposers import is_same_proposer


def warn_of_other_proposers(callback: BaseCallback, s_agent: SAgent, is_trained: bool) -> None:
    """Warn once if an evaluation shows the proposals of another proposer.

    Args:
        callback: The callback of a training, with those that it contains.
        s_agent: The model's S-agent.
        is_trained: Whether it changes: then equal weights do not stay equal.
    """
    found = (p for each in _list_evaluations(callback) for p in _list_proposers(each.eval_env))
    own = s_agent.chain.proposer
    if all(_is_same(proposer, own, is_trained) for proposer in found):
        return
    warnings.warn(
        "the environment of EvalCallback has another proposer than the S-agent of this model, so "
        "its rewards do not judge the model: pass EvalCallback(model.get_env(), ...), whose "
        "proposer is the S-agent in training",
        UserWarning,
        stacklevel=2,
    )


def _list_evaluations(callback: Any) -> Iterator[EvalCallback]:
    """Yield every evaluation in a callback; contrib's is a subclass of SB3's."""
    inner: list[Any] = callback.callbacks if isinstance(callback, CallbackList) else []
    if isinstance(callback, EventCallback):
        inner = [callback.callback]
    if isinstance(callback, EvalCallback):
        yield callback
        inner = [*inner, callback.callback_on_new_best]
    for each in inner:
        yield from _list_evaluations(each)


def _list_proposers(env: VecEnv) -> Iterator[Any]:
    """Yield the proposers of environments in this process, with `gym.make`'s wrappers or not."""
    while isinstance(env, VecEnvWrapper):
        env = env.venv
    if isinstance(env, GCGenVecEnv):
        yield env.envs.episodes.chain.proposer
    elif isinstance(env, DummyVecEnv):
        inner = (each.unwrapped for each in env.envs)
        yield from (e.episodes.chain.proposer for e in inner if isinstance(e, GCGenEnv))


def _is_same(proposer: Any, own: Any, is_trained: bool) -> bool:
    """Return whether a proposer proposes what the model's own does, now and after training."""
    if proposer is own:
        return True
    if is_trained or type(proposer) is not type(own):
        return False
    if not isinstance(own, ProposalNetwork | BasisProposer):
        return is_same_proposer(proposer, own)
    (config, weights), (other_config, other) = _read(own), _read(proposer)
    return config == other_config and all(
        torch.equal(value.cpu(), other[name].cpu()) for name, value in weights.items()
    )


def _read(proposer: ProposalNetwork | BasisProposer) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """Return the sizes and all tensors of a proposer that can learn."""
    if isinstance(proposer, BasisProposer):
        return proposer.network.config, {**proposer.network.state_dict(), **vars(proposer.basis)}
    return proposer.config, proposer.state_dict()
