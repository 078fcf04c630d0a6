"""`reset(seed=[...])`: each environment of a batch has a generator of its own."""

import numpy as np
import pytest

from gcgen_env import GCGenEnv, GCGenVectorEnv, default_kwargs
from gcgen_env.testing.episodes import find_difference

DIGITS = {**default_kwargs("GCGen-Digits-v0"), "proposer": "dictionary", "horizon": 3}
N = 3


def make(mode="SameStep"):
    return GCGenVectorEnv(N, autoreset_mode=mode, **DIGITS)


def list_goals(env, resets):
    """Return the goals of some episodes; `resets` are the arguments of the first resets."""
    goals = [env.reset(**kwargs)[0]["desired_goal"] for kwargs in resets]
    is_batch = isinstance(env, GCGenVectorEnv)  # resets itself
    for _ in range(3):
        for _ in range(3):
            obs, *_ = env.step(np.zeros(N, int) if is_batch else 0)
        obs = obs if is_batch else env.reset()[0]
        goals.append(obs["desired_goal"])
    return np.stack(goals)


@pytest.mark.parametrize("seeds", [[5, 0, 5], (1, 2, 3), np.array([4, 2**40, 9])], ids=str)
def test_each_environment_gets_the_goals_of_a_single_one_with_its_seed(seeds):
    goals = list_goals(make(), [{"seed": seeds}])  # (episodes, N, *S)
    for i, seed in enumerate(seeds):
        single = list_goals(GCGenEnv(**DIGITS), [{"seed": int(seed)}])
        np.testing.assert_array_equal(goals[:, i], single)


def test_draws_of_one_environment_do_not_depend_on_the_others():
    first, second = make("NextStep"), make("NextStep")
    first.reset(seed=[7, 8, 9])
    second.reset(seed=[1, 8, 2])
    mask = np.array([True, False, True])
    for _ in range(4):
        second.reset(options={"reset_mask": mask})
    goals = [each.reset()[0]["desired_goal"][1] for each in (first, second)]
    np.testing.assert_array_equal(*goals)


def test_none_goes_on_with_the_own_generator():
    envs, twin = make(), make()
    for each in (envs, twin):
        each.reset(seed=[1, 2, 3])
    goals, expected = (
        each.reset(seed=seed)[0]["desired_goal"]
        for each, seed in ((envs, [None, 9, None]), (twin, None))
    )
    np.testing.assert_array_equal(goals[[0, 2]], expected[[0, 2]])
    np.testing.assert_array_equal(goals[1], make().reset(seed=[0, 9, 0])[0]["desired_goal"][1])


def test_none_without_an_own_generator_follows_from_the_seed_of_the_batch():
    def run(seed):
        return list_goals(make(), [{"seed": seed}, {"seed": [None, 4, None]}])

    np.testing.assert_array_equal(run(0), run(0))
    assert not np.array_equal(run(0)[1, 0], run(1)[1, 0])


def test_only_environments_that_are_reset_are_seeded():
    envs, twin = make(), make()
    for each in (envs, twin):
        each.reset(seed=[1, 2, 3])
    mask = np.array([False, True, False])
    envs.reset(seed=[8, 8, 8], options={"reset_mask": mask})
    twin.reset(seed=[None, 8, None], options={"reset_mask": mask})
    assert find_difference(envs.reset(), twin.reset()) is None


def test_an_integer_goes_back_to_one_generator():
    envs, twin = make(), make()
    envs.reset(seed=[1, 2, 3])
    assert find_difference(envs.reset(seed=4), twin.reset(seed=4)) is None
    assert find_difference(envs.reset(), twin.reset()) is None


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ([1, 2], "one seed for each of the 3 environments, got"),
        ([1, -2, 3], "a seed must be None or an integer of at least 0, got -2"),
        ([1, True, 3], "a seed must be None or an integer of at least 0, got True"),
        ([1, 0.5, 3], "a seed must be None or an integer of at least 0, got 0.5"),
        ("abc", "seed must be None, an integer or a list of seeds, got 'abc'"),
        ({1: 2}, "seed must be None, an integer or a list of seeds"),
        (1.5, "seed must be None, an integer or a list of seeds, got 1.5"),
    ],
)
def test_wrong_seeds_are_named(seed, message):
    with pytest.raises(ValueError, match=message):
        make().reset(seed=seed)
