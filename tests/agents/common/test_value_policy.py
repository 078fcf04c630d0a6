"""Policies that give values to the observed proposals."""

import numpy as np
import pytest
import torch

from agents.baselines import GreedyAgent
from agents.common.proposal_policy import find_likelihood
from agents.common.value_policy import ProposalValues
from agents.maskable_dqn import MaskableDQN
from tests.agents.common.conftest import ALGORITHMS, make_env, make_model, values_of


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_fresh_proposal_policy_is_greedy_look_ahead(algorithm, observations):
    model = make_model(algorithm, "ProposalPolicy")
    expected, _ = GreedyAgent(make_env()).predict(observations)
    np.testing.assert_array_equal(model.predict(observations, deterministic=True)[0], expected)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_scores_do_not_depend_on_the_order_of_proposals(algorithm, observations):
    model = make_model(algorithm, "ProposalPolicy").learn(120)
    order = np.random.default_rng(0).permutation(16)
    shuffled = dict(observations)
    for key in ("proposals", "log_prior", "action_mask"):
        shuffled[key] = observations[key][:, order]
    rows = [model.policy.obs_to_tensor(each)[0] for each in (observations, shuffled)]
    plain, permuted = (values_of(model, each)[0] for each in rows)
    torch.testing.assert_close(permuted, plain[:, order])


@pytest.mark.parametrize("outputs", [1, 5])
@torch.no_grad()
def test_values_are_the_sum_of_the_state_value_the_look_ahead_and_the_score(outputs, observations):
    extractor = make_model(MaskableDQN, "ProposalPolicy").q_net.features_extractor
    values = ProposalValues(extractor, 8, outputs)
    generator = torch.Generator().manual_seed(0)
    for parameter in values.parameters():
        parameter.normal_(0.0, 0.3, generator=generator)
    tensors = {key: torch.as_tensor(value) for key, value in observations.items()}
    features = extractor(tensors)
    decision, scorer = extractor.unpack(features), values.scorer
    latent = scorer.embed(decision.image, decision.goal, decision.progress)
    score = torch.einsum(
        "bd,bad->ba", scorer.point(latent), decision.proposals - decision.image.unsqueeze(1)
    )
    advantage = scorer.temperature_factor(decision.progress) * decision.gain + score
    state_value = 8.0 * values.state_value(latent)  # sqrt(D) nats each, D = 64
    expected = state_value.unsqueeze(2) + advantage.unsqueeze(1)
    assert expected.shape == (15, outputs, 16)
    torch.testing.assert_close(values(features), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_width_and_likelihood_are_saved(algorithm, tmp_path):
    kwargs = {"width": 24}
    model = make_model(algorithm, "ProposalPolicy", policy_kwargs=kwargs)
    model.policy.save(tmp_path / "policy.pt")
    loaded = type(model.policy).load(tmp_path / "policy.pt")
    assert loaded.width == 24
    own = find_likelihood(model.observation_space)
    assert loaded.features_extractor_kwargs["likelihood"] == own
