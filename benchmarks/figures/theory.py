"""Draws the two figures of the theory page as SVG.

They stand inside the page, so their colours are those of its theme. The images come from the
shipped S-agent of MNIST, and the curve from 1,000 of its test images.
"""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from agents import GCGen
from agents.common.decision import State, decide
from agents.gcgen.bound import compute_bound
from agents.gcgen.rollout import rollout
from gcgen_env.model.sampling import make_sampler

INK, SOFT = "var(--color-foreground-primary, #111)", "var(--color-foreground-muted, #666)"
CARD, LINE = "var(--color-background-secondary, #f4f4f4)", "var(--color-background-border, #ccc)"
ORANGE, BLUE = "#e8820c", "#3b82c4"
"""The GC-agent and the S-agent: bars and frames."""
GC_INK, S_INK = "var(--gc-ink, #9c4f00)", "var(--s-ink, #1d5c94)"
"""The same for words, which need more contrast; `conf.py` has them for each theme."""
SHOWN = 4
"""Proposals in the figure of the loop."""


class Moment(NamedTuple):
    """One decision: the images of the figure, and the two distributions."""

    canvas: NDArray[np.float32]
    goal: NDArray[np.float32]
    proposals: NDArray[np.float32]
    prior: NDArray[np.float32]
    q: NDArray[np.float32]
    chosen: int


class Figure:
    """An SVG that grows."""

    def __init__(self, width: int, height: int, title: str) -> None:
        """Begin with an empty picture."""
        self.head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'class="theory" font-family="inherit" font-size="15"><title>{title}</title>'
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="{SOFT}"/></marker>'
            "</defs>"
        )
        self.parts: list[str] = []

    def text(self, x: float, y: float, text: str, fill: str = INK, more: str = "") -> None:
        """Write a line, centred at x."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="middle" {more}>{text}</text>'
        )

    def box(self, x: float, y: float, width: float, height: float, edge: str) -> None:
        """Draw a box with round corners."""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="12" fill="{CARD}" '
            f'stroke="{edge}" stroke-width="2"/>'
        )

    def bar(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """Draw a bar whose lower edge is at y."""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y - height:.1f}" width="{width}" height="{height:.1f}" '
            f'rx="2" fill="{fill}"/>'
        )

    def image(self, x: float, y: float, size: float, tile: NDArray[np.float32], edge: str) -> None:
        """Draw an image (28, 28) with a frame."""
        grey = np.rint(255 * tile).astype(np.uint8)
        buffer = BytesIO()
        Image.fromarray(grey).save(buffer, format="PNG", optimize=True)
        data = base64.b64encode(buffer.getvalue()).decode()
        self.parts.append(
            f'<image x="{x}" y="{y}" width="{size}" height="{size}" '
            f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
            f'<rect x="{x}" y="{y}" width="{size}" height="{size}" rx="3" fill="none" '
            f'stroke="{edge}" stroke-width="3"/>'
        )

    def arrow(self, path: str, dashed: bool = False) -> None:
        """Draw an arrow along a path."""
        dash = ' stroke-dasharray="6 5"' if dashed else ""
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{SOFT}" stroke-width="2"{dash} '
            'marker-end="url(#tip)"/>'
        )

    def write(self, out: Path) -> None:
        """Write the figure to a file."""
        body = "\n".join(self.parts)
        out.write_text(f"{self.head}\n{body}\n</svg>\n", encoding="utf-8")


def find_moment(model: GCGen, index: int) -> Moment:
    """Return the first decision for a test image: the four proposals of largest q."""
    goal = torch.from_numpy(model.load_split("test").take([index]))
    chain = model.chain
    canvas, step = chain.dynamics.start(1), torch.zeros(1, dtype=torch.int64)
    state = State(canvas, goal, step)
    proposals = chain.propose(canvas, step)
    decision = decide(chain, proposals, state)
    q = model.policy.make_selection()(state, decision).exp()[0]  # (A,)
    best = int(q.argmax())
    order = proposals.log_prior[0].argsort(descending=True).tolist()
    others = [each for each in order[:: len(order) // SHOWN] if each != best]
    shown = [*others[: SHOWN - 2], best, *others[SHOWN - 2 :]][:SHOWN]
    following = state.advance(chain, torch.tensor([shown])).canvas  # (4, 1, 28, 28)
    means = chain.likelihood.mean
    return Moment(
        canvas=means(canvas)[0, 0].numpy(),
        goal=goal[0, 0].numpy(),
        proposals=means(following)[:, 0].numpy(),
        prior=proposals.log_prior[0, shown].exp().numpy(),
        q=q[shown].numpy(),
        chosen=SHOWN - 2,
    )


def make_model() -> GCGen:
    """Return the shipped model of MNIST."""
    options: dict[str, Any] = {"s_agent": "pretrained", "train_s_agent": False, "seed": 0}
    return GCGen("GCPolicy", "GCGen-MNIST-v0", policy_kwargs={"learned": False}, **options)


def draw_loop(out: Path) -> None:
    """Draw one turn of the loop of both agents."""
    now = find_moment(make_model(), 0)
    figure = Figure(900, 440, "One decision: the S-agent proposes, the GC-agent chooses")
    figure.image(30, 62, 96, now.canvas, LINE)
    figure.text(78, 46, "canvas x<tspan dy='4' font-size='11'>h</tspan>")
    figure.arrow("M134 110 H178")
    figure.box(186, 66, 150, 88, BLUE)
    figure.text(261, 100, "S-agent", S_INK, 'font-weight="bold" font-size="18"')
    figure.text(261, 124, "proposes", INK)
    figure.text(261, 143, "never sees the goal", SOFT, 'font-size="13"')
    figure.arrow("M344 110 H388")
    for i, tile in enumerate(now.proposals):
        x = 398 + 92 * i
        figure.image(x, 70, 80, tile, ORANGE if i == now.chosen else LINE)
        figure.text(x + 40, 176, f"{now.prior[i]:.0%}", S_INK)
        figure.text(x + 40, 202, f"{now.q[i]:.0%}", GC_INK)
    figure.text(576, 30, f"A proposals; {SHOWN} of 64 are shown")
    figure.text(576, 50, "each makes another next canvas", SOFT, 'font-size="13"')
    figure.text(800, 176, "p<tspan dy='4' font-size='11'>S</tspan>", S_INK, 'font-weight="bold"')
    figure.text(800, 202, "q", GC_INK, 'font-weight="bold"')
    figure.arrow("M576 222 V268")
    figure.box(501, 276, 150, 88, ORANGE)
    figure.text(576, 310, "GC-agent", GC_INK, 'font-weight="bold" font-size="18"')
    figure.text(576, 334, "chooses")
    figure.text(576, 353, "sees the goal", SOFT, 'font-size="13"')
    figure.image(760, 272, 96, now.goal, LINE)
    figure.text(808, 392, "goal g")
    figure.arrow("M752 320 H660")
    figure.arrow("M493 336 H136")
    figure.image(30, 288, 96, now.proposals[now.chosen], ORANGE)
    figure.text(78, 408, "next canvas x<tspan dy='4' font-size='11'>h+1</tspan>")
    figure.text(315, 360, "the chosen change is added", SOFT, 'font-size="13"')
    figure.arrow("M78 280 V168")
    figure.text(136, 228, "H times", SOFT, 'font-size="13"')
    figure.arrow("M493 300 H261 V164", dashed=True)
    figure.text(368, 268, "learns to imitate the choice,", S_INK, 'font-size="13"')
    figure.text(368, 286, "and to come close to g", S_INK, 'font-size="13"')
    figure.write(out)


@torch.no_grad()
def measure_bound(model: GCGen, num: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return -Phi (H + 1,) and the divergence so far (H + 1,), means over test images, in nats."""
    grey = model.load_split("test").take(range(num))
    goals = torch.from_numpy((np.random.default_rng(0).random(grey.shape) < grey) * 1.0).float()
    choose = make_sampler(torch.Generator().manual_seed(0))
    paths = rollout(model.chain, model.policy.make_selection(), goals, choose)
    missing = -paths.potential.double().mean(0).numpy()
    divergence = compute_bound(paths).divergence.double().mean(0).numpy()
    return missing, np.concatenate([[0.0], divergence.cumsum()])


def draw_bound(out: Path) -> None:
    """Draw how the parts of the bound change from step to step, means over 1,000 test images."""
    missing, divergence = measure_bound(make_model(), 1_000)
    figure = Figure(900, 400, "The bound after each number of choices, in nats")
    left, bottom, wide, high = 84, 340, 62, 270
    scale = high / missing[0]
    for value in range(0, int(missing[0]) + 1, 50):
        y = bottom - scale * value
        figure.parts.append(f'<path d="M{left} {y:.1f} H790" stroke="{LINE}" stroke-width="1"/>')
        figure.text(left - 22, y + 5, str(value), SOFT, 'font-size="13"')
    for h, (rest, paid) in enumerate(zip(missing, divergence, strict=True)):
        x = left + 14 + h * wide
        figure.bar(x, bottom, 42, scale * rest, ORANGE)
        if paid:
            figure.bar(x, bottom - scale * rest - 1, 42, scale * paid, BLUE)
        figure.text(x + 21, bottom - scale * (rest + paid) - 8, f"{rest + paid:.0f}", INK)
        figure.text(x + 21, bottom + 20, str(h), SOFT, 'font-size="13"')
    figure.text(left + 14 + 5 * wide + 21, bottom + 44, "choices made", SOFT)
    figure.text(left - 52, bottom - high - 14, "nats", SOFT, 'font-size="13"')
    last, at = bottom - scale * missing[-1] / 2, 806
    figure.text(at + 36, last - 2, f"{missing[-1]:.1f}", GC_INK, 'font-weight="bold"')
    figure.text(at + 36, last + 16, "reconstruction", GC_INK, 'font-size="13"')
    over = bottom - scale * (missing[-1] + divergence[-1] / 2)
    figure.text(at + 36, over - 8, f"{divergence[-1]:.1f}", S_INK, 'font-weight="bold"')
    figure.text(at + 36, over + 10, "divergence", S_INK, 'font-size="13"')
    figure.text(480, 96, "what is still missing: -log p(g given the canvas)", GC_INK)
    figure.text(480, 120, "what the choices cost: log q - log p, summed", S_INK)
    figure.write(out)
