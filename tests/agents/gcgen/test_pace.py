"""How fast an S-agent learns, by what its proposals are."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from agents import GCGen
from agents.gcgen.losses import s_agent_loss
from agents.gcgen.pace import CODEBOOKS, LINEAR_BASIS, PIXELS, Pace
from gcgen_env.model.sampling import Share


def make_model(s_agent_kwargs=None, **options):
    images = np.random.default_rng(0).integers(0, 255, (40, 6, 6, 3)).astype(np.uint8)
    env_kwargs = {"dataset": images, "num_proposals": 5, "horizon": 4}
    sizes = {"width": 16, **(s_agent_kwargs or {})}
    options = {"batch_size": 16, "n_envs": 16, "seed": 0, **options}
    return GCGen(
        "GCPolicy", "GCGen-Images-v0", env_kwargs=env_kwargs, s_agent_kwargs=sizes, **options
    )


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [({}, PIXELS), ({"basis": 6, "features": 8}, LINEAR_BASIS), ({"basis": 6}, CODEBOOKS)],
)
def test_the_proposals_decide(tmp_path, sizes, expected):
    make_model(sizes).save(tmp_path / "model.gcgen")
    model = GCGen.load(tmp_path / "model.gcgen")
    assert model.pace == expected
    assert {group["weight_decay"] for group in model.optimizer.param_groups} == {
        expected.weight_decay, 0.0,
    }  # fmt: skip
    assert model.config.weight_decay is None  # another S-agent would have its own default


def test_what_is_chosen_wins(tmp_path):
    chosen = {"learning_rate": 1e-3, "weight_decay": 0.0, "minibatches": 2}
    make_model({"basis": 6}, **chosen).save(tmp_path / "model.gcgen")
    assert GCGen.load(tmp_path / "model.gcgen").pace == Pace(**chosen)


def test_the_learning_rate_is_used():
    rates = []
    for rate in (None, 3e-3):
        model = make_model({"basis": 6}, learning_rate=rate, lr_schedule="constant")
        model.learn(30 * 16 * 4, log_interval=None)  # longer than the warm-up
        rates.append(model.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([CODEBOOKS.learning_rate, 3e-3])


def test_each_minibatch_has_a_gradient_step():
    model, other = (make_model({"basis": 6}, minibatches=3, batch_size=8) for _ in range(2))
    for each in (model, other):
        each._setup_learn(1000, None)
        each._set_progress(0.0)
    goals = torch.from_numpy(model.load_split("train").take(np.arange(8)))
    for _ in range(3):  # the first step of the optimiser only measures
        trajectories = model.update_s_agent(goals)
        other._roll_out(goals, other._fixed_agent(), other.ranks.share(8), None)  # the same draws
        chain, inside = other._enter(other.s_agent.chain, goals)
        for i in range(3):  # 3, 3 and 2 of the 8 trajectories
            part = type(trajectories)(*(column[i::3] for column in trajectories))
            other.optimizer.zero_grad()
            s_agent_loss(chain, part, inside[i::3], other.config.auxiliary).backward()
            other.optimizer.step()
    weights = model.s_agent.network.state_dict()
    for name, value in other.s_agent.network.state_dict().items():
        assert torch.equal(value, weights[name]), name


@pytest.mark.parametrize(("batch", "minibatches"), [(8, 2), (9, 2), (7, 3)])
def test_each_goal_keeps_its_class(monkeypatch, tmp_path, batch, minibatches):
    images = np.random.default_rng(0).integers(0, 255, (40, 6, 6, 3)).astype(np.uint8)
    np.savez(tmp_path / "labelled.npz", train=images, train_labels=np.arange(40) % 3)
    env_kwargs = {"dataset": str(tmp_path / "labelled.npz"), "num_proposals": 5, "horizon": 4}
    model = GCGen(
        "GCPolicy", "GCGen-Images-v0", env_kwargs=env_kwargs, s_agent_kwargs={"basis": 6},
        batch_size=batch, n_envs=batch, minibatches=minibatches, condition="label", seed=0,
    )  # fmt: skip
    model._setup_learn(1000, None)
    model._set_progress(0.0)
    index = np.arange(batch)
    goals, label = torch.from_numpy(model.load_split("train").take(index)), torch.from_numpy(index)
    label = label % 4 - 1  # -1 is no class
    seen = []

    def spy(chain, part, goal, auxiliary):
        rows = torch.cdist(goal, model._enter(model.s_agent.chain, goals)[1]).argmin(1).tolist()
        seen.append((rows, chain.label.tolist()))
        return s_agent_loss(chain, part, goal, auxiliary)

    monkeypatch.setattr("agents.gcgen.updates.s_agent_loss", spy)
    model.update_s_agent(goals, label=label)
    assert sorted(row for rows, _ in seen for row in rows) == index.tolist()
    assert len(seen) == minibatches
    for rows, classes in seen:
        assert classes == label[rows].tolist()


@pytest.mark.parametrize("batch", [3, 5, 6, 8, 64])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_processes_have_the_minibatches_of_one(batch, size):
    bounds = [batch * i // size for i in range(size + 1)]
    shares = [Share(batch, slice(a, b), (b - a) / batch) for a, b in pairwise(bounds)]
    count = min(3, batch)
    for first in range(count):
        parts = [share.every(count, first) for share in shares]
        rows = [
            row
            for share, part in zip(shares, parts, strict=True)
            for row in range(batch)[share.rows][part.rows]
            if part.weight
        ]
        assert sorted(rows) == list(range(first, batch, count))
        assert sum(part.weight for part in parts) == pytest.approx(1)
        assert all(
            range(batch)[share.rows][part.rows] for share, part in zip(shares, parts, strict=True)
        )


def test_more_minibatches_than_trajectories():
    model = make_model({"basis": 6}, minibatches=5, batch_size=2, n_envs=2)
    model.learn(5 * 2 * 4, log_interval=None)
    assert model._n_updates == 5


@pytest.mark.parametrize("wrong", [0, 1.5, True])
def test_no_number_of_minibatches(wrong):
    with pytest.raises(ValueError, match="minibatches"):
        make_model(minibatches=wrong)


def test_the_loss_of_codebooks_is_imitation_plus_reconstruction():
    model = make_model({"basis": 6})
    goals = torch.from_numpy(model.load_split("train").take(np.arange(8)))
    path = model._roll_out(goals, model._fixed_agent(), model.ranks.share(8), None)
    chain, inside = model._enter(model.s_agent.chain, goals)
    imitation = 0.0
    for h in range(chain.horizon):
        log_prior = chain.propose(path.canvas[:, h], torch.full((8,), h)).log_prior
        imitation = imitation - (path.q[:, h] * log_prior).sum(1)
    expected = imitation - chain.likelihood.log_prob(path.canvas[:, -1], inside)
    for auxiliary in (0.0, 1.0):
        loss = s_agent_loss(chain, path, inside, auxiliary)
        torch.testing.assert_close(loss, expected.mean(), rtol=1e-5, atol=1e-3)
