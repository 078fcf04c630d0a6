"""Conformance checks for your own subclasses, proposers and configurations.

    >>> from gcgen_env import GCGenEnv
    >>> from gcgen_env.testing import check_goal_env
    >>> check_goal_env(GCGenEnv(dataset="digits", likelihood="bernoulli", horizon=3))

Every check is a function `(env, seed) -> None`. If the environment fails it, the check raises an
`AssertionError` with the expected and the actual value.
"""

from gcgen_env.testing.checks import (
    GOAL_ENV_CHECKS,
    VECTOR_ENV_CHECKS,
    check_goal_env,
    check_vector_env,
)

__all__ = ["GOAL_ENV_CHECKS", "VECTOR_ENV_CHECKS", "check_goal_env", "check_vector_env"]
