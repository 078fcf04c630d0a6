"""The figures of an evaluation as a table of words, and as JSON values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from agents.evaluation.evaluation import Evaluation
from agents.evaluation.judge import Scores, show_figure


class Line(NamedTuple):
    """One figure of every set of images."""

    name: str
    """What is measured."""
    meaning: str
    """How to read it."""
    values: list[str]
    """Its value for each set, in words."""


_LINES: tuple[tuple[str, str, Callable[[Scores], str]], ...] = (
    ("images", "their number", lambda s: f"{s.num_images:,}"),
    ("FID", "lower is better; falls with more images", lambda s: show_figure(s.fid)),
    ("KID", "lower is better; mean and deviation of subsets",
     lambda s: f"{show_figure(s.kid.mean)} ± {show_figure(s.kid.deviation)}"),
    ("precision", "higher: samples look real; blur and noise do too",
     lambda s: f"{s.prdc.precision:.3f}"),
    ("recall", "higher: real kinds are drawn", lambda s: f"{s.prdc.recall:.3f}"),
    ("density", "as precision; may exceed 1", lambda s: f"{s.prdc.density:.3f}"),
    ("coverage", "higher: real kinds are drawn", lambda s: f"{s.prdc.coverage:.3f}"),
    ("NDB", "bins with another share; lower is better",
     lambda s: f"{s.different_bins} of {s.num_bins}"),
    ("KL of classes", "nats; lower: classes as often as in reality",
     lambda s: _show(s.class_divergence, "{:.4f}")),
    ("nearer to training images", "0.5: no copies; 95 % interval",
     lambda s: _show(s.memorisation, "{}")),
    ("of the class asked for", "higher is better", lambda s: _show(s.hit_rate, "{:.4f}")),
)  # fmt: skip


def list_lines(scores: Sequence[Scores]) -> list[Line]:
    """Return the lines of the table; those without any value are left out."""
    lines = [Line(name, meaning, [show(s) for s in scores]) for name, meaning, show in _LINES]
    return [line for line in lines if any(line.values)]


def describe_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures as JSON values."""
    sets = {}
    for each in evaluation.scores:
        copies = None if each.memorisation is None else each.memorisation._asdict()
        parts = {"kid": each.kid._asdict(), "memorisation": copies}
        figures = {**vars(each), **each.prdc._asdict(), **parts}
        sets[each.name] = {k: v for k, v in figures.items() if k not in ("name", "prdc")}
    return {
        "sets": sets,
        "features": evaluation.features,
        "num_reference": evaluation.num_reference,
    }


def _show(value: Any, form: str) -> str:
    """Return a value in words, or nothing for None."""
    return "" if value is None else form.format(value)
