"""Several processes make the updates of one."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from agents.distributed import ALONE, Ranks
from gcgen_env.model.sampling import TrainingDiverged, make_sampler
from tests.agents.conftest import make_model
from tests.agents.distributed.processes import run_on_ranks

ROUNDS = 2  # later, a choice that rounding has changed would hide what is compared
ADAM = {"optimizer": "adam", "learning_rate": 2e-3}
"""SOAP steps where rounding is the gradient, so that later choices differ on some processors."""
VARIANTS = {
    "binary goals, learned score": {"n_envs": 32, "policy_kwargs": {"learned": True}},
    "rows that cannot be divided evenly": {"n_envs": 27, "policy_kwargs": {"learned": False}},
    "minibatches": {"n_envs": 27, "minibatches": 3, "policy_kwargs": {"learned": False}},
    "SOAP": {
        "n_envs": 32,
        "optimizer": "soap",
        "learning_rate": None,
        "policy_kwargs": {"learned": True},
    },
    "grey goals": {"n_envs": 32, "goals": "grey", "policy_kwargs": {"learned": False}},
    "without replacement": {
        "n_envs": 27,
        "replacement": False,
        "policy_kwargs": {"learned": False},
    },
    "frozen S-agent": {"n_envs": 32, "train_s_agent": False},
    "expert iteration": {"n_envs": 32, "gc_objective": "expert_iteration"},
    "policy gradient": {"n_envs": 32, "gc_objective": "policy_gradient"},
    "tree search": {"n_envs": 32, "gc_objective": "tree_search", "policy": "SearchPolicy"},
}
QUICK = [*list(VARIANTS)[:2], "SOAP"]


class Recorder:
    """Hands everything on to the processes, and keeps each loss and each gradient."""

    def __init__(self, ranks):
        """Record what `ranks` computes."""
        self._ranks, self.losses, self.gradients = ranks, [], []

    def __getattr__(self, name):
        return getattr(self._ranks, name)

    def differentiate(self, loss, share, optimizer):
        """Stand in for `Alone.differentiate`."""
        total = self._ranks.differentiate(loss, share, optimizer)
        weights = [w for group in optimizer.param_groups for w in group["params"]]
        self.losses.append(total.item())
        self.gradients.append([None if w.grad is None else w.grad.clone() for w in weights])
        return total


class Trained(NamedTuple):
    """What is compared."""

    losses: list
    gradients: list
    weights: dict
    generators: tuple
    timesteps: int
    log: dict


def train(variant, ranks=ALONE):
    """Train a model for some rounds."""
    model = make_model(batch_size=16, seed=3, **{**ADAM, **VARIANTS[variant]})
    model.ranks = recorder = Recorder(ranks)
    model.learn(ROUNDS * model.n_envs * 8, log_interval=None)
    model.logger.dump = lambda timesteps: None  # the values stay where they are
    model.dump_logs()
    log = {k: v for k, v in model.logger.name_to_value.items() if not k.startswith("time")}
    return Trained(
        recorder.losses,
        recorder.gradients[0],
        {**model.s_agent.network.state_dict(), **model.policy.state_dict()},
        (model._generator.get_state(), model.goals_state),
        model.num_timesteps,
        log,
    )


def check(variant, size, folder):
    """Compare several processes with one, and with each other."""
    one = train(variant)
    first, *others = run_on_ranks(size, lambda ranks: train(variant, ranks), folder)
    for gradient, expected in zip(first.gradients, one.gradients, strict=True):
        assert (gradient is None) == (expected is None)
        if expected is not None:
            torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
    same = 2 if VARIANTS[variant].get("optimizer") == "soap" else None  # SOAP's first steps
    np.testing.assert_allclose(first.losses[:same], one.losses[:same], rtol=1e-3)
    assert first.timesteps == one.timesteps
    assert torch.equal(first.generators[0], one.generators[0])
    assert first.generators[1] == one.generators[1]
    assert first.log.keys() == one.log.keys()
    for name, value in one.log.items():
        if same is None:
            assert first.log[name] == pytest.approx(value, rel=5e-3, abs=1e-3), name
    for other in others:
        assert other.losses == first.losses
        assert other.log == {}
        for name, weight in first.weights.items():
            assert torch.equal(weight, other.weights[name]), name


@pytest.mark.parametrize(
    "variant", [v if v in QUICK else pytest.param(v, marks=pytest.mark.slow) for v in VARIANTS]
)
def test_two_processes_make_the_updates_of_one(tmp_path, variant):
    check(variant, 2, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_four_processes_make_the_updates_of_one(tmp_path, variant):
    check(variant, 4, tmp_path)


def test_more_processes_than_goals_are_refused():
    with pytest.raises(ValueError, match="2 processes are too many for an update of 1 goals"):
        Ranks(0, 2).share(1)


def test_the_rows_of_all_processes_are_the_batch():
    for size in (1, 2, 3, 5):
        shares = [Ranks(rank, size).share(24, 4) for rank in range(size)]
        rows = [row for share in shares for row in range(24)[share.rows]]
        assert rows == list(range(24))
        assert sum(share.weight for share in shares) == pytest.approx(1)
        assert all(share.rows.start % 4 == 0 for share in shares)


def test_noise_is_that_of_the_whole_batch():
    log_q = torch.zeros(6, 5)
    whole = make_sampler(torch.Generator().manual_seed(0))(log_q)
    shares = [Ranks(rank, 2).share(6) for rank in range(2)]
    parts = [
        make_sampler(torch.Generator().manual_seed(0), share)(log_q[share.rows]) for share in shares
    ]
    assert torch.equal(torch.cat(parts), whole)


def test_a_loss_that_is_not_finite_ends_every_process(tmp_path):
    def diverge(ranks):
        model = make_model(batch_size=16, n_envs=16, policy_kwargs={"learned": False})
        before = {k: v.clone() for k, v in model.s_agent.network.state_dict().items()}
        model.ranks = ranks
        differentiate = ranks.differentiate
        ranks.differentiate = lambda loss, *rest: differentiate(
            loss * torch.tensor(float("nan") if ranks.is_first else 1.0), *rest
        )
        with pytest.raises(TrainingDiverged):
            model.learn(16 * 8)
        after = model.s_agent.network.state_dict()
        return all(torch.equal(value, after[name]) for name, value in before.items())

    assert run_on_ranks(2, diverge, tmp_path) == [True, True]
