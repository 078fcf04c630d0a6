"""Pages of the environments in Gymnasium's form: from the class, and from the table of ids."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from agents import GreedyAgent
from gcgen_env import ENV_IDS, EnvConfig, GCGenEnv, default_kwargs
from gcgen_env.config import make_config
from gcgen_env.datasets import find_dataset
from gcgen_env.registration import flat_id
from gcgen_env.tasks import GENERATIVE
from gcgen_env.viewer import save_gif

INTRODUCTION = (
    "A is the number of proposals at each step, and H is the number of steps. What all of them "
    "have in common: [observations, actions, rewards](../../environments.md)."
)
INTRODUCTIONS = {
    "GCGen-Toy2D-v0": "Points in the plane, drawn from two half moons: the whole game in one look.",
    "GCGen-Digits-v0": "The 8x8 digits that come with scikit-learn: small, fast, no download.",
    "GCGen-MNIST-v0": "The 28x28 digits of MNIST, with a shipped S-agent of 64 proposals.",
    "GCGen-FashionMNIST-v0": "Grey pictures of clothes, 28x28; the proposals are cosine patterns.",
    "GCGen-Images-v0": "Pictures of your own, given as `dataset=`, grey or in colour.",
}
"""One sentence for each id that makes images; the suite has pages with more."""
FALLBACK = "digits"
"""Data of the picture where an id leaves the data to the user."""


def make_pages(folder: Path) -> dict[str, str]:
    """Return the pages by their names; pictures of episodes are written into `folder`."""
    pages = {f"environments/{short(each)}.md": make_page(each, folder) for each in ENV_IDS}
    suite = [each for each in ENV_IDS if each not in GENERATIVE]
    lines = ["# Environments", "", INTRODUCTION, ""]
    for title, ids in (("To generate", list(GENERATIVE)), ("To compare algorithms", suite)):
        lines += [f"## {title}", "", "```{toctree}", ":hidden:", ""]
        lines += [f"{each} <{short(each)}>" for each in ids]
        lines += ["```", ""]
        lines += ["| id | image | A | H | likelihood | proposer |", "|---|---|---|---|---|---|"]
        lines += [*map(make_row, ids), ""]
    return {**pages, "environments/index.md": "\n".join(lines) + "\n"}


def short(env_id: str) -> str:
    """Return the name of a page: GCGen-PlaneReach-v0 is plane-reach."""
    name = env_id.removeprefix("GCGen-").removesuffix("-v0")
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def make_row(env_id: str) -> str:
    """Return the row of an id in the table of all ids."""
    config, shape = make_config(**default_kwargs(env_id)), find_shape(env_id)
    size = "x".join(str(n) for n in shape) if shape else "yours"
    cells = (f"[`{env_id}`]({short(env_id)}.md)", size, *config.sizes)
    return "| " + " | ".join(map(str, (*cells, config.likelihood, config.proposer))) + " |"


def find_shape(env_id: str) -> tuple[int, ...] | None:
    """Return S of an id; None if it is that of the user's images."""
    config = make_config(**default_kwargs(env_id))
    if config.dataset is None:
        return None
    if config.dataset in ("mnist", "fashion_mnist"):
        return (1, 28, 28)
    return (2,) if config.dataset == "two_moons" else (1, 8, 8)


def make_page(env_id: str, folder: Path) -> str:
    """Return the page of an id."""
    config, shape = make_config(**default_kwargs(env_id)), find_shape(env_id)
    size = str(shape) if shape else "(C, height, width), that of your images"
    extra = ', dataset="photos.npz"' if config.dataset is None else ""
    a, h = config.sizes
    sizes = f"{a}, {h}"
    if config.num_proposals is None:
        sizes += "; those of the proposer if it has any, and of a [new S-agent]"
        sizes += "(../../own-images.md#which-size)"
    lines = [f"# `{env_id}`", "", introduce(env_id), ""]
    if draw_episode(env_id, folder / f"environments/{short(env_id)}.gif"):
        lines += ["```{image} " + f"{short(env_id)}.gif", ":alt: An episode, played greedily"]
        lines += [":class: episode", "```", ""]
    lines += [
        "|  |  |",
        "|---|---|",
        f'| make | `gym.make("gcgen_env:{env_id}"{extra})` |',
        f'| make a batch | `gym.make_vec("gcgen_env:{env_id}", num_envs=64{extra})` |',
        f"| action space | `Discrete({a})` |",
        f"| shape S of an image | {size} |",
        f"| proposals A, steps H | {sizes} |",
        f"| observations as one vector | `{flat_id(env_id)}` |",
        "",
        *describe_class(env_id),
    ]
    return "\n".join(lines) + "\n"


def introduce(env_id: str) -> str:
    """Return the first sentence of a page, for the suite with a link to its page there."""
    if env_id in INTRODUCTIONS:
        return INTRODUCTIONS[env_id]
    page = f"suite/{short(env_id)}.md"
    text = (Path(__file__).parents[1] / page).read_text(encoding="utf-8")
    first = text.split("\n\n")[1].replace("\n", " ")
    return f"{first} [How it is played, and what is hard about it](../../{page})."


def describe_class(env_id: str) -> list[str]:
    """Return the sections of the class, with the settings of an id as a table."""
    sections = re.split(r"\n(?=## )", inspect.cleandoc(GCGenEnv.__doc__ or ""))[1:]
    lines = []
    for section in sections:
        if section.startswith("## Arguments"):
            section = "\n".join(["## Arguments", "", *list_arguments(env_id)])
        lines += [section.rstrip(), ""]
    return lines


def list_arguments(env_id: str) -> list[str]:
    """Return the table of the keywords: their values for an id, and what they mean."""
    doc = inspect.cleandoc(EnvConfig.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", doc, re.MULTILINE)
    given = default_kwargs(env_id)
    values = {**vars(EnvConfig()), **given}
    lines = ["Keywords of `gym.make`; those in bold differ from the defaults of the class.", ""]
    lines += ["| keyword | here | meaning |", "|---|---|---|"]
    for name, meaning in entries:
        value = values[name]
        if isinstance(value, tuple | list):
            value = [round(each, 2) for each in value]
        shown = f"**`{value!r}`**" if name in given else f"`{value!r}`"
        lines.append(f"| `{name}` | {shown} | {' '.join(meaning.split())} |")
    lines.append('| `render_mode` | `None` | "human" (a window), "rgb_array" or "ansi". |')
    return lines


def draw_episode(env_id: str, path: Path) -> bool:
    """Write an episode, in which the best proposal is chosen at each step, unless it is there.

    Returns:
        Whether there is a picture: data that would be downloaded are left out.
    """
    if path.exists():
        return True
    data = default_kwargs(env_id).get("dataset", FALLBACK)
    if data in ("mnist", "fashion_mnist") and find_dataset(data) is None:
        return False
    options: dict[str, Any] = {"dataset": FALLBACK} if env_id == "GCGen-Images-v0" else {}
    with gym.make(env_id, render_mode="rgb_array", **options) as env:
        obs, _ = env.reset(seed=3)
        agent, frames, done = GreedyAgent(env), [env.render()], False
        while not done:
            action, _ = agent.predict(obs, deterministic=True)
            obs, _, done, _, _ = env.step(action)
            frames.append(env.render())
    path.parent.mkdir(parents=True, exist_ok=True)
    save_gif([np.asarray(frame) for frame in (*frames, frames[-1], frames[-1])], path, fps=1.5)
    return True
