"""Conditional S-agents: trained on labels, given a class, and still unconditional without one."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from agents import GCGen
from agents.gcgen.labels import count_classes, group_labels, take_labels
from gcgen_env.datasets import Dataset, load_dataset
from gcgen_env.model.s_agent import SAgent
from tests.gcgen_env.sample_proposers import with_convolutions

SIZES = {"s_agent_kwargs": {"width": 32, "depth": 1}, "n_envs": 64, "batch_size": 64, "seed": 0}
TASK = {"num_proposals": 4, "horizon": 3, "proposer": "dictionary"}


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """Images of which one half is bright: the upper one in class 0, the lower one in class 1."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    images = np.zeros((300, 8, 8))
    images[labels == 0, :4] = images[labels == 1, 4:] = 0.9
    images = (255 * (images + 0.05 * rng.random(images.shape))).astype(np.uint8)
    path = tmp_path_factory.mktemp("data") / "halves.npz"
    np.savez(path, images=images, labels=labels)
    return path


def make(halves, **options):
    env_kwargs = {**TASK, "dataset": str(halves)}
    return GCGen("GCPolicy", "GCGen-Digits-v0", env_kwargs=env_kwargs, **{**SIZES, **options})


@pytest.fixture(scope="module")
def model(halves):
    return make(halves, condition="label", lr_schedule="constant").learn(120 * 64 * 3)


def find_half(images):
    return (images[:, 0, 4:].mean((1, 2)) > images[:, 0, :4].mean((1, 2))).astype(int)


def test_images_are_of_the_class_that_was_asked_for(model):
    for label in (0, 1):
        assert (find_half(model.sample(100, seed=0, label=label)) == label).mean() >= 0.95
    label = np.arange(100) % 2
    assert (find_half(model.sample(100, seed=0, label=label)) == label).mean() >= 0.95


def test_without_a_class_both_are_drawn(model):
    assert 0.25 < find_half(model.sample(200, seed=0)).mean() < 0.75


def test_the_class_makes_the_bound_smaller(model):
    data = model.load_split("test")
    images = data.take(np.arange(len(data)))
    without, given = (model.evaluate_nll(images, label=each) for each in (None, data.labels))
    assert given.nll < without.nll - 0.4  # log 2 = 0.69 nats tell the class
    assert given.name == "-ELBO | class"
    wrong = model.evaluate_nll(images, label=1 - data.labels)
    assert wrong.nll > without.nll


def test_bounds_are_in_the_order_of_the_images_whatever_the_search(model):
    data = model.load_split("test")
    images, labels = data.take(np.arange(12)), data.labels[:12]
    for options in ({}, {"search": "two_step", "width": 2}, {"search": "beam", "width": 2}):
        together = model.evaluate_nll(images > 0.5, label=labels, **options).per_image
        if options.get("search") == "beam":  # without draws each image stands alone
            alone = [
                model.evaluate_nll(images[[i]] > 0.5, label=labels[i], **options).nll
                for i in range(12)
            ]
            np.testing.assert_allclose(together, alone, rtol=1e-4)
        assert together.shape == (12,)


@pytest.mark.parametrize("num", [1, 8, 32, 33])
def test_codes_are_decoded_for_the_class_of_each(model, num):
    labels = np.arange(num) % 2
    codes = np.random.default_rng(0).integers(0, 4, (num, 3))
    each = [model.decode(codes[[i]], label=int(labels[i]))[0] for i in range(num)]
    np.testing.assert_array_equal(model.decode(codes, label=labels), each)
    with pytest.raises(ValueError, match="label must be one class, or one for each of"):
        model.decode(codes, label=np.zeros(num + 1, int))


def test_guided_images_know_their_class(model):
    found = model.sample(4, seed=0, guidance=lambda images: images.mean((1, 2, 3)), label=1)
    assert found.label == 1 == found.typical(2).label
    np.testing.assert_array_equal(model.decode(found.codes, label=found.label), found.images)


def test_a_fresh_conditional_s_agent_is_the_unconditional_one(halves):
    one, other = make(halves), make(halves, condition="label")
    np.testing.assert_array_equal(one.sample(8, seed=0), other.sample(8, seed=0, label=1))


def test_files_keep_the_classes(model, tmp_path):
    model.save(tmp_path / "model.gcgen")
    loaded = GCGen.load(tmp_path / "model.gcgen")
    assert loaded.config.condition == "label" and loaded.chain.num_classes == 2
    model.s_agent.save(tmp_path / "s_agent.safetensors")
    for each in (loaded, SAgent.load(tmp_path / "s_agent.safetensors")):
        np.testing.assert_array_equal(
            each.sample(4, seed=0, label=1), model.sample(4, seed=0, label=1)
        )


def test_guided_and_decoded_images_have_a_class(model):
    found = model.sample(6, seed=0, guidance=lambda x: 0 * x.mean((1, 2, 3)), label=1)
    assert (find_half(found.images) == 1).mean() > 0.8
    np.testing.assert_allclose(model.decode(found.codes, label=1), found.images, atol=1e-5)
    assert np.abs(model.decode(found.codes) - found.images).max() > 1e-3


def test_an_environment_proposes_without_a_class(model):
    env = gym.make("GCGen-Digits-v0", **{**TASK, "dataset": model.env_config.dataset,
                                         "proposer": model.s_agent})  # fmt: skip
    observation, _ = env.reset(seed=0)
    start, step = model.chain.dynamics.start(1), torch.zeros(1, dtype=torch.int64)
    prior = model.chain.propose(start, step).log_prior[0]
    np.testing.assert_allclose(observation["log_prior"], prior.detach(), atol=1e-5)
    given = model.chain.given(1).propose(start, step).log_prior[0]
    assert (prior - given).abs().max() > 0.1


@pytest.mark.parametrize("basis", [0, 5])
def test_larger_images_can_have_classes(halves, basis):
    kwargs = {**TASK, "dataset": str(halves), "image_size": 12, "likelihood": "gaussian"}
    options = {**SIZES, "env_kwargs": kwargs, "condition": "label"}
    sizes = {"width": 16, "depth": 1, "basis": basis}
    model = GCGen("GCPolicy", "GCGen-Images-v0", **{**options, "s_agent_kwargs": sizes})
    if not basis:  # as in earlier versions
        agent = with_convolutions(model.s_agent)
        model = GCGen(
            "GCPolicy", "GCGen-Images-v0", s_agent=agent, **{**options, "s_agent_kwargs": {}}
        )
    model.learn(40 * 64 * 3)
    network = model.s_agent.network
    assert (network.class_embedding.abs().amax(1) > 0).all()  # both are trained
    network.class_embedding.data.normal_(0, 1, generator=torch.Generator().manual_seed(0))
    samples = [model.sample(100, seed=0, label=label) for label in (None, 0, 1)]
    assert all(np.abs(samples[0] - each).max() > 1e-4 for each in samples[1:])


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (2, r"label must be an integer in \[0, 2\), got 2"),
        (-1, r"label must be an integer in \[0, 2\), got -1"),
        (0.5, r"label must be an integer in \[0, 2\), got 0.5"),
        ("seven", r"label must be an integer in \[0, 2\), got 'seven'"),
        ([0, 1], "label must be one class, or one for each of 3, got 2"),
    ],
)
def test_labels_that_do_not_fit(model, label, message):
    with pytest.raises(ValueError, match=message):
        model.sample(3, label=label)


def test_labels_of_an_unconditional_model(halves):
    plain = make(halves)
    for call in (
        lambda: plain.sample(2, label=0),
        lambda: plain.s_agent.sample(2, label=0),
        lambda: plain.decode([[0, 1]], label=0),
        lambda: plain.evaluate_nll(np.zeros((1, 1, 8, 8)), label=0),
    ):
        with pytest.raises(ValueError, match="trained without labels: train with condition="):
            call()


def test_labels_of_guided_images_and_of_searches(model):
    with pytest.raises(ValueError, match="guided images have one label for all of them, got 2"):
        model.sample(2, guidance=lambda x: x.mean((1, 2, 3)), label=[0, 1])
    chain = model.chain.given([0, 1])
    with pytest.raises(ValueError, match="3 states cannot have 2 labels"):
        chain.propose(chain.dynamics.start(3), torch.zeros(3, dtype=torch.int64))


def test_options_that_do_not_fit(halves):
    with pytest.raises(ValueError, match="condition must be one of label; got 'class'"):
        make(halves, condition="class")
    with pytest.raises(ValueError, match="condition trains the S-agent: omit train_s_agent=False"):
        make(halves, condition="label", train_s_agent=False)
    with pytest.raises(ValueError, match=r"needs labels, and the data set two_moons has none"):
        GCGen("GCPolicy", "GCGen-Toy2D-v0", condition="label")
    with pytest.raises(ValueError, match="the S-agent to start from has num_classes=0, asked for"):
        GCGen("GCPolicy", "GCGen-Digits-v0", s_agent="pretrained", condition="label")


def test_a_training_without_classes_warns_that_it_spoils_them(halves, model):
    follower = make(halves, s_agent=model.s_agent)
    with pytest.warns(UserWarning, match="knows 2 classes, and a training without them spoils"):
        follower.learn(1)
    with pytest.raises(TypeError, match="cannot hold num_classes, which the labels of the data"):
        make(halves, s_agent_kwargs={"num_classes": 3})


def test_labels_are_numbered_without_gaps():
    data = load_dataset("digits", "train")
    assert count_classes(data) == 10
    odd = data.select(np.flatnonzero(data.labels % 2))
    with pytest.raises(ValueError, match=r"0, 1, \.\.\. without gaps, got \[1, 3, 5, 7, 9\]"):
        count_classes(odd)


def test_a_tenth_of_the_labels_is_left_out():
    images = np.zeros((1, 2), np.float32)
    data = Dataset("some", images.repeat(2000, 0), 1.0, -1.0, 1.0, np.arange(2000) % 3)
    label = take_labels(data, np.arange(2000), np.random.default_rng(0))
    assert 0.08 < (label == -1).mean() < 0.12
    kept = label >= 0
    assert np.array_equal(label[kept], (np.arange(2000) % 3)[kept])


def test_groups_of_labels():
    groups = {label: index.tolist() for label, index in group_labels([2, 0, 2], 3)}
    assert groups == {0: [1], 2: [0, 2]}
    assert group_labels(1, 2)[0][1].tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"one for each of 3 images, got \(2,\)"):
        group_labels([0, 1], 3)
