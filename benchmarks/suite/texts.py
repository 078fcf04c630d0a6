"""What the pages of the suite say in words; the figures in braces come from the plays.

`first` is the share of goals on which greedy play's first choice is another than that of the best
known code, `lead` the last decision after which greedy play is ahead on the average, and `low` the
lowest mean score of the best known codes on their way, after `low_at` decisions. `greedy_1`,
`best_1`, ... are mean gains after that many decisions, in nats, and `greedy_score_1`, ... scores.
"""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """The words of one page."""

    what: str
    """One sentence that says what the task is."""
    hard: str
    """What is hard about it."""


TEXTS = {
    "GCGen-PlaneReach-v0": Text(
        "Eight moves along the diagonals of a square, each shorter than the one before, must "
        "end within 0.02 of a point of two moons.",
        "A move cannot be left out, so a point that lies near the goal has to leave it again. "
        "Greedy play goes to the goal at once: after two decisions its score is "
        "{greedy_score_2:.2f}, that of the best codes {best_score_2:.2f}. What then remains is "
        "smaller than the moves, and it can only be hit by a combination of all eight. Greedy "
        "play ends within 0.02 of {greedy_success:.0%} of the goals, the best codes of "
        "{best_success:.0%}. On {first:.0%} of the goals its first move is already another one."
        " The gain hardly shows it: greedy play has {greedy_score:.0%} of the best gain. So "
        "compare algorithms by their successes here. Points outside the square are shown on its"
        " edge.",
    ),
    "GCGen-PlaneFineToCoarse-v0": Text(
        "The moves of PlaneReach in the opposite order: they grow with each decision, so the "
        "early ones must prepare the late ones.",
        "The last move is the longest, and nothing can correct it. Greedy play is close to the "
        "goal after four decisions, with a score of {greedy_score_4:.2f}, and then the long "
        "moves carry it away, to {greedy_score:.2f}. The best codes do the opposite: they stay "
        "away from the goal, with a score of {low:.2f} after {low_at} decisions, and jump to it"
        " with the last move. To look two decisions ahead does not help: two-step play ends at "
        "{two_step_score:.2f}, below greedy play. The points that can be reached are those of "
        "PlaneReach, and so the best gain is the same. No reward before the end says that a "
        "code is good.",
    ),
    "GCGen-DigitsAtoms16-v0": Text(
        "Eight waves of falling strength are added to the mean digit, each one of sixteen, to "
        "come as close as possible to a digit.",
        "A wave must be added at each decision, and the first is so strong that even the greedy"
        " choice loses {greedy_loss_1:.0f} nats. The best known codes lose {best_loss_1:.0f} "
        "nats there, and later waves take back a part of it. They pass greedy play after "
        "{passed} decisions. On {first:.0%} of the goals greedy play's first choice is "
        "another one. Eight coarse waves cannot make every digit: the best known codes come "
        "within {threshold:g} of {best_success:.0%} of the goals, greedy play of "
        "{greedy_success:.0%}.",
    ),
    "GCGen-DigitsAtoms64-v0": Text(
        "DigitsAtoms16 with sixty-four waves, among them fine ones.",
        "There are four times as many choices at each decision, and the fine waves make a "
        "better end possible: the best known codes come within {threshold:g} of "
        "{best_success:.0%} of the goals, greedy play of {greedy_success:.0%}. On {first:.0%} "
        "of the goals greedy play's first choice is not that of the best known code. It leads "
        "for {lead} decisions and ends {shortfall:.0f} nats behind. With 64 proposals a tree of"
        " two decisions has 4,096 leaves; two-step play searches it and has a score of "
        "{two_step_score:.2f}. An agent without previews must learn what each of the 64 indices"
        " does.",
    ),
    "GCGen-DigitsLogits64-v0": Text(
        "Sixty-four waves are added to the logits of the pixels, and the goal is a digit in "
        "black and white.",
        "A logit far from zero makes a pixel that hardly changes any more: the same wave has "
        "another effect in each state. Waves are strong, with a rate of 8, and the first is the"
        " strongest. Greedy play chooses the one that does least harm, with a gain of "
        "{greedy_1:.1f} nats; the best known codes begin with {best_1:.1f} nats. They pass "
        "greedy play after {passed} decisions. On {first:.0%} of the goals the first choice is "
        "another one. Goals are drawn black and white anew in each episode, so an image of the "
        "data is not always the same goal.",
    ),
    "GCGen-DigitsOnce-v0": Text(
        "DigitsAtoms16, but each wave can be chosen once: the mask shows which are left.",
        "A wave that is used early, at a large size, is missing later, when a small one is "
        "needed. A choice cannot be repeated to make it stronger, and only its opposite, weaker"
        " by then, can take a part of it back. The best known codes start at {best_1:.0f} nats,"
        " greedy play at {greedy_1:.0f}, and greedy play leads for {lead} decisions. On "
        "{first:.0%} of the goals its first choice is another one. It misses {headroom:.0%} of "
        "the best gain. The mask is part of the state: an agent that does not read it makes "
        "invalid choices, and each of them becomes a wave that it did not choose.",
    ),
    "GCGen-Toggles-v0": Text(
        "Six of sixteen rectangles invert the pixels of a black image so that it becomes the "
        "goal exactly.",
        "The rectangles overlap, and a pixel that is inverted twice is black again. So a "
        "correct rectangle can make many pixels wrong for a while, and greedy play prefers "
        "another. Each goal is made by one set of six, in any order; a rectangle that is chosen"
        " twice is two lost decisions. Greedy play ends at {greedy_success:.0%} of the goals, "
        "two-step play at {two_step_success:.0%} and a beam of 16 at {beam_16_success:.0%}. A "
        "partial success is of little use: one wrong rectangle costs 8 nats for each of its "
        "pixels.",
    ),
    "GCGen-MNISTAtoms-v0": Text(
        "Ten waves of falling strength, each one of thirty-two, are added to the mean MNIST digit.",
        "Images have 784 pixels, so gains are large, and the previews of one state are 25,088 "
        "numbers. The waves are smooth and as wide as the image, while strokes are narrow: the "
        "best known codes come within {threshold:g} of {best_success:.0%} of the goals, greedy "
        "play of {greedy_success:.0%}. Greedy play begins with {greedy_1:.0f} nats and the best"
        " known codes with {best_1:.0f} nats; greedy play leads for {lead} decisions. On "
        "{first:.0%} of the goals its first choice is another one. The beam is only 64 wide, so"
        " better codes are likely to exist.",
    ),
}
"""The words of every page."""
