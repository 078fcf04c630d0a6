"""Any mix of resets, steps, refused calls, copies and pickles, against a twin that saw none."""

import copy
import pickle

import numpy as np
import pytest
from gymnasium.error import Error
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

from gcgen_env import GCGenEnv, GCGenVectorEnv, default_kwargs
from gcgen_env.config import OBS_MODES
from gcgen_env.model.dictionary import DictionaryProposer
from gcgen_env.testing.episodes import find_difference
from tests.gcgen_env.sample_proposers import OnlyPropose

N, H, A = 3, 3, 8
SIZES = {"horizon": H, "num_proposals": A, "nucleus": 0.8}
DIGITS = {**default_kwargs("GCGen-Digits-v0"), **SIZES}


class Fragile(OnlyPropose):
    """Fails while `broken` is set."""

    broken = False

    def propose(self, canvas, step):
        delta, log_prior = super().propose(canvas, step)
        return (delta * float("nan"), log_prior) if self.broken else (delta, log_prior)


PROPOSERS = {
    "user-defined": lambda: Fragile(num_proposals=A, horizon=H),
    "dictionary": lambda: DictionaryProposer((1, 8, 8), A, H),
}
ODD = st.one_of(
    st.none(), st.booleans(), st.floats(), st.text(max_size=3), st.binary(max_size=3),
    st.integers(), st.lists(st.integers(-2, 2), max_size=4), st.complex_numbers(),
    st.sampled_from(
        [np.nan, np.full((1, 8, 8), np.nan), np.zeros((N, 1, 8, 8), object), np.zeros(0),
         np.array(["a"] * N), np.zeros((2, 2)), np.full(N, A), np.array([1, 2, 3], np.uint64) << 62,
         {}, {"a": 1}, (), object()]
    ),
)  # fmt: skip
OPTIONS = st.dictionaries(
    st.sampled_from(["goal", "goal_index", "initial_state", "reset_mask", "seed", "gaol"]),
    ODD,
    max_size=3,
)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(0, 2**31)),
        st.tuples(st.just("reset"), st.sampled_from([None, 0, 1, [1, None, 2], [None] * N])),
        st.tuples(st.just("mask"), st.lists(st.booleans(), min_size=N, max_size=N)),
        st.tuples(st.just("wrong action"), ODD),
        st.tuples(st.just("wrong reset"), st.tuples(ODD, st.one_of(OPTIONS, ODD))),
        st.tuples(st.just("broken"), st.booleans()),
        st.tuples(st.just("copy"), st.booleans()),
    ),
    max_size=30,
)


class Pair:
    """An environment that suffers every operation, and a twin that sees the successful ones."""

    def __init__(self, kind, obs_mode, proposer):
        self.is_single = kind == "single"
        self.env, self.twin = (self.make(kind, obs_mode, PROPOSERS[proposer]()) for _ in range(2))

    @staticmethod
    def make(kind, obs_mode, proposer):
        kwargs = {**DIGITS, "obs_mode": obs_mode, "proposer": proposer}
        if kind == "single":
            return GCGenEnv(**kwargs)
        return GCGenVectorEnv(N, autoreset_mode=kind, **kwargs)

    def call(self, name, *args, **kwargs):
        """Call both, unless the environment refuses."""
        try:
            result = getattr(self.env, name)(*args, **kwargs)
        except (ValueError, Error) as error:
            assert str(error) and "\n" not in str(error)
            return
        expected = getattr(self.twin, name)(*copy.deepcopy(args), **copy.deepcopy(kwargs))
        assert find_difference(result, expected) is None

    def apply(self, operation, value):
        env = self.env
        if operation == "step":
            rng = np.random.default_rng(value)
            self.call("step", int(rng.integers(A)) if self.is_single else rng.integers(A, size=N))
        elif operation == "reset":
            self.call("reset", seed=value)
        elif operation == "mask" and not self.is_single:
            self.call("reset", options={"reset_mask": np.array(value)})
        elif operation == "wrong action":
            self.call("step", value)
        elif operation == "wrong reset":
            self.call("reset", seed=value[0], options=value[1])
        elif operation == "broken":
            self.fail(value)
        elif operation == "copy":
            self.env = pickle.loads(pickle.dumps(env)) if value else copy.deepcopy(env)

    def fail(self, resets):
        """Break the proposer for one call."""
        inner = getattr(self.env.episodes.chain.proposer, "inner", None)
        if inner is None:
            return
        before = inner.broken
        inner.broken = True
        try:
            if resets:
                self.env.reset(seed=3)
            else:
                self.env.step(0 if self.is_single else np.zeros(N, int))
        except (ValueError, Error):
            pass
        else:  # the last step of an episode needs no proposals
            self.twin.reset(seed=3) if resets else self.twin.step(
                0 if self.is_single else np.zeros(N, int)
            )
        inner.broken = before


@pytest.mark.parametrize("kind", ["single", *(mode.value for mode in AutoresetMode)])
@pytest.mark.parametrize("obs_mode", OBS_MODES)
@pytest.mark.parametrize("proposer", PROPOSERS)
def test_what_is_refused_or_copied_leaves_no_trace(proposer, obs_mode, kind, examples=15):
    pair = Pair(kind, obs_mode, proposer)

    @settings(max_examples=examples, deadline=None)
    @given(OPERATIONS)
    def run(operations):
        pair.call("reset", seed=0)
        for operation, value in operations:
            pair.apply(operation, value)
        pair.call("reset")

    run()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["single", *(mode.value for mode in AutoresetMode)])
@pytest.mark.parametrize("obs_mode", OBS_MODES)
@pytest.mark.parametrize("proposer", PROPOSERS)
def test_the_same_at_length(proposer, obs_mode, kind):
    test_what_is_refused_or_copied_leaves_no_trace(proposer, obs_mode, kind, examples=100)
