"""Draws the hyperparameters of a trial with Optuna, given the scores of those before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.benchmark.search_spaces import Range, Space, is_inside

STARTUP = 4
"""Number of trials before the sampler uses their scores; those after the first are random."""


def import_optuna() -> Any:
    """Import Optuna, or raise a ValueError that says how to install it."""
    try:
        import optuna
    except ImportError as error:
        raise ValueError("gcgen tune needs Optuna: pip install -e '.[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # else a line for every study
    return optuna


def propose(
    space: Space, known: Sequence[tuple[dict[str, Any], float | None]], seed: int
) -> dict[str, Any]:
    """Draw hyperparameters; the arguments determine them.

    Args:
        space: The ranges.
        known: Hyperparameters and score of the earlier trials; None stands for a failed one,
            which counts as the worst of the others.
        seed: Seed of this trial; another trial has another seed.

    Returns:
        A value for each range; numbers of a pair are rounded to three digits.
    """
    optuna = import_optuna()
    ranges = {name: _make_distribution(each) for name, each in space.items()}
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    worst = min((score for _, score in known if score is not None), default=0.0)
    for values, score in known:
        if all(is_inside(values[name], each) for name, each in space.items()):
            params = {name: _find_first(values[name]) for name in space}
            value = worst if score is None else score
            study.add_trial(
                optuna.trial.create_trial(params=params, distributions=ranges, value=value)
            )
    drawn = study.ask(ranges).params
    return {name: _round(value, space[name]) for name, value in drawn.items()}


def _round(value: Any, each: Range) -> Any:
    """Return a number from a pair with three digits, within the pair; a choice as it is."""
    if isinstance(each, list):
        return value
    low, high = each
    return min(max(float(f"{value:.3g}"), low), high)


def _make_distribution(each: Range) -> Any:
    """Return Optuna's form of a range."""
    distributions = import_optuna().distributions
    if isinstance(each, list):
        return distributions.CategoricalDistribution(each)
    return distributions.FloatDistribution(*each, log=True)


def _find_first(value: Any) -> Any:
    """Return the first of a pair, or the value itself if it is no pair."""
    return value[0] if isinstance(value, tuple) else value
