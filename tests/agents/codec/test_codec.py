"""Files of codes: nothing is lost, and whatever does not fit is refused."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from agents import GCGen
from agents.codec import compress, container, decompress, pack_codes
from agents.codec.container import CodeFile
from agents.codec.exact_chain import ExactChain, hash_s_agent
from gcgen_env.model.s_agent import SAgent
from tests.agents.conftest import make_model
from tests.gcgen_env.sample_proposers import with_convolutions
from tests.house import ROOT

H, SHAPE = 8, (1, 8, 8)


@pytest.fixture(scope="module")
def grey_model():
    """A model of grey levels, with a Gaussian likelihood."""
    return make_model(updates=3, env_kwargs={"likelihood": "gaussian", "sigma": 0.2})


@pytest.fixture(scope="module")
def bits(digits):
    """Binary images, (40, 1, 8, 8)."""
    return (digits > 0.5).astype(np.float32)


def take_bytes(model):
    """Return test images as bytes divided by 255, (40, 1, 8, 8)."""
    return (np.rint(255 * model.load_split("test").take(range(40))) / 255).astype(np.float32)


def test_codes_come_back_from_a_file(model, digits):
    payload = compress(model, digits)
    found = decompress(model, payload)
    codes = model.encode(digits)
    np.testing.assert_array_equal(found.codes, codes)
    np.testing.assert_array_equal(found.images, model.decode(codes))
    assert payload == compress(model, digits)
    assert payload == pack_codes(model.s_agent, codes)


def test_files_and_their_contents_show_their_sizes(model, digits):
    payload = compress(model, digits)
    num = len(digits)
    shown = repr(decompress(model, payload))
    assert shown == f"Decompressed({num:,} codes of {H} choices, images=({num}, 1, 8, 8) float32)"
    shown = repr(CodeFile.unpack(payload))
    assert f"CodeFile({num:,} codes of {H} choices, " in shown and len(shown) < 150


def test_codes_do_not_depend_on_the_other_images(model, digits):
    codes = model.encode(digits)
    for parts in (1, 3, 17):
        found = [model.encode(digits[i : i + parts]) for i in range(0, 20, parts)]
        np.testing.assert_array_equal(np.concatenate(found)[:20], codes[:20])


def test_the_s_agent_alone_reads_files(model, digits, s_agent_file):
    found = decompress(SAgent.load(s_agent_file), compress(model, digits))
    np.testing.assert_array_equal(found.codes, model.encode(digits))


def test_prefixes_give_coarser_images(model, digits):
    payload, codes = compress(model, digits), model.encode(digits)
    for steps in (0, 1, 5, H):
        found = decompress(model, payload, steps)
        np.testing.assert_array_equal(found.codes, codes[:, :steps])
        np.testing.assert_array_equal(found.images, model.decode(codes[:, :steps]))
        short = decompress(model, pack_codes(model.s_agent, codes[:, :steps]))
        np.testing.assert_array_equal(short.codes, codes[:, :steps])


def test_a_stream_is_as_long_as_p_s_says(model, digits):
    codes = np.concatenate([model.encode(digits)] * 50)  # (2000, H)
    log_prior = []

    def record(h, found):
        log_prior.append(found[np.arange(len(codes)), codes[:, h]])
        return codes[:, h].copy()

    ExactChain(model.s_agent).walk(*codes.shape, record)
    information = -np.sum(log_prior) / np.log(2)
    stream = CodeFile.unpack(pack_codes(model.s_agent, codes)).choices
    assert 8 * len(stream) < 1.005 * information + 64


def test_bits_are_stored_exactly(model, bits):
    payload = compress(model, bits, lossless=True)
    found = decompress(model, payload)
    assert found.images.dtype == bool
    np.testing.assert_array_equal(found.images, bits == 1)
    coarse = decompress(model, payload, steps=2)
    np.testing.assert_array_equal(coarse.images, model.decode(found.codes[:, :2]))


def test_bytes_are_stored_exactly(grey_model):
    images = take_bytes(grey_model)
    found = decompress(grey_model, compress(grey_model, images, lossless=True))
    assert found.images.dtype == np.uint8
    np.testing.assert_array_equal(found.images, np.rint(255 * images))


def test_images_far_from_the_model_are_stored_exactly(model, grey_model):
    noise = np.random.default_rng(0).integers(256, size=(3, *SHAPE)).astype(np.float32)
    for each, images, top in ((model, noise // 128, 1), (grey_model, noise / 255, 255)):
        found = decompress(each, compress(each, images, lossless=True))
        np.testing.assert_array_equal(found.images, np.rint(images * top))


def test_blocks_do_not_change_what_is_read(model, bits, monkeypatch):
    monkeypatch.setattr(container, "BLOCK", 7)
    payload = compress(model, bits, lossless=True)
    assert len(container.CodeFile.unpack(payload).checksums) == 12
    np.testing.assert_array_equal(decompress(model, payload).images, bits == 1)


@pytest.mark.parametrize(
    "options",
    [
        {"env_kwargs": {"proposer": "dictionary", "num_proposals": 16}, "s_agent": "environment"},
        {"s_agent": with_convolutions(make_model().s_agent), "s_agent_kwargs": {}},
        {"env_kwargs": {"likelihood": "gaussian", "sigma": 0.2}, "s_agent_kwargs": {"basis": 20}},
        {"env_kwargs": {"nucleus": 0.5}},
    ],
    ids=["dictionary", "convolutions", "basis", "nucleus"],
)
def test_every_s_agent_codes(options):
    frozen = {"train_s_agent": False} if options.get("s_agent") == "environment" else {}
    small = {} if frozen else {"s_agent_kwargs": {"width": 32, "depth": 1}}
    options = {**small, **options}
    model = GCGen("GCPolicy", "GCGen-Digits-v0", seed=0, n_envs=16, **options, **frozen)
    images = take_bytes(model)
    goals = images if model.s_agent.likelihood.name == "gaussian" else np.rint(images)
    found = decompress(model, compress(model, goals, lossless=True))
    np.testing.assert_allclose(found.images / found.images.max(), goals, atol=1e-3)


def test_another_model_is_refused(model, digits):
    other = make_model(updates=1)
    with pytest.raises(ValueError, match=r"^x.gcz belongs to the S-agent \w+, and this one is \w+"):
        decompress(other, compress(model, digits[:2]), name="x.gcz")


def test_the_hash_is_that_of_the_weights(model, s_agent_file):
    saved = SAgent.load(s_agent_file)
    assert hash_s_agent(replace(saved, metadata={"seed": 3})) == hash_s_agent(model.s_agent)
    rate = saved.chain.dynamics.rate.clone()
    rate[0] = torch.nextafter(rate[0], torch.tensor(2.0))
    dynamics = replace(saved.chain.dynamics, rate=rate)
    changed = replace(saved, chain=replace(saved.chain, dynamics=dynamics))
    assert hash_s_agent(changed) != hash_s_agent(saved)


def test_a_file_that_this_machine_computes_otherwise_is_refused(model, bits):
    payload = compress(model, bits, lossless=True)
    file = CodeFile.unpack(payload)
    for wrong in (
        replace(file, checksums=(1, file.checksums[1])),
        replace(file, checksums=(file.checksums[0], 1)),
        replace(file, choices=b"\xff" * len(file.choices)),
        replace(file, residual=b"\xff" * len(file.residual)),
    ):
        with pytest.raises(ValueError, match="computes other probabilities") as caught:
            decompress(model, wrong.pack())
        assert "\n" not in str(caught.value)


def test_files_that_would_fill_the_memory_are_refused(model, digits):
    payload = compress(model, digits)
    with pytest.raises(
        ValueError, match=r"x\.gcz: decodes to 10,240 bytes, more than the limit of"
    ):
        decompress(model, payload, name="x.gcz", max_bytes=10_000)
    claim = replace(CodeFile.unpack(payload), num=2**20, checksums=(0,) * 1024, steps=9)
    with pytest.raises(ValueError, match="is damaged: it has 9 steps"):
        decompress(model, claim.pack())


@pytest.mark.parametrize("num", [39, 400])
def test_wrong_counts_are_refused(model, digits, num):
    file = replace(CodeFile.unpack(compress(model, digits)), num=num)
    with pytest.raises(ValueError, match="cannot be decoded"):
        decompress(model, file.pack())


def test_wrong_arguments_are_refused(model, grey_model, digits):
    with pytest.raises(ValueError, match="lossless codes need images that are binary"):
        compress(model, digits, lossless=True)
    with pytest.raises(ValueError, match="images that are bytes divided by 255"):
        compress(grey_model, digits + 0.001 * (digits < 0.5), lossless=True)
    with pytest.raises(ValueError, match=r"images must have shape \(B, 1, 8, 8\)"):
        compress(model, digits[:, :, 1:], lossless=True)
    codes = model.encode(digits)
    with pytest.raises(ValueError, match=r"images must have shape \(40, 1, 8, 8\)"):
        pack_codes(model.s_agent, codes, digits[:3])
    with pytest.raises(ValueError, match="must be at least 1"):
        pack_codes(model.s_agent, codes[:0])
    with pytest.raises(ValueError, match=r"codes must lie in \[0, 16\)"):
        pack_codes(model.s_agent, codes + 16)
    with pytest.raises(ValueError, match=r"steps must lie in \[0, 8\], got 9"):
        decompress(model, compress(model, digits), 9)


@pytest.mark.slow
def test_other_instructions_read_the_same(s_agent_file, model, bits, tmp_path):
    (tmp_path / "bits.gcz").write_bytes(compress(model, bits, lossless=True))
    np.save(tmp_path / "bits.npy", bits == 1)
    code = f"""
import numpy as np
from agents.codec import decompress
from gcgen_env.model.s_agent import SAgent
found = decompress(SAgent.load({str(s_agent_file)!r}), open("bits.gcz", "rb").read())
assert np.array_equal(found.images, np.load("bits.npy"))
"""
    plain = {"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default"}
    environment = {**os.environ, **plain, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
