"""`gc_objective=` takes a class of the user's: it trains, and files name it."""

import pytest
import torch

from agents import GCGen
from agents.gcgen.objectives import LeaveOneOut, Objective, TreeSearch
from agents.gcgen.objectives.base import compute_returns
from tests.agents.conftest import make_model


class Halved(LeaveOneOut):
    """Half of another loss, which counts its calls."""

    paths = 4
    calls = 0

    def loss(self, trajectories):
        type(self).calls += 1
        return 0.5 * super().loss(trajectories)


class Plain(Objective):
    """REINFORCE without a baseline."""

    def loss(self, trajectories):
        returns = compute_returns(trajectories) / self.unit
        return -(returns * trajectories.log_q).sum(1).mean() + self.value_loss(trajectories)


class NoLoss(Objective):
    """Forgot its loss."""


class OwnTree(TreeSearch):
    """A variant of the objective that trains values."""


def train(**options):
    model = make_model(train_s_agent=False, gc_learning_rate=1e-2, **options)
    return model.learn(2 * 16 * 8)


def test_a_class_of_the_users_trains_the_gc_agent():
    before = make_model(train_s_agent=False).policy.scorer.state_dict()
    Halved.calls = 0
    model = train(gc_objective=Halved)
    assert Halved.calls == model._n_updates > 0
    moved = model.policy.scorer.state_dict()
    assert any((value != before[name]).any() for name, value in moved.items())


def test_a_class_does_what_it_says():
    one, other = train(gc_objective=Plain), train(gc_objective="policy_gradient")
    pairs = zip(one.policy.parameters(), other.policy.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)
    again = train(gc_objective=Plain)
    pairs = zip(one.policy.parameters(), again.policy.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_file_names_the_class_and_loading_takes_it(tmp_path):
    model = train(gc_objective=Plain)
    path = tmp_path / "model.gcgen"
    model.save(path)
    with pytest.raises(ValueError, match="class Plain: pass gc_objective=Plain to load it"):
        GCGen.load(path)
    for arguments in ({"gc_objective": Plain}, {"custom_objects": {"gc_objective": Plain}}):
        loaded = GCGen.load(path, env="GCGen-Digits-v0", **arguments)
        assert loaded.config.gc_objective is Plain
        loaded.learn(16 * 8, reset_num_timesteps=False)
    images = model.load_split("test").take(range(4))
    assert (GCGen.load(path, gc_objective="leave_one_out").encode(images) >= 0).all()


def test_a_subclass_of_tree_search_needs_its_policy():
    with pytest.raises(ValueError, match=r"go together: got gc_objective='OwnTree'"):
        make_model(gc_objective=OwnTree)
    make_model(gc_objective=OwnTree, policy="SearchPolicy")


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (int, "must be a subclass of Objective, got the class int"),
        (NoLoss, "gc_objective=NoLoss is abstract: define its method 'loss'"),
        (type("leave_one_out", (Plain,), {}), "has the name of another objective"),
        (Plain.__name__, "gc_objective must be one of leave_one_out, .* got 'Plain'"),
    ],
)
def test_other_classes_are_refused(objective, message):
    with pytest.raises(ValueError, match=message):
        make_model(gc_objective=objective)
