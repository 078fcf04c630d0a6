"""Configurations: what is refused and what the sentence says; initial states; saved S-agents."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gcgen_env import GCGenEnv, GCGenVectorEnv, default_kwargs
from gcgen_env.config import EnvConfig
from gcgen_env.datasets import DatasetNotFoundError, load_dataset, locations, mnist
from gcgen_env.model.dynamics import Dynamics
from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.model.network import NetworkConfig, ProposalNetwork
from gcgen_env.model.saved import SavedSAgent, save_s_agent
from tests.gcgen_env.sample_proposers import OnlyPropose

DIGITS = {**default_kwargs("GCGen-Digits-v0"), "proposer": "dictionary"}


class Changed(OnlyPropose):
    """A proposer whose offer is changed by a function."""

    def __init__(self, change):
        super().__init__()
        self._change = change

    def propose(self, canvas, step):
        return self._change(*super().propose(canvas, step))


def make_digits(**kwargs):
    return GCGenEnv(**{**DIGITS, **kwargs})


def first_image(**kwargs):
    return make_digits(**kwargs).reset(seed=0)[0]["observation"]


class TestConfig:
    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"horizon": 0}, "horizon must be at least 1"),
            ({"horizon": 2.5}, "horizon must be an integer"),
            ({"num_proposals": 1}, "num_proposals must be at least 2"),
            ({"num_proposals": 0}, "num_proposals must be at least 2"),
            ({"rate": -0.1}, "rate must be finite and not negative"),
            ({"rate": float("nan")}, "rate must be finite"),
            ({"rate": [1.0, 1.0]}, "a list of horizon=8 numbers, got 2"),
            ({"gamma": 1.5}, "gamma must be at least 0 and at most 1"),
            ({"nucleus": 0.0}, "nucleus must be above 0 and at most 1"),
            ({"sigma": 0}, "sigma must be above 0"),
            ({"reward_type": "dense"}, "reward_type must be one of potential, distance, sparse"),
            ({"obs_mode": "image"}, "obs_mode must be one of pixels, compact"),
            ({"likelihood": "normal"}, "likelihood must be one of bernoulli, gaussian"),
            ({"render_mode": "human"}, "render_mode must be None, 'rgb_array' or 'ansi'"),
            ({"dataset": None}, "dataset= is required"),
            ({"dataset": "digit"}, "Did you mean 'digits'"),
            ({"dataset": "two_moons"}, r"Bernoulli likelihood needs images in \[0, 1\]"),
            ({"split": "val"}, "split"),
            ({"device": "cuda:99"}, "no CUDA device"),
            ({"device": "foo"}, "device must be 'cpu', 'cuda', 'cuda:0' or 'auto', got 'foo'"),
        ],
        ids=str,
    )
    def test_wrong_values_are_refused(self, kwargs, message):
        if kwargs.get("device") and torch.cuda.is_available():
            pytest.skip("there is a CUDA device here")
        with pytest.raises(ValueError, match=message):
            make_digits(**kwargs)

    def test_a_number_of_environments_is_an_integer(self):
        with pytest.raises(ValueError, match=r"num_envs must be an integer, got 2\.5"):
            GCGenVectorEnv(num_envs=2.5, **DIGITS)

    def test_unknown_keyword_names_the_nearest(self):
        with pytest.raises(
            TypeError, match="unexpected keyword argument 'horizons'; did you mean 'horizon'"
        ):
            make_digits(horizons=3)

    def test_missing_data_says_what_to_put_where(self, tmp_path, monkeypatch):
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
    def test_noise_is_one_draw_for_ever(self, likelihood):
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
    def test_image_file(self, tmp_path, colour_file, mode, shape):
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
    def test_what_does_not_fit_is_refused(self, state, message):
        with pytest.raises(ValueError, match=message):
            make_digits(initial_state=state)

    @pytest.mark.parametrize("name", ["image.npy", "image.png"])
    def test_damaged_file_is_named(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"not an image")
        with pytest.raises(ValueError, match=f"cannot read initial_state from .*{name}"):
            make_digits(initial_state=str(tmp_path / name))


class TestProposers:
    def test_unknown_name_lists_what_is_possible(self):
        with pytest.raises(ValueError, match="'pretrained', 'dictionary', the path of a saved"):
            make_digits(proposer="dictionnary")

    def test_no_proposer_is_shipped_for_images_of_your_own(self):
        images = np.zeros((3, 8, 8), np.uint8)
        with pytest.raises(ValueError, match=r"no pretrained proposer is shipped .*of your own"):
            GCGenEnv(dataset=images, proposer="pretrained")

    def test_object_without_propose(self):
        with pytest.raises(ValueError, match=r"method propose\(canvas, step\), got dict"):
            make_digits(proposer={})

    def test_object_of_other_sizes(self):
        proposer = OnlyPropose()
        proposer.num_proposals = 4
        with pytest.raises(ValueError, match="the proposer has num_proposals=4, the environment"):
            make_digits(proposer=proposer)

    @pytest.mark.parametrize("obs_mode", ["pixels", "compact"])
    @pytest.mark.parametrize("num_proposals", [1, 4])  # one would broadcast unnoticed
    def test_offers_of_another_shape(self, obs_mode, num_proposals):
        env = make_digits(proposer=OnlyPropose(num_proposals=num_proposals), obs_mode=obs_mode)
        with pytest.raises(ValueError, match=rf"\(1, {num_proposals}\b.* asks for \(1, 16\b"):
            env.reset(seed=0)

    @pytest.mark.parametrize("obs_mode", ["pixels", "compact"])
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda delta, prior: (delta.numpy(), prior),
                "two torch tensors.*changes is a ndarray",
            ),
            (
                lambda delta, prior: (delta, prior.tolist()),
                "two torch tensors.*log_prior is a list",
            ),
            (lambda delta, prior: prior, "two torch tensors.*got Tensor"),
            (lambda delta, prior: (delta * torch.inf, prior), "changes must be finite"),
            (lambda delta, prior: (delta, prior + 0.01), "log_prior must be normalised.*got 0.01"),
            (
                lambda delta, prior: (delta, prior[0]),
                r"log_prior of shape \(16,\).*asks for \(B, A",
            ),
        ],
        ids=["array", "list", "one", "infinite", "unnormalised", "flat"],
    )
    def test_offers_that_break_the_protocol(self, obs_mode, change, message):
        proposer = Changed(change)
        with pytest.raises(ValueError, match=message):
            make_digits(proposer=proposer, obs_mode=obs_mode, nucleus=0.9).reset(seed=0)

    def test_double_precision_is_cast(self):
        env = make_digits(proposer=Changed(lambda delta, prior: (delta.double(), prior.double())))
        obs, _ = env.reset(seed=0)
        assert env.core.canvas.dtype == torch.float32
        assert env.reset()[0]["proposals"].dtype == np.float32
        assert env.observation_space.contains(obs)

    def test_prior_of_nan(self):
        env = make_digits(proposer=OnlyPropose(sharpness=float("nan")))
        with pytest.raises(ValueError, match="is it NaN"):
            env.reset(seed=0)


class TestSavedSAgent:
    @pytest.fixture
    def saved(self, tmp_path):
        torch.manual_seed(0)
        sizes = NetworkConfig((1, 8, 8), 4, 3, "bernoulli", width=16)
        dynamics = Dynamics(torch.randn(1, 8, 8), torch.tensor([0.5, 0.25, 0.125]))
        agent = SavedSAgent(ProposalNetwork(sizes), dynamics, Bernoulli(3), {})
        return agent, str(save_s_agent(tmp_path / "agent", agent))

    def test_brings_its_initial_state_and_rate(self, saved):
        agent, path = saved
        env = make_digits(proposer=path, num_proposals=4, horizon=3)
        obs, _ = env.reset(seed=0)
        expected = agent.likelihood.mean(agent.dynamics.initial).numpy()
        np.testing.assert_allclose(obs["observation"], expected, atol=1e-6)
        assert torch.equal(env.core.chain.dynamics.rate, agent.dynamics.rate)

    def test_keywords_override_initial_state_and_rate(self, saved):
        _, path = saved
        kwargs = {"rate": 2.0, "initial_state": "zeros"}
        env = make_digits(proposer=path, num_proposals=4, horizon=3, **kwargs)
        obs, _ = env.reset(seed=0)
        assert np.array_equal(obs["observation"], np.full((1, 8, 8), 0.5))
        assert env.core.chain.dynamics.rate.tolist() == [2.0, 2.0, 2.0]

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"num_proposals": 5}, "trained with num_proposals 4, the environment asks for 5"),
            ({"horizon": 4}, "trained with horizon 3, the environment asks for 4"),
            ({"likelihood": "gaussian"}, "trained with likelihood Bernoulli"),
            ({"image_size": 4}, r"trained with image shape \(1, 8, 8\)"),
        ],
    )
    def test_mismatch_is_refused(self, saved, kwargs, message):
        _, path = saved
        with pytest.raises(ValueError, match=message):
            make_digits(**{"proposer": path, "num_proposals": 4, "horizon": 3, **kwargs})

    def test_another_sigma_is_another_likelihood(self, tmp_path):
        sizes = NetworkConfig((1, 8, 8), 4, 3, "gaussian", width=16)
        dynamics = Dynamics(torch.zeros(1, 8, 8), torch.ones(3))
        agent = SavedSAgent(ProposalNetwork(sizes), dynamics, Gaussian(3, sigma=0.2), {})
        path = str(save_s_agent(tmp_path / "agent", agent))
        kwargs = {"proposer": path, "num_proposals": 4, "horizon": 3, "likelihood": "gaussian"}
        make_digits(sigma=0.2, **kwargs)
        with pytest.raises(ValueError, match=r"sigma=0\.2.*sigma=0\.1"):
            make_digits(sigma=0.1, **kwargs)


def test_numpy_numbers_and_devices_become_plain_ones():
    config = EnvConfig(
        num_proposals=np.int64(5), horizon=np.int32(2), sigma=np.float32(0.5), rate=np.ones(2),
        image_size=np.int64(4), device=torch.device("cpu"), data_dir=Path("here"),
    )  # fmt: skip
    assert json.loads(json.dumps(vars(config))) == vars(config)
    assert (config.rate, config.device, config.data_dir) == ([1.0, 1.0], "cpu", "here")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": "fast"}, "rate must be one number or a list of 10, got 'fast'"),
        ({"binarize": "no"}, "binarize must be True or False, got 'no'"),
        ({"image_size": 0}, "image_size must be at least 1"),
    ],
)
def test_other_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        EnvConfig(**options)


def test_a_fuzzed_array_is_always_a_value_error(tmp_path):
    good = tmp_path / "good.npy"
    np.save(good, np.zeros((20, 4, 4), dtype=np.uint8))
    payload, rng = bytearray(good.read_bytes()), np.random.default_rng(0)
    for trial in range(200):
        damaged = payload.copy()
        for place in rng.integers(len(payload) // 3, size=4):
            damaged[place] = rng.integers(256)
        path = tmp_path / f"{trial}.npy"
        path.write_bytes(damaged)
        try:
            load_dataset(path)
        except (ValueError, TypeError):
            continue


def test_a_16_bit_initial_image_is_refused(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((8, 8), 30_000, dtype=np.uint16)).save(path)
    with pytest.raises(ValueError, match="more than 8 bits a value"):
        GCGenEnv(dataset="digits", proposer="dictionary", initial_state=str(path))
