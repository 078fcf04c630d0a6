"""One update of the S-agent in plain autograd: slow, short, and the oracle of the fast one.

Every proposal is computed in float32 with its gradient, and autograd goes back through all A
of them, though only the chosen one was used. The mathematics is that of `agents.gcgen`: the
same selection, the same loss, the same gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from agents.common.scorer import Situation
from agents.gcgen import GCPolicy
from gcgen_env.model.s_agent import SAgent


def plain_loss(
    s_agent: SAgent,
    policy: GCPolicy,
    goal: Tensor,
    choose: Callable[[Tensor], Tensor],
    auxiliary: float = 0.0,
) -> Tensor:
    """Roll out B trajectories and return the loss whose gradient trains the S-agent.

    Args:
        s_agent: Proposes; a perceptron that may change all values of an image or some.
        policy: Selects.
        goal: g, shape (B, *S).
        choose: Maps log q (B, A) to actions (B,).
        auxiliary: w, the weight of the reconstructions on the way.
    """
    network, likelihood = s_agent.network, s_agent.likelihood
    rate, horizon = s_agent.chain.dynamics.rate, network.horizon
    x = s_agent.chain.dynamics.start(len(goal))
    rows = torch.arange(len(goal))
    potential, imitation = likelihood.log_prob(x, goal), torch.zeros(len(goal))
    for h in range(horizon):
        z, log_prior = network.encode(network.compress(x), torch.full((len(goal),), h))
        weight, bias = network.head.weight, network.head.bias  # (A, W, P), (A, P)
        y = torch.einsum("bw,awp->bap", z, weight) + bias
        reached = x.unsqueeze(1) + rate[h] * network.expand(y)  # (B, A, *S)
        gain = likelihood.log_prob(reached, goal.unsqueeze(1)) - potential.unsqueeze(1)

        with torch.no_grad():
            image, progress = likelihood.mean(x), torch.full((len(goal), 1), h / horizon)
            features = policy.scorer.embed(Situation(image.flatten(1), goal.flatten(1), progress))
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
