"""User-defined proposers: which of their methods are called, and how results are checked."""

import numpy as np
import pytest
import torch

from gcgen_env import GCGenEnv, default_kwargs
from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.model.proposer import CheckedProposer, Proposer, as_lazy
from tests.gcgen_env.sample_proposers import ChangedProposer, CountingProposer, OnlyPropose

DIGITS = default_kwargs("GCGen-Digits-v0")
SHAPE, A, B = (1, 8, 8), 16, 5
STEP = torch.arange(B)
ACTION = torch.tensor([15, 0, 3, 3, 7])
EACH_METHOD = pytest.mark.parametrize("need_all", [True, False])
OBS_MODES = pytest.mark.parametrize("obs_mode", ["pixels", "compact"])


@pytest.fixture
def canvas():
    return torch.randn(B, *SHAPE, generator=torch.Generator().manual_seed(0))


def make_digits(**kwargs):
    return GCGenEnv(**{**DIGITS, **kwargs})


class WithPrior(CountingProposer):
    """Has `prior` but not `propose_rows`."""

    propose_rows = property()  # `hasattr` is False


class WithRows(CountingProposer):
    """Has `propose_rows` but not `prior`."""

    prior = property()


def test_only_user_defined_proposers_are_wrapped():
    dictionary, user_defined = DictionaryProposer(SHAPE, A, 8), OnlyPropose()
    assert as_lazy(dictionary, SHAPE) is dictionary
    wrapped = as_lazy(user_defined, SHAPE)
    assert isinstance(wrapped, CheckedProposer) and wrapped.inner is user_defined
    assert isinstance(user_defined, Proposer) and isinstance(wrapped, Proposer)


class TestResults:
    @EACH_METHOD
    @pytest.mark.parametrize("kind", [OnlyPropose, CountingProposer, WithPrior, WithRows])
    def test_are_those_of_the_proposer(self, canvas, kind, need_all):
        delta, log_prior = kind().propose(canvas, STEP)
        proposals = CheckedProposer(kind(), SHAPE).lazy(canvas, STEP, need_all=need_all)
        assert torch.equal(proposals.x, canvas.flatten(1))
        assert torch.equal(proposals.log_prior, log_prior)
        chosen = delta[torch.arange(B), ACTION]
        assert torch.equal(proposals.chosen(ACTION), chosen)
        assert torch.equal(proposals.all(torch.float32), delta.flatten(2))
        assert torch.equal(proposals.all(torch.bfloat16), delta.bfloat16().float().flatten(2))
        proposals.all(torch.float32).fill_(torch.nan)  # the caller may overwrite the result
        assert torch.equal(proposals.all(torch.float32), delta.flatten(2))
        assert torch.equal(proposals.chosen(ACTION), chosen)

    @EACH_METHOD
    def test_double_precision_is_cast(self, canvas, need_all):
        proposer = ChangedProposer(lambda delta, prior: (delta.double(), prior.double()))
        proposals = CheckedProposer(proposer, SHAPE).lazy(canvas, STEP, need_all=need_all)
        results = proposals.log_prior, proposals.chosen(ACTION), proposals.all(torch.float32)
        assert {result.dtype for result in results} == {torch.float32}

    def test_an_environment_casts_double_precision(self):
        change = ChangedProposer(lambda delta, prior: (delta.double(), prior.double()))
        env = make_digits(proposer=change)
        obs, _ = env.reset(seed=0)
        assert env.episodes.canvas.dtype == torch.float32
        assert env.reset()[0]["proposals"].dtype == np.float32
        assert env.observation_space.contains(obs)

    def test_a_list_of_two_tensors_is_accepted(self, canvas):
        proposer = ChangedProposer(lambda delta, prior: [delta, prior])
        delta, log_prior = CheckedProposer(proposer, SHAPE).propose(canvas, STEP)
        assert delta.shape == (B, A, *SHAPE) and log_prior.shape == (B, A)

    def test_the_chosen_changes_have_a_gradient_and_all_changes_have_none(self, canvas):
        scale = torch.ones((), requires_grad=True)
        proposer = ChangedProposer(lambda delta, prior: (scale * delta, prior))
        proposals = CheckedProposer(proposer, SHAPE).lazy(canvas, STEP)
        assert not proposals.all(torch.float32).requires_grad
        proposals.chosen(ACTION).square().sum().backward()
        assert scale.grad > 0


class TestCalls:
    def test_both_optional_methods_replace_propose(self, canvas):
        proposer = CountingProposer()
        proposals = CheckedProposer(proposer, SHAPE).lazy(canvas, STEP, need_all=False)
        assert proposer.calls == ["prior"]
        proposals.chosen(ACTION)
        assert proposer.calls == ["prior", "propose_rows"]
        proposals.all(torch.float32)
        assert proposer.calls == ["prior", "propose_rows", "propose"]

    def test_propose_is_called_once_if_all_changes_are_needed(self, canvas):
        proposer = CountingProposer()
        proposals = CheckedProposer(proposer, SHAPE).lazy(canvas, STEP, need_all=True)
        proposals.all(torch.float32)
        proposals.chosen(ACTION)
        assert proposer.calls == ["propose"]

    @EACH_METHOD
    @pytest.mark.parametrize("kind", [WithPrior, WithRows])
    def test_one_optional_method_alone_is_not_used(self, canvas, kind, need_all):
        proposer = kind()
        proposals = CheckedProposer(proposer, SHAPE).lazy(canvas, STEP, need_all=need_all)
        proposals.chosen(ACTION)
        proposals.all(torch.float32)
        assert proposer.calls == ["propose"]

    @OBS_MODES
    @pytest.mark.parametrize("kind", [WithPrior, WithRows])
    def test_an_environment_then_calls_propose_once_for_each_state(self, obs_mode, kind):
        proposer = kind()
        env = make_digits(proposer=proposer, obs_mode=obs_mode)
        env.reset(seed=0)
        for h in range(8):
            assert proposer.calls == ["propose"] * (h + 1) and proposer.steps[-1] == h
            env.step(h)
        assert len(proposer.calls) == 8

    def test_compact_observations_need_the_prior_and_the_chosen_change_of_each_state(self):
        proposer = CountingProposer()
        env = make_digits(proposer=proposer, obs_mode="compact")
        env.reset(seed=0)
        for h in range(8):
            env.step(h)
        assert proposer.calls == ["prior", "propose_rows"] * 8
        assert proposer.steps == [h for h in range(8) for _ in range(2)]


SHAPE_ERRORS = {
    "changes not a tensor": (
        lambda delta, prior: (delta.numpy(), prior),
        "two torch tensors.*changes is a ndarray",
    ),
    "prior not a tensor": (
        lambda delta, prior: (delta, prior.tolist()),
        "two torch tensors.*log_prior is a list",
    ),
    "one tensor": (lambda delta, prior: prior, "two torch tensors.*got Tensor"),
    "three tensors": (lambda delta, prior: (delta, prior, prior), "two torch tensors.*got tuple"),
    "flat prior": (
        lambda delta, prior: (delta, prior[0]),
        r"log_prior of shape \(16,\), expected \(B, A\) with B=1",
    ),
    "flat changes": (
        lambda delta, prior: (delta.flatten(2), prior),
        r"propose returned changes of shape \(1, 16, 64\), expected \(1, 16, 1, 8, 8\)",
    ),
    "changes without A": (
        lambda delta, prior: (delta[:, 0], prior),
        r"changes of shape \(1, 1, 8, 8\), expected \(1, 16, 1, 8, 8\)",
    ),
    "fewer changes than probabilities": (
        lambda delta, prior: (delta[:, :1], prior),  # would broadcast unnoticed
        r"changes of shape \(1, 1, 1, 8, 8\), expected \(1, 16, 1, 8, 8\)",
    ),
    "a larger batch": (
        lambda delta, prior: (delta.repeat(2, 1, 1, 1, 1), prior.repeat(2, 1)),
        r"log_prior of shape \(2, 16\), expected \(B, A\) with B=1",
    ),
}
VALUE_ERRORS = {
    "infinite": (lambda delta, prior: (delta * torch.inf, prior), "changes must be finite"),
    "NaN": (lambda delta, prior: (delta * torch.nan, prior), "changes must be finite.*got nan"),
    "beyond float32": (lambda delta, prior: (1e30 * delta, prior), r"at most 1e\+24, got 5e\+29"),
    "complex": (lambda delta, prior: (delta + 1j, prior), "of real numbers, got torch.complex64"),
    "sparse": (lambda delta, prior: (delta.to_sparse(), prior), "dense tensor.*got torch.sparse"),
    "meta": (lambda delta, prior: (delta.to("meta"), prior), "tensor with values.*got a meta"),
    "unnormalised": (
        lambda delta, prior: (delta, prior + 0.01),
        "log_prior must be normalised.*got 0.01",
    ),
    "NaN prior": (lambda delta, prior: (delta, prior * torch.nan), "got nan: is it NaN"),
    "no valid proposal": (
        lambda delta, prior: (delta, torch.full_like(prior, -torch.inf)),
        "log_prior must be normalised.*got -inf",
    ),
    "probabilities": (lambda delta, prior: (delta, prior.exp()), "log_prior must be normalised"),
}
ERRORS = SHAPE_ERRORS | VALUE_ERRORS


class TestErrors:
    @OBS_MODES
    @pytest.mark.parametrize("name", ERRORS)
    def test_results_that_break_the_protocol(self, obs_mode, name):
        change, message = ERRORS[name]
        env = make_digits(proposer=ChangedProposer(change), obs_mode=obs_mode, nucleus=0.9)
        with pytest.raises(ValueError, match=message):
            env.reset(seed=0)

    @OBS_MODES
    @pytest.mark.parametrize("num_proposals", [1, 4])  # one would broadcast unnoticed
    def test_another_number_of_proposals(self, obs_mode, num_proposals):
        env = make_digits(proposer=OnlyPropose(num_proposals=num_proposals), obs_mode=obs_mode)
        with pytest.raises(ValueError, match=rf"\(1, {num_proposals}\), expected \(1, 16\)"):
            env.reset(seed=0)

    def test_one_wrong_state_in_a_batch_is_found(self, canvas):
        for change in (
            lambda delta, prior: (delta, prior - (STEP == 3)[:, None].float()),
            lambda delta, prior: (delta / (STEP != 3).view(-1, 1, 1, 1, 1), prior),
        ):
            with pytest.raises(
                ValueError, match=r"got -1$|must be finite and at most 1e\+24, got inf"
            ):
                CheckedProposer(ChangedProposer(change), SHAPE).lazy(canvas, STEP)

    def test_results_of_the_optional_methods_are_checked_too(self, canvas):
        proposer = CountingProposer()
        checked = CheckedProposer(proposer, SHAPE)
        proposer.propose_rows = lambda canvas, step, action: torch.zeros(B, 8, 8)
        with pytest.raises(ValueError, match=r"propose_rows returned changes of shape \(5, 8, 8\)"):
            checked.lazy(canvas, STEP, need_all=False).chosen(ACTION)
        proposer.propose_rows = lambda canvas, step, action: canvas * torch.nan
        with pytest.raises(ValueError, match="changes must be finite"):
            checked.lazy(canvas, STEP, need_all=False).chosen(ACTION)
        proposer.prior = lambda canvas, step: torch.zeros(B, A)
        with pytest.raises(ValueError, match=r"must be normalised.*got 2\.77259"):
            checked.lazy(canvas, STEP, need_all=False)

    @OBS_MODES
    def test_a_small_rounding_error_of_the_prior_is_accepted(self, obs_mode):
        proposer = ChangedProposer(lambda delta, prior: (delta, prior + 5e-4))
        obs, _ = make_digits(proposer=proposer, obs_mode=obs_mode).reset(seed=0)
        assert obs["log_prior"].shape == (A,)
