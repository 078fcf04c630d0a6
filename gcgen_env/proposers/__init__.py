"""Proposers: what offers the A changes of each step."""

from gcgen_env.proposers.asking import compute_offer, compute_prior, compute_rows
from gcgen_env.proposers.dictionary import DictionaryProposer
from gcgen_env.proposers.network import NetworkConfig, ProposalNetwork
from gcgen_env.proposers.protocol import Proposer
from gcgen_env.proposers.saved import SavedSAgent, load_s_agent, pretrained_path, save_s_agent

__all__ = [
    "DictionaryProposer",
    "NetworkConfig",
    "ProposalNetwork",
    "Proposer",
    "SavedSAgent",
    "compute_offer",
    "compute_prior",
    "compute_rows",
    "load_s_agent",
    "pretrained_path",
    "save_s_agent",
]
