"""The loss of the S-agent in plain autograd: short and slow, the oracle of the fast update.

All proposals are computed in float32, and autograd differentiates through all A of them,
although only the chosen one is used. Selection, loss and gradient are those of `agents.gcgen`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from agents import GCPolicy, SAgent
from gcgen_env.model.perceptron import LinearHead


def plain_loss(
    s_agent: SAgent,
    policy: GCPolicy,
    goal: Tensor,
    choose: Callable[[Tensor], Tensor],
    auxiliary: float = 0.0,
    whole_chain: bool = False,
) -> Tensor:
    """Roll out B trajectories and return the loss whose gradient trains the S-agent.

    Args:
        s_agent: The S-agent; its network must be a perceptron.
        policy: The policy of the GC-agent, which selects the proposals.
        goal: The goals g, shape (B, *S).
        choose: Maps log q (B, A) to actions (B,).
        auxiliary: Weight of the reconstruction losses of the intermediate states.
        whole_chain: Let gradients also flow from what the network reads to the choices before.
    """
    network, likelihood = s_agent.network, s_agent.likelihood
    head = network.head
    assert isinstance(head, LinearHead)
    rate, horizon = s_agent.chain.dynamics.rate, network.horizon
    x = s_agent.chain.dynamics.start(len(goal))
    rows = torch.arange(len(goal))
    potential, imitation = likelihood.log_prob(x, goal), torch.zeros(len(goal))
    for h in range(horizon):
        seen = x if whole_chain else x.detach()
        z, log_prior = network.encode(network.compress(seen), torch.full((len(goal),), h))
        weight, bias = head.weight, head.bias  # (A, K, P), (A, P)
        y = torch.einsum("bk,akp->bap", z, weight) + bias
        reached = x.unsqueeze(1) + rate[h] * network.expand(y)  # (B, A, *S)
        gain = likelihood.log_prob(reached, goal.unsqueeze(1)) - potential.unsqueeze(1)

        with torch.no_grad():
            image, progress = likelihood.mean(x), torch.full((len(goal), 1), h / horizon)
            features = policy.scorer.embed(image.flatten(1), goal.flatten(1), progress)
            change = (likelihood.mean(reached) - image.unsqueeze(1)).flatten(2)
            score = torch.einsum("bap,bp->ba", change, policy.scorer.point(features))
            beta = policy.selection.temperature(progress)
            beta = beta * policy.scorer.temperature_factor(progress)
            log_q = (log_prior + beta * gain + score).log_softmax(-1)

        x = reached[rows, choose(log_q)]
        potential = likelihood.log_prob(x, goal)
        imitation = imitation - (log_q.exp() * log_prior).sum(1)
        if h < horizon - 1:
            imitation = imitation - auxiliary / (horizon - 1) * potential
    return (imitation - potential).mean()
