"""Edits of codes: what is kept stays, and the rest follows p_S."""

import numpy as np
import pytest

from agents import GCGen
from agents.codec import begin_from, change_choice, interpolate, resample_rest
from agents.codec.exact_chain import ExactChain
from tests.agents.conftest import DIGITS

A, H, SHAPE = 16, 8, (1, 8, 8)


@pytest.fixture(scope="module")
def code(model, digits):
    return model.encode(digits[:1])[0]


@pytest.mark.parametrize("keep", [0, 3, H])
def test_the_first_choices_are_kept(model, code, keep):
    codes = resample_rest(model, code, keep, num=30)
    assert codes.shape == (30, H) and codes.dtype == np.int64
    assert (codes[:, :keep] == code[:keep]).all()
    assert (len(np.unique(codes, axis=0)) > 20) == (keep < H)
    np.testing.assert_array_equal(codes, resample_rest(model.s_agent, code, keep, num=30))
    if keep < H:
        assert (codes != resample_rest(model, code, keep, num=30, seed=1)).any()
        assert (resample_rest(model, code, keep, 30, None) != codes).any()


def test_more_kept_choices_give_more_similar_images(model, code):
    image = model.decode(code[None])
    codes = [resample_rest(model, code, keep, num=50) for keep in range(H + 1)]
    errors = [((model.decode(each) - image) ** 2).mean() for each in codes]
    assert errors[0] > errors[3] > errors[6] > errors[H] == 0


def test_draws_of_the_rest_follow_p_s(model, code):
    codes = resample_rest(model, code, 0, num=1000, seed=3)
    expected = model.sample(1000, seed=7).mean(0)
    np.testing.assert_allclose(model.decode(codes).mean(0), expected, atol=0.06)


@pytest.mark.parametrize("step", [0, 4, H - 1])
def test_one_choice_is_changed(model, code, step):
    codes = change_choice(model, code, step, num=A - 1)
    others = np.delete(np.arange(H), step)
    assert (codes[:, others] == code[others]).all()
    assert sorted(codes[:, step]) == sorted(set(range(A)) - {code[step]})
    np.testing.assert_array_equal(change_choice(model, code, step, 3), codes[:3])


def test_the_most_probable_other_choices_come_first(model, code):
    seen = []

    def follow(h, log_prior):
        seen.append(log_prior[0])
        return code[h : h + 1].copy()

    ExactChain(model.s_agent).walk(1, 3, follow)
    order = change_choice(model, code, 2, A - 1)[:, 2]
    assert (np.diff(seen[2][order]) < 1e-6).all()


def test_a_walk_leads_from_one_image_to_the_other(model, digits):
    start, end = digits[0], digits[7]
    codes, goals = interpolate(model, start, end, num=6)
    assert codes.shape == (6, H) and goals.shape == (6, *SHAPE)
    np.testing.assert_array_equal(codes[[0, -1]], model.encode(digits[[0, 7]]))
    ends = model.decode(codes[[0, -1]])
    np.testing.assert_allclose(goals[[0, -1]], ends, atol=1e-5)
    np.testing.assert_array_equal(codes[1:-1], model.encode(goals[1:-1]))
    distance = ((goals - ends[1]) ** 2).mean((1, 2, 3))
    assert (np.diff(distance) < 0).all()
    assert interpolate(model, start, end, num=2)[0].shape == (2, H)


def test_drawings_begin_on_the_way_to_an_image(model, digits):
    image = digits[0]
    errors = []
    for step in range(0, H + 1, 2):
        drawn = begin_from(model, image, step, num=20)
        assert drawn.shape == (20, *SHAPE) and drawn.dtype == np.float32
        errors.append(((drawn - image) ** 2).mean())
    assert errors[-1] < 0.01 < errors[0]
    assert errors[-1] == min(errors)
    np.testing.assert_allclose(
        begin_from(model, image, 0, 500).mean(0), model.sample(500, seed=1).mean(0), atol=0.1
    )


def test_the_rules_of_the_environment_hold(digits):
    once = {"single_use": True, "proposer": "dictionary"}
    model = GCGen(
        "GCPolicy", DIGITS, env_kwargs=once, s_agent="environment", train_s_agent=False, seed=0
    )
    codes = resample_rest(model, model.encode(digits[:1])[0], 3, num=50)
    assert all(len(set(each)) == H for each in codes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, c, g: resample_rest(m, c, H + 1), r"keep must lie in \[0, 8\], got 9"),
        (lambda m, c, g: resample_rest(m, c, -1), "keep must be at least 0"),
        (lambda m, c, g: resample_rest(m, c[1:], 0), r"code must have shape \(8,\), got \(7,\)"),
        (lambda m, c, g: resample_rest(m, c + A, 0), r"codes must lie in \[0, 16\)"),
        (lambda m, c, g: resample_rest(m, c, 0, num=0), "num must be at least 1"),
        (lambda m, c, g: change_choice(m, c, H), r"step must lie in \[0, 7\], got 8"),
        (lambda m, c, g: change_choice(m, c, 0, A), "num must be at most 15"),
        (lambda m, c, g: interpolate(m, g, g, 1), "num must be at least 2"),
        (lambda m, c, g: interpolate(m, g[:, 1:], g[:, 1:]), "images must have shape"),
        (lambda m, c, g: begin_from(m, g, H + 1), r"step must lie in \[0, 8\]"),
        (lambda m, c, g: begin_from(m, g * 2, 0), r"values in \[0, 1\]"),
        (lambda m, c, g: begin_from(m, g[0], 0), r"image must have shape \(1, 8, 8\)"),
        (lambda m, c, g: begin_from(m, g, 0, 0), "num must be at least 1"),
    ],
)
def test_wrong_arguments_are_refused(model, code, digits, call, message):
    with pytest.raises(ValueError, match=message):
        call(model, code, digits[0])
