"""The README of a model card: what the model is, how to use it, its figures and its limits."""

from __future__ import annotations

import json
from collections.abc import Iterator

from agents.cards.card import LICENSE, PICTURES, ModelCard
from agents.cards.header import make_header
from gcgen_env.model.s_agent import FILE_NAME

NOT_EVALUATED = "not evaluated"


def make_readme(card: ModelCard) -> str:
    """Return the README of a model card, with the YAML header that model hubs read."""
    parts = [
        f"# {card.title}",
        _describe(card),
        *_show(card, ("samples.png", "drawing.gif", "trajectories.png")),
        "## How to use it",
        _explain_use(card),
        "## Figures",
        *_tabulate_figures(card),
        *_show(card, ("reconstructions.png",)),
        "## Training",
        *_describe_training(card),
        "## Limits",
        "\n".join(_list_limits(card)),
        "## Licence",
        f"`{card.license}`: [{LICENSE}]({LICENSE}). The training data have terms of their own.",
        "## How to cite",
        CITATION,
    ]
    return make_header(card) + "\n" + "\n\n".join(parts) + "\n"


def _describe(card: ModelCard) -> str:
    """Say what the model is."""
    chain = card.s_agent.chain
    likelihood = card.s_agent.likelihood
    kind = "images" if chain.shape[1:] else "points"  # a point has one axis
    classes = f" It knows {chain.num_classes} classes." if chain.num_classes else ""
    return (
        f"A generative model of {kind} of shape {chain.shape}, trained on the data set "
        f"`{card.data}`. It draws in {chain.horizon} steps: at each of them it proposes "
        f"{chain.num_proposals} changes and chooses one, so {kind} have codes of "
        f"{chain.horizon} numbers. The likelihood of the data given the last state is "
        f"{likelihood.name}.{classes} It was learned with GCGen, as goal-conditioned reinforcement "
        "learning: an agent that sees the goal learns to choose, and the S-agent in this folder "
        "learns what to propose, and how probable each choice is."
    )


def _show(card: ModelCard, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the pictures that there are, with captions."""
    for name in names:
        if name in card.pictures:
            yield f"![{PICTURES[name].capitalize()}]({name})"


def _explain_use(card: ModelCard) -> str:
    """Say how to load the folder, and how to draw."""
    chain, likelihood = card.s_agent.chain, card.s_agent.likelihood
    folder = json.dumps(card.title, ensure_ascii=False)
    shape = ", ".join(map(str, (16, *chain.shape)))
    lines = [
        "from agents import SAgent",
        "",
        f"s_agent = SAgent.load({folder})  # the path of this folder",
        f"samples = s_agent.sample(16, seed=0)  # ({shape}), in [{likelihood.low:g}, "
        f"{likelihood.high:g}]",
    ]
    if chain.num_classes:
        lines.append("of_a_class = s_agent.sample(16, seed=0, label=0)")
    code = "\n".join(lines)
    return (
        f"Install GCGen {card.training.get('versions', {}).get('gcgen', '')}".rstrip()
        + f", and run this beside the folder:\n\n```python\n{code}\n```\n\n"
        f"On the command line, in the folder:\n\n"
        f"    gcgen sample --model . --out ../samples.png\n"
        f"    gcgen studio {FILE_NAME}"
    )


def _tabulate_figures(card: ModelCard) -> Iterator[str]:
    """Yield the table of figures, and how they were measured."""
    figures = card.figures
    rows = dict.fromkeys(("-ELBO", "bits per dimension", "PSNR", "squared error"), NOT_EVALUATED)
    if figures is not None:
        bound = figures.bound
        error = f" ± {bound.standard_error:.2f}" if bound.num_images > 1 else ""
        bits, psnr = bound.bits_per_dim, figures.psnr
        rows["-ELBO"] = f"{bound.nll:.2f}{error} nats"
        rows["bits per dimension"] = "not defined" if bits is None else f"{bits:.3f}"
        rows["PSNR"] = "not defined" if psnr is None else f"{psnr:.2f} dB"
        rows["squared error"] = f"{figures.squared_error:.5f}"
    meanings = (
        "bound on -log p; lower is better",
        "bound on the length of a code; lower is better",
        "of reconstructions; higher is better",
        "of reconstructions, mean over values; lower is better",
    )
    lines = [
        f"| {name} | {value} | {meaning} |"
        for (name, value), meaning in zip(rows.items(), meanings, strict=True)
    ]
    yield "\n".join(["| figure | test split | meaning |", "|---|---|---|", *lines])
    if figures is None:
        yield "The test split was not at hand when this card was written."
    else:
        yield (
            f"Measured on all {figures.bound.num_images:,} of its items with seed {figures.seed}, "
            f"with the weights as `{FILE_NAME}` holds them. The agent that sees the goal chooses; "
            "it is not in this folder."
        )


def _describe_training(card: ModelCard) -> Iterator[str]:
    """Yield the command, the facts and the settings of the training."""
    facts = dict(card.training)
    if command := facts.pop("command", None):
        yield "\n".join(f"    {line}" for line in command.split(" && "))
    if facts:
        yield "\n".join(f"- {name}: {_in_words(value)}" for name, value in facts.items())
    if card.settings:
        rows = [f"| `{name}` | {_in_words(value)} |" for name, value in card.settings.items()]
        table = "\n".join(["| setting | value |", "|---|---|", *rows])
        summary = "<summary>Settings; the others have their defaults</summary>"
        yield f"<details>{summary}\n\n{table}\n\n</details>"


def _in_words(value: object) -> str:
    """Return a JSON value as it is read in a list or a table."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(_in_words, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "not set" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _list_limits(card: ModelCard) -> Iterator[str]:
    """Yield what the model cannot do."""
    seen = "" if card.num_train is None else f"{card.num_train:,} "
    likelihood = card.s_agent.likelihood
    if likelihood.name == "bernoulli":
        shown = 'the probability that a pixel is white; `draw="sample"` draws black and white'
    else:
        sigma = getattr(likelihood, "sigma", 0.0)
        shown = f'means; `draw="sample"` adds noise of standard deviation {sigma:.3g}'
    yield f"- It has seen {seen}training items of `{card.data}`, draws nothing else, and shares"
    yield "  their biases."
    yield "- Samples may repeat training items. `gcgen sample --nearest` compares them, where the"
    yield "  whole run and its data are."
    yield f"- Samples are {shown}."
    yield "- -ELBO is an upper bound on -log p, not its value."
    yield "- Weights from a stranger may draw anything. Loading them runs no code."


CITATION = """\
```bibtex
@article{vargasvieyra2023learning,
  title   = {Learning Generative Models with Goal-Conditioned Reinforcement Learning},
  author  = {Vargas Vieyra, Mariana and M{\\'e}nard, Pierre},
  journal = {arXiv preprint arXiv:2303.14811},
  year    = {2023}
}
@software{gcgen,
  title   = {GCGen: generative models learned as goal-conditioned reinforcement learning},
  author  = {{The GCGen authors}}
}
```"""
