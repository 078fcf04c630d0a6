"""Chains so small that all A^H paths can be enumerated, and what the enumeration gives."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from gymnasium import spaces
from torch import Tensor

from agents import GCPolicy
from agents.common.decision import Decision, State
from agents.common.scorer import SPEED
from agents.gcgen.rollout import GCAgent, Trajectories, rollout
from agents.gcgen.search import FixedCodes, SoftSearch, beam_search
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.spaces import make_observation_space

A, H = 3, 3
PIXELS, POINT = (1, 1, 3), (2,)


TYPED_PATHS = Trajectories(
    action=torch.zeros(2, 2, dtype=torch.int64),
    log_q=torch.tensor([[-1.0, -2.0], [-0.5, -0.5]]),
    log_prior=torch.tensor([[-3.0, -2.5], [-0.5, -1.0]]),
    q=torch.full((2, 2, 3), 1 / 3),
    potential=torch.tensor([[-9.0, -7.0, -4.0], [-8.0, -8.0, -6.0]]),
    canvas=torch.zeros(2, 3, 1),
)
"""Two trajectories of two steps, numbers typed by hand."""


class HandWritten:
    """A proposer with `propose` alone; proposals and a peaked prior depend on x and h."""

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Return the changes (B, A, *S) and log p_S (B, A)."""
        values = canvas.flatten(1)
        angle = 2.0 * torch.arange(A) + values.sum(1, keepdim=True) + step[:, None]  # (B, A)
        phase = torch.arange(values.shape[1], dtype=values.dtype)
        delta = 0.5 * torch.sin(angle[..., None] + 1.3 * phase)  # (B, A, D)
        return delta.view(*angle.shape, *canvas.shape[1:]), (1.5 * angle.cos()).log_softmax(-1)


def make_network(shape=PIXELS, likelihood="bernoulli", width=8) -> ProposalNetwork:
    """Make a network whose proposals and prior have random weights."""
    generator = torch.Generator().manual_seed(0)
    network = ProposalNetwork(NetworkConfig(shape, A, H, likelihood, width=width, depth=1))
    for parameter in network.parameters():
        parameter.data.normal_(0.0, 0.4, generator=generator)
    return network


def make_chain(kind: str, nucleus: float = 1.0) -> Chain:
    """Make the toy "network" or "handwritten" (3 binary pixels), or "point" (Gaussian, 2-D)."""
    rate = torch.tensor([1.0, 0.8, 0.6])
    if kind == "point":
        return Chain(HandWritten(), Dynamics(torch.zeros(2), rate), POINT_LIKELIHOOD, nucleus)
    proposer = make_network() if kind == "network" else HandWritten()
    initial = torch.tensor([0.3, -0.2, 0.1]).view(PIXELS)
    return Chain(proposer, Dynamics(initial, rate), Bernoulli(3), nucleus)


POINT_LIKELIHOOD = Gaussian(1, -1.0, 1.0, 0.3)
KINDS = ("network", "handwritten", "point")


def make_goals(chain: Chain) -> Tensor:
    """Return all 8 binary images of 3 pixels, or 8 points of the square."""
    if chain.shape == POINT:
        return torch.linspace(-0.9, 0.9, 16).view(8, 2).sin()
    bits = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    return bits.view(8, *PIXELS)


class Paths(NamedTuple):
    """All A^H paths of a chain."""

    action: Tensor
    """(A^H, H)."""
    log_prior: Tensor
    """log p_S of each choice, (A^H, H), -inf where pruned."""
    canvas: Tensor
    """x_0 to x_H, (H + 1, A^H, *S)."""


def propose_all(chain: Chain, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Return all changes (B, A, *S) and the pruned log p_S (B, A) of canvases."""
    delta, _ = chain.proposer.propose(canvas, step)
    return delta, get_prior(chain, canvas, step)


def get_prior(chain: Chain, canvas: Tensor, step: Tensor) -> Tensor:
    """Return the pruned log p_S (B, A) of canvases."""
    return chain.propose(canvas, step, need_all=False).log_prior


@torch.no_grad()
def enumerate_paths(chain: Chain) -> Paths:
    """Walk every path as decoding does, one choice after the other."""
    action = torch.cartesian_prod(*[torch.arange(A)] * H)
    canvases, log_prior = [chain.dynamics.start(len(action))], []
    for h in range(H):
        step = torch.full((len(action),), h)
        table = get_prior(chain, canvases[-1], step)
        log_prior.append(table.gather(1, action[:, h : h + 1]).squeeze(1))
        canvases.append(chain.choose(canvases[-1], step, action[:, h]))
    return Paths(action, torch.stack(log_prior, dim=1), torch.stack(canvases))


def exact_log_prob(chain: Chain, goals: Tensor) -> Tensor:
    """Compute log p_S(g) = logsumexp over tau of log p_S(tau) + log p(g | x_H), float64."""
    paths = enumerate_paths(chain)
    log_likelihood = chain.likelihood.log_prob(paths.canvas[-1], goals.unsqueeze(1))  # (G, A^H)
    return (paths.log_prior.double().sum(1) + log_likelihood.double()).logsumexp(1)


def follow(action: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a `choose` that takes the given actions (B, H), whatever q says."""
    columns = iter(action.T)
    return lambda log_q: next(columns)


def roll_every_path(chain: Chain, agent: GCAgent, goal: Tensor) -> Trajectories:
    """Roll one goal (*S) along all A^H paths, however unlikely they are under q."""
    action = enumerate_paths(chain).action
    goals = goal.expand(len(action), *goal.shape)
    return rollout(chain, agent, goals, follow(action))


class SoftOptimum:
    """The soft optimum: q*(a|x,h,g) proportional to p_S(a|x,h) exp Q*(x,h,a,g).

    Q* is computed by walking the whole tree below x, with the terminal reward Phi(x_H) or
    with the shaping rewards Phi(x_{h+1}) - Phi(x_h).
    """

    def __init__(self, chain: Chain, shaping: bool = False):
        self.chain = chain
        self.shaping = shaping

    def __call__(self, state: State, decision: Decision) -> Tensor:
        """Return normalised log q* (B, A)."""
        soft = self.soft_q(state.canvas.detach(), state.goal, int(state.step[0]))
        return soft.log_softmax(-1)

    @torch.no_grad()
    def soft_q(self, canvas: Tensor, goal: Tensor, h: int) -> Tensor:
        """Return log p_S + Q*, (B, A)."""
        step = torch.full((len(canvas),), h)
        delta, log_prior = propose_all(self.chain, canvas, step)
        reached = self.chain.dynamics.advance(canvas.unsqueeze(1), delta, step).flatten(0, 1)
        goals = goal.repeat_interleave(A, 0)
        value = self.soft_value(reached, goals, h + 1)
        if self.shaping:
            phi = self.chain.likelihood.log_prob
            value = value + phi(reached, goals) - phi(canvas, goal).repeat_interleave(A)
        return log_prior + value.view(-1, A)

    def soft_value(self, canvas: Tensor, goal: Tensor, h: int) -> Tensor:
        """Return V*(x, h, g), (B,)."""
        if h < H:
            return self.soft_q(canvas, goal, h).logsumexp(-1)
        return (
            torch.zeros(len(goal)) if self.shaping else self.chain.likelihood.log_prob(canvas, goal)
        )


def make_policy(chain: Chain, policy_class=GCPolicy, seed: int | None = None, **kwargs):
    """Make a policy for a toy; with a seed its learned score is random instead of zero."""
    space = make_observation_space(chain.likelihood, chain.shape, A, "pixels")
    options = {"net_arch": [], "width": 8, **kwargs}
    policy = policy_class(space, spaces.Discrete(A), lambda _: 1e-3, **options)
    if seed is not None:
        randomise(policy, seed)
    return policy


def randomise(policy, seed: int = 0, scale: float = 0.5) -> None:
    """Give the scorer and the value random weights; those of a fresh policy are zero."""
    generator = torch.Generator().manual_seed(seed)
    for module in (policy.scorer, policy.value_net):
        for parameter in module.parameters():
            parameter.data.normal_(0.0, scale, generator=generator)
    policy.scorer.knots.data /= SPEED


def make_agents(chain: Chain) -> dict[str, Callable[[Tensor], GCAgent]]:
    """Return functions that make GC-agents and searches, given goals; none is the optimum."""
    terms = {
        "look-ahead": {"learned": False},
        "random": {"prior": False, "look_ahead": None, "learned": False},
        "prior": {"look_ahead": None, "learned": False},
        "greedy": {"prior": False, "look_ahead": (8.0, 8.0), "learned": False},
        "learned": {"seed": 1},
        "learned alone": {"seed": 2, "prior": False, "look_ahead": None},
    }
    agents = {name: make_policy(chain, **kwargs).make_selection() for name, kwargs in terms.items()}
    for name in ("look-ahead", "learned"):
        for steps in (1, 2):
            agents[f"search {steps}, {name}"] = SoftSearch(agents[name], chain, 2, steps)
    makers = {name: lambda goals, agent=agent: agent for name, agent in agents.items()}
    makers["beam"] = lambda goals: FixedCodes(beam_search(chain, goals, 2))
    return makers
