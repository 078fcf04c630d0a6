"""Whole-number frequencies, and the range coder."""

import builtins

import numpy as np
import pytest

from agents.codec.coder import Decoder, Encoder
from agents.codec.frequencies import TOTAL, quantise, quantise_bits


def draw_logits(num, symbols, seed=0):
    """Draw normalised log-probabilities (num, symbols), some of them tiny."""
    logits = 5 * np.random.default_rng(seed).normal(size=(num, symbols))
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def test_frequencies_are_close_to_the_probabilities():
    logits = draw_logits(200, 64)
    found = quantise(logits)
    assert found.dtype == np.int64 and found.min() >= 1
    assert (found.sum(1) == TOTAL).all()
    p = np.exp(logits)
    loss = (p * (logits - np.log(found / TOTAL))).sum(1)  # nats that rounding costs
    assert loss.max() < 2e-3


def test_impossible_symbols_can_be_coded_and_noise_of_another_machine_is_rounded_away():
    logits = draw_logits(200, 64)
    logits[:, 3] = -np.inf
    assert (quantise(logits)[:, 3] == 1).all()
    noise = 1e-15 * np.random.default_rng(1).normal(size=logits.shape)
    np.testing.assert_array_equal(quantise(logits), quantise(logits + noise))


def test_bits_are_never_certain():
    np.testing.assert_array_equal(quantise_bits(np.array([0.0, 0.5, 1.0])), [1, 32768, 65535])


def test_too_many_symbols_and_nan_are_refused():
    with pytest.raises(ValueError, match="at most 16384 proposals can be coded, got 16385"):
        quantise(np.zeros((1, TOTAL // 4 + 1)))
    with pytest.raises(ValueError, match="log p_S is NaN"):
        quantise(np.full((1, 2), np.nan))


def test_symbols_of_all_kinds_come_back_in_their_order():
    rng = np.random.default_rng(0)
    frequency, mean, sigma = quantise(draw_logits(300, 16)), rng.uniform(0, 255, 400), np.ones(400)
    symbols = rng.integers(16, size=300)
    bits, share = rng.integers(2, size=500), quantise_bits(rng.random(500))
    values = rng.integers(256, size=400)  # also far from their means
    encoder = Encoder()
    encoder.put_choices(symbols, frequency)
    encoder.put_bytes(values, mean, sigma)
    encoder.put_bits(bits, share)
    stream = encoder.finish()
    assert len(stream) % 4 == 0
    decoder = Decoder(stream)
    np.testing.assert_array_equal(decoder.get_choices(frequency), symbols)
    np.testing.assert_array_equal(decoder.get_bytes(mean, sigma), values)
    np.testing.assert_array_equal(decoder.get_bits(share), bits)


def test_a_stream_is_as_long_as_its_information():
    rng, logits = np.random.default_rng(0), draw_logits(3000, 16)
    symbols = np.array([rng.choice(16, p=p / p.sum()) for p in np.exp(logits)])
    encoder = Encoder()
    encoder.put_choices(symbols, quantise(logits))
    information = -logits[np.arange(3000), symbols].sum() / np.log(2)
    assert 8 * len(encoder.finish()) < 1.002 * information + 64


def test_impossible_streams_are_refused():
    with pytest.raises(ValueError, match="invalid"):
        Decoder(b"\xff" * 400).get_choices(quantise(draw_logits(300, 16)))


def test_a_missing_library_is_named(monkeypatch):
    load = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "constriction":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ValueError, match=r"pip install 'gcgen\[codec\]'"):
        Encoder()
