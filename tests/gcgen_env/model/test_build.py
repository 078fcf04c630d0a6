"""From a configuration to a chain and an S-agent: wrong values, initial states, proposers, data."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from gcgen_env import GCGenEnv, GCGenVectorEnv, default_kwargs
from gcgen_env.config import EnvConfig
from gcgen_env.datasets import DatasetNotFoundError, load, load_dataset, locations, mnist
from gcgen_env.datasets.images import wrap_images
from gcgen_env.model.build import make_s_agent, open_data
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.fresh import find_active
from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent
from gcgen_env.testing.episodes import find_difference, roll
from tests.gcgen_env.sample_proposers import OnlyPropose

DIGITS = {**default_kwargs("GCGen-Digits-v0"), "proposer": "dictionary"}


def make_digits(**kwargs):
    return GCGenEnv(**{**DIGITS, **kwargs})


def first_image(**kwargs):
    return make_digits(**kwargs).reset(seed=0)[0]["observation"]


class TestWrongArguments:
    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"horizon": 0}, "horizon must be at least 1"),
            ({"horizon": 2.5}, "horizon must be an integer"),
            ({"num_proposals": 1}, "num_proposals must be at least 2"),
            ({"num_proposals": 0}, "num_proposals must be at least 2"),
            ({"rate": -0.1}, r"rate must lie in \[0, 1e\+06\], got -0.1"),
            ({"rate": float("nan")}, "rate must lie in"),
            ({"rate": [1.0, 1.0]}, "a list of horizon=8 numbers, got 2"),
            ({"gamma": 1.5}, "gamma must be at least 0 and at most 1"),
            ({"nucleus": 0.0}, "nucleus must be above 0 and at most 1"),
            ({"sigma": 0}, "sigma must be above 0"),
            ({"reward_type": "dense"}, "reward_type must be one of potential, distance, sparse"),
            ({"obs_mode": "image"}, "obs_mode must be one of pixels, compact"),
            ({"likelihood": "normal"}, "likelihood must be one of bernoulli, gaussian"),
            (
                {"render_mode": "svg"},
                "must be None or one of 'rgb_array', 'ansi', 'human'; got 'svg'",
            ),
            ({"dataset": None}, "dataset= is required"),
            ({"dataset": "digit"}, "Did you mean 'digits'"),
            ({"dataset": "two_moons"}, r"Bernoulli likelihood needs images in \[0, 1\]"),
            ({"split": "val"}, "split"),
            ({"device": "cuda:99"}, "no CUDA device"),
            ({"device": "meta"}, "device='meta' cannot be used here .*: use 'cpu' or 'auto'"),
            ({"proposer": "x" * 5000}, r"unknown proposer 'x+\.\.\.x+': expected 'pretrained'"),
            ({"device": "foo"}, "device must be 'cpu', 'cuda', 'cuda:0' or 'auto', got 'foo'"),
        ],
        ids=str,
    )
    def test_wrong_values_are_named(self, kwargs, message):
        if kwargs.get("device") and torch.cuda.is_available():
            pytest.skip("there is a CUDA device here")
        with pytest.raises(ValueError, match=message):
            make_digits(**kwargs)

    def test_the_number_of_environments_must_be_an_integer(self):
        with pytest.raises(ValueError, match=r"num_envs must be an integer, got 2\.5"):
            GCGenVectorEnv(num_envs=2.5, **DIGITS)

    def test_an_unknown_keyword_names_the_nearest(self):
        with pytest.raises(
            TypeError, match="unexpected keyword argument 'horizons'; did you mean 'horizon'"
        ):
            make_digits(horizons=3)

    def test_missing_data_says_which_files_to_put_where(self, tmp_path, monkeypatch):
        def fail(*args, **kwargs):
            raise OSError("no network")

        monkeypatch.setattr(mnist, "download_idx", fail)
        for module in (locations, mnist):
            monkeypatch.setattr(module, "cache_root", lambda: tmp_path / "cache")
        with pytest.raises(DatasetNotFoundError, match=r"(?s)train-images.*data_dir=.*GCGEN_DATA"):
            GCGenEnv(dataset="fashion_mnist", data_dir=str(tmp_path))


class TestInitialState:
    def test_mean_is_that_of_the_training_split(self):
        mean = load_dataset("digits", "train").mean().clip(1e-5, 1 - 1e-5)
        np.testing.assert_allclose(first_image(split="test"), mean, atol=1e-6)

    def test_zeros_is_logit_zero_or_black(self):
        assert np.array_equal(first_image(initial_state="zeros"), np.full((1, 8, 8), 0.5))
        assert not first_image(initial_state="zeros", likelihood="gaussian").any()

    @pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
    def test_noise_is_always_the_same_draw(self, likelihood):
        kwargs = {"initial_state": "noise", "likelihood": likelihood}
        noise = first_image(**kwargs)
        assert np.array_equal(noise, first_image(**kwargs))
        assert noise.std() > 0.1

    def test_an_array_and_its_file_are_the_same(self, tmp_path):
        image = np.random.default_rng(0).random((1, 8, 8)).astype(np.float32)
        np.save(tmp_path / "image.npy", image)
        np.testing.assert_allclose(first_image(initial_state=image), image, atol=1e-6)
        np.testing.assert_allclose(first_image(initial_state=image[0]), image, atol=1e-6)
        read = first_image(initial_state=str(tmp_path / "image.npy"))
        np.testing.assert_allclose(read, image, atol=1e-6)

    @pytest.mark.parametrize(("mode", "shape"), [("L", (8, 8)), ("RGB", (8, 8, 3))])
    def test_an_image_file_is_read(self, tmp_path, colour_file, mode, shape):
        pixels = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
        Image.fromarray(pixels, mode).save(tmp_path / "image.png")
        dataset = "digits" if mode == "L" else str(colour_file)
        image = first_image(
            dataset=dataset, likelihood="gaussian", initial_state=str(tmp_path / "image.png")
        )
        expected = pixels[None] if mode == "L" else np.moveaxis(pixels, -1, 0)
        np.testing.assert_allclose(image, expected / 255, atol=1e-6)

    @pytest.mark.parametrize(
        ("state", "message"),
        [
            (np.zeros((1, 8, 9)), r"initial_state must have shape \(1, 8, 8\), got \(1, 8, 9\)"),
            (np.full((1, 8, 8), np.nan), "initial_state must be finite"),
            (np.full((1, 8, 8), None), "an image of numbers, got dtype object"),
            (np.full((1, 8, 8), 1.01), r"within \[0, 1\]"),
            (np.full((1, 8, 8), -0.5), r"within \[0, 1\]"),
            ("median", "'mean', 'zeros', 'noise', an image or a file; no file median"),
        ],
        ids=["shape", "nan", "objects", "above", "below", "name"],
    )
    def test_a_wrong_image_is_refused(self, state, message):
        with pytest.raises(ValueError, match=message):
            make_digits(initial_state=state)

    @pytest.mark.parametrize("name", ["image.npy", "image.png"])
    def test_a_damaged_file_is_named(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"not an image")
        with pytest.raises(ValueError, match=f"cannot read initial_state from .*{name}"):
            make_digits(initial_state=str(tmp_path / name))

    def test_a_16_bit_image_file_keeps_its_upper_bits(self, tmp_path):
        path = tmp_path / "deep.png"
        Image.fromarray(np.full((8, 8), 30_000, dtype=np.uint16)).save(path)
        image = first_image(likelihood="gaussian", initial_state=str(path))
        np.testing.assert_allclose(image, (30_000 >> 8) / 255, atol=1e-6)


class TestProposers:
    def test_an_unknown_name_lists_the_possible_ones(self):
        with pytest.raises(
            ValueError, match="'pretrained', 'dictionary', 'toggles', the path of a saved"
        ):
            make_digits(proposer="dictionnary")

    def test_no_s_agent_is_shipped_for_your_own_images(self):
        images = np.zeros((3, 8, 8), np.uint8)
        with pytest.raises(ValueError, match=r"no pretrained S-agent is shipped .*of your own"):
            GCGenEnv(dataset=images, proposer="pretrained")

    def test_an_object_needs_propose(self):
        with pytest.raises(ValueError, match=r"method propose\(canvas, step\), got dict"):
            make_digits(proposer={})

    def test_an_object_of_other_sizes_is_refused(self):
        proposer = OnlyPropose()
        proposer.num_proposals = 4
        with pytest.raises(ValueError, match="the proposer has num_proposals=4, the environment"):
            make_digits(proposer=proposer)


def make_agent(likelihood=None):
    """Make an S-agent of 4 proposals and 3 steps for the digits."""
    torch.manual_seed(0)
    likelihood = likelihood or Bernoulli(3)
    network = ProposalNetwork(NetworkConfig((1, 8, 8), 4, 3, likelihood.name, width=16))
    dynamics = Dynamics(torch.randn(1, 8, 8), torch.tensor([0.5, 0.25, 0.125]))
    return SAgent(Chain(network, dynamics, likelihood), {"note": "toy"})


@pytest.fixture(params=["object", "file"])
def agent(request, tmp_path):
    """Return an S-agent, and what an environment may receive as `proposer`: it or its file."""
    agent = make_agent()
    return agent, (agent if request.param == "object" else str(agent.save(tmp_path / "agent")))


class TestSAgentAsProposer:
    SIZES: ClassVar = {"num_proposals": 4, "horizon": 3}

    def test_an_object_and_its_file_make_the_same_episodes(self, tmp_path):
        agent = make_agent()
        proposers = agent, agent.save(tmp_path / "agent"), str(tmp_path / "agent")
        runs = [roll(make_digits(proposer=each, **self.SIZES), 0) for each in proposers]
        assert find_difference(runs[0], runs[1]) is None
        assert find_difference(runs[0], runs[2]) is None

    def test_the_vector_environment_accepts_an_object(self):
        agent = make_agent()
        envs = GCGenVectorEnv(2, **{**DIGITS, **self.SIZES, "proposer": agent})
        obs, _ = envs.reset(seed=0)
        delta, _ = agent.network.propose(agent.chain.dynamics.start(1), torch.zeros(1).long())
        canvas = agent.chain.dynamics.initial + 0.5 * delta[0]
        expected = agent.likelihood.mean(canvas).detach()
        np.testing.assert_allclose(obs["proposals"][1], expected, rtol=1e-5, atol=1e-6)

    def test_an_object_is_used_itself_and_left_as_it_was(self):
        agent = make_agent()
        before = [p.clone() for p in agent.network.parameters()]
        env = make_digits(proposer=agent, rate=2.0, nucleus=0.5, **self.SIZES)
        assert env.episodes.chain.proposer is agent.network
        roll(env, 0)
        assert agent.chain.nucleus == 1.0 and agent.chain.dynamics.rate[0] == 0.5
        assert all(p.requires_grad and p.grad is None for p in agent.network.parameters())
        assert all(map(torch.equal, before, agent.network.parameters()))

    def test_brings_its_initial_state_and_rate(self, agent):
        agent, proposer = agent
        env = make_digits(proposer=proposer, **self.SIZES)
        obs, _ = env.reset(seed=0)
        expected = agent.likelihood.mean(agent.chain.dynamics.initial).numpy()
        np.testing.assert_allclose(obs["observation"], expected, atol=1e-6)
        assert torch.equal(env.episodes.chain.dynamics.rate, agent.chain.dynamics.rate)

    def test_keywords_override_initial_state_and_rate(self, agent):
        env = make_digits(proposer=agent[1], rate=2.0, initial_state="zeros", **self.SIZES)
        obs, _ = env.reset(seed=0)
        assert np.array_equal(obs["observation"], np.full((1, 8, 8), 0.5))
        assert env.episodes.chain.dynamics.rate.tolist() == [2.0, 2.0, 2.0]

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"num_proposals": 5}, "trained with num_proposals 4, the environment has 5"),
            ({"horizon": 4}, "trained with horizon 3, the environment has 4"),
            ({"likelihood": "gaussian"}, "trained with likelihood Bernoulli"),
            ({"image_size": 4}, r"trained with image shape \(1, 8, 8\)"),
        ],
    )
    def test_another_environment_is_refused(self, agent, kwargs, message):
        with pytest.raises(ValueError, match=message):
            make_digits(**{"proposer": agent[1], **self.SIZES, **kwargs})

    def test_another_sigma_is_another_likelihood(self):
        agent = make_agent(Gaussian(3, sigma=0.2))
        kwargs = {"proposer": agent, "likelihood": "gaussian", **self.SIZES}
        make_digits(sigma=0.2, **kwargs)
        with pytest.raises(ValueError, match=r"sigma=0\.2.*sigma=0\.1"):
            make_digits(sigma=0.1, **kwargs)


class TestSAgentToTrain:
    def make(self, start, sizes=None, **kwargs):
        config = EnvConfig(**{**DIGITS, "num_proposals": 4, "horizon": 3, **kwargs})
        return make_s_agent(config, open_data(config), start, **(sizes or {}))

    def test_a_fresh_one_has_the_environments_state_and_rate(self):
        fresh = self.make(None, {"width": 24, "depth": 1}, rate=0.7, initial_state="zeros")
        sizes = fresh.network.config
        assert (sizes.width, sizes.depth, sizes.num_proposals, sizes.horizon) == (24, 1, 4, 3)
        assert torch.equal(fresh.chain.dynamics.rate, torch.full((3,), 0.7))
        assert not fresh.chain.dynamics.initial.any()
        assert fresh.metadata == {"dataset": "digits"}
        assert all(p.requires_grad for p in fresh.network.parameters())

    @pytest.mark.parametrize(("likelihood", "size"), [("bernoulli", 10.0), ("gaussian", 1.0)])
    def test_the_first_proposals_of_a_fresh_one_lead_to_training_images(self, likelihood, size):
        fresh = self.make(None, likelihood=likelihood)
        initial = fresh.chain.likelihood.mean(fresh.chain.dynamics.initial)
        network = fresh.network
        images = torch.from_numpy(load_dataset("digits", "train").array / np.float32(16))
        known = network.compress((images.view(-1, 1, 8, 8) - initial) * size / 3)  # H = 3
        distance = torch.cdist(network.head.bias.detach().double(), known.double())
        assert distance.min(1).values.max() < 1e-5
        assert len(set(distance.argmin(1).tolist())) > 1

    def test_a_copy_of_the_given_one_is_trained(self, agent):
        agent, start = agent
        started = self.make(start, rate=0.7)
        assert torch.equal(started.network.head.weight, agent.network.head.weight)
        with torch.no_grad():
            started.network.head.weight.zero_()
        assert agent.network.head.weight.all()
        assert started.metadata == {"dataset": "digits", "started_from": {"note": "toy"}}
        assert torch.equal(started.chain.dynamics.initial, agent.chain.dynamics.initial)
        assert torch.equal(started.chain.dynamics.rate, torch.full((3,), 0.7))

    def test_the_shipped_one_is_found_by_the_data_set(self):
        started = self.make("pretrained", num_proposals=16, horizon=8)
        shipped = SAgent.load(pretrained_path("digits"))
        assert torch.equal(started.network.head.weight, shipped.network.head.weight)

    def test_wrong_starts_are_named(self, agent):
        with pytest.raises(ValueError, match="trained with horizon 3, the environment has 5"):
            self.make(agent[1], horizon=5)
        with pytest.raises(ValueError, match="has width=16, asked for 32"):
            self.make(agent[1], {"width": 32})
        assert self.make(agent[1], {"width": 16, "depth": None}).network.config.width == 16


def test_values_that_never_vary_are_left_alone():
    images = np.zeros((50, 1, 4, 4), np.uint8)
    images[:, 0, 0, 0] = np.arange(50) * 5  # varies
    images[:, 0, 1, 1] = 255  # constant
    data = wrap_images("patch", images)
    right = torch.from_numpy(data.mean())
    assert find_active(data, right).nonzero().tolist() == [[0, 0, 0]]
    wrong = torch.zeros(1, 4, 4)
    assert find_active(data, wrong).nonzero().tolist() == [[0, 0, 0], [0, 1, 1]]


class TestData:
    """The user's images are read once, whatever splits an environment needs."""

    @pytest.fixture(params=["folder", "array file"])
    def images(self, request, tmp_path, monkeypatch):
        """Return 30 images on disk, and a list of the calls of their reader."""
        pixels = np.random.default_rng(0).integers(256, size=(30, 6, 6), dtype=np.uint8)
        name = "read_image_folder" if request.param == "folder" else "read_array_file"
        path, calls, reader = tmp_path / "images", [], getattr(load, name)
        if request.param == "folder":
            path.mkdir()
            for index, image in enumerate(pixels):
                Image.fromarray(image).save(path / f"{index:02}.png")
        else:
            path = path.with_suffix(".npy")
            np.save(path, pixels)

        def count(*args):
            calls.append(args)
            return reader(*args)

        monkeypatch.setattr(load, name, count)
        return str(path), calls

    @pytest.mark.parametrize("split", ["train", "test"])
    @pytest.mark.parametrize("image_size", [None, 4])
    def test_a_constructor_reads_them_once(self, images, split, image_size):
        path, calls = images
        env = GCGenEnv(dataset=path, split=split, image_size=image_size, initial_state="mean")
        assert len(calls) == 1
        env.reset(seed=0)
        env.step(0)
        env.episodes.data.split("validation")
        assert len(calls) == 1

    def test_a_vector_constructor_reads_them_once(self, images):
        path, calls = images
        GCGenVectorEnv(3, dataset=path, split="test").reset(seed=0)
        assert len(calls) == 1

    def test_an_s_agent_is_made_from_data_that_were_read(self, images):
        path, calls = images
        config = EnvConfig(dataset=path, num_proposals=4, horizon=3, split="test")
        data = open_data(config)
        assert calls == []  # until a split is needed
        make_s_agent(config, data, None, width=8)
        make_s_agent(config, data, None, width=8)
        assert len(calls) == 1

    def test_no_name_is_an_error(self):
        with pytest.raises(ValueError, match="dataset= is required"):
            open_data(EnvConfig())


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_every_value_is_active_if_none_varies(likelihood):
    image = np.random.default_rng(0).random((1, 8, 8))  # x_0, the mean, is the image itself
    config = EnvConfig(dataset=image, likelihood=likelihood, num_proposals=3, horizon=2)
    s_agent = make_s_agent(config, open_data(config), None)
    assert len(s_agent.network.pixels) == 64
    assert np.isfinite(s_agent.sample(2, seed=0)).all()
