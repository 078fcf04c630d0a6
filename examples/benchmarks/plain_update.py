"""One update of both agents in plain autograd: slow, short, and the oracle of the fast one.

Every proposal is computed in float32 with its gradient, and autograd goes back through all A
of them, though only the chosen one was used. The mathematics is that of `agents.gcgen`: the
same losses, the same gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from agents.common.scorer import Situation
from agents.gcgen import GCPolicy
from agents.s_agent import SAgent


def plain_loss(
    s_agent: SAgent,
    policy: GCPolicy,
    goal: Tensor,
    choose: Callable[[Tensor], Tensor],
) -> Tensor:
    """Roll out B trajectories and return the loss whose gradient trains both agents.

    Args:
        s_agent: Proposes; a perceptron that may change all values of an image or some.
        policy: Selects.
        goal: g, shape (B, *S).
        choose: Maps log q (B, A) to actions (B,).
    """
    network, likelihood = s_agent.network, s_agent.likelihood
    rate, horizon = s_agent.chain.dynamics.rate, network.horizon
    x = s_agent.chain.dynamics.start(len(goal))
    rows = torch.arange(len(goal))
    potential, log_qs, kls, values = [likelihood.log_prob(x, goal)], [], [], []
    imitation = torch.zeros(len(goal))
    for h in range(horizon):
        z, log_prior = network.encode(x, torch.full((len(goal),), h))
        weight, bias = network.head.weight, network.head.bias  # (A, W, P), (A, P)
        y = torch.einsum("bw,awp->bap", z, weight) + bias
        reached = x.unsqueeze(1) + rate[h] * network.expand(y)  # (B, A, *S)
        gain = likelihood.log_prob(reached, goal.unsqueeze(1)) - potential[-1].unsqueeze(1)

        image = likelihood.mean(x).detach()
        situation = Situation(
            image.flatten(1), goal.flatten(1), torch.full((len(goal), 1), h / horizon)
        )
        features = policy.scorer.embed(situation)
        change = (likelihood.mean(reached).detach() - image.unsqueeze(1)).flatten(2)
        score = torch.einsum("bap,bp->ba", change, policy.scorer.point(features))
        first, last = policy.selection.look_ahead or (0.0, 0.0)
        beta = first + (last - first) * h / horizon
        log_q = (log_prior.detach() + beta * gain.detach() + score).log_softmax(-1)

        action = choose(log_q.detach())
        x = reached[rows, action]
        potential.append(likelihood.log_prob(x, goal))
        imitation = imitation - (log_q.detach().exp() * log_prior).sum(1)
        log_qs.append(log_q[rows, action])
        kls.append((log_q - log_prior)[rows, action].detach())
        values.append(policy.value_net(features).squeeze(-1))

    s_loss = (imitation - potential[-1]).mean()
    unit = math.sqrt(math.prod(goal.shape[1:]))
    phi = torch.stack(potential, 1).detach()
    cost_to_go = torch.stack(kls, 1).flip(1).cumsum(1).flip(1)
    returns = (phi[:, -1:] - phi[:, :-1] - cost_to_go) / unit
    value = torch.stack(values, 1)
    advantage = returns - value.detach()
    advantage = advantage / (advantage.std() + 1e-8)
    policy_loss = -(advantage * torch.stack(log_qs, 1)).sum(1).mean()
    return s_loss + policy_loss + torch.nn.functional.mse_loss(value, returns)
