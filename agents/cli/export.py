"""`gcgen export`: write the S-agent of a run as a small file that records its origin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from agents.cli.checks import check_seed, reading_input
from agents.cli.outputs import check_output
from agents.common.versions import find_versions

if TYPE_CHECKING:
    from agents.cli.run_folder import RunRecord
    from agents.gcgen import GCGen, NLLReport
    from gcgen_env.datasets import Dataset

DEFAULT_OUT = Path("s_agent.safetensors")


@dataclass(frozen=True)
class Export:
    """Write a trained S-agent as a small file that records its origin.

    Recorded are the training command, the hash of the data and the bound, which is measured on
    the file as it is loaded again, float16 rounding included. With --card the file comes in a
    folder that a model hub takes, with a README, figures, pictures and a licence.
    """

    run_folder: Path
    """A folder written by `gcgen train`, or the model.gcgen in it."""
    out: Path | None = None
    """Where to write the file, which `proposer=` accepts; by default s_agent.safetensors."""
    card: Path | None = None
    """Write a model card: this folder, with the file in it. Without the data set, its figures are
    marked as not evaluated. The README shows the training command: read it before you publish."""
    license: str = "mit"
    """Identifier of the licence of the card, as model hubs have it."""
    license_file: Path | None = None
    """Text of the licence; needed unless it is mit."""
    author: str | None = None
    """Who owns the model, for the MIT licence."""
    overwrite: bool = False
    """Replace the file or the card if it exists."""
    half: bool = True
    """Store the weights as float16."""
    seed: int = 0
    """Seed of the binarisation, of the paths of the bound, and of pictures."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved since training."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        return self._write_file() if self.card is None else self._write_card(self.card)

    def _write_file(self) -> int:
        """Write the file alone."""
        from agents.cli.models import find_model, load_model, load_split, take_split
        from agents.cli.run_folder import RunFolder

        out = self.out or DEFAULT_OUT
        with reading_input():
            check_seed(self.seed)
            if self.license_file is not None or self.author is not None or self.license != "mit":
                raise ValueError("--license, --license-file and --author belong to --card FOLDER")
            folder = RunFolder(self.run_folder)
            check_output(out, self.overwrite, inputs=[folder.model, folder.best, folder.config])
            record = folder.read()
            model = load_model(find_model(self.run_folder), "cpu")
            train = load_split(model, "train", self.data_dir)
            images = take_split(model, "test", data_dir=self.data_dir)
        round_weights(model, self.half)  # the bound is that of the file
        report = model.evaluate_nll(images, seed=self.seed)
        metadata = describe(model, record, train, report)
        model.s_agent.save(out, half=self.half, **metadata)
        print(f"wrote {out}, {out.stat().st_size / 1e6:.1f} MB: {report}")
        return 0

    def _write_card(self, place: Path) -> int:
        """Write the folder of a model card."""
        from agents.cards import measure_figures
        from agents.cli.card_folder import (
            CardRequest,
            check_place,
            find_data,
            read_license,
            write_card,
        )
        from agents.cli.models import find_model, load_model
        from agents.cli.run_folder import RunFolder

        with reading_input():
            check_seed(self.seed)
            if self.out is not None:
                raise ValueError("--card writes the file into its folder: leave out --out")
            check_place(place, self.overwrite)
            text = read_license(self.license, self.license_file, self.author)
            record = RunFolder(self.run_folder).read()
            model = load_model(find_model(self.run_folder), "cpu")
            data = find_data(model, self.data_dir)
        round_weights(model, self.half)
        figures = None if data is None else measure_figures(model, data.images, self.seed)
        bound = None if figures is None else figures.bound  # nor is there one without data
        metadata = describe(model, record, None if data is None else data.train, bound)
        request = CardRequest(place, self.license, text, self.seed, self.half)
        write_card(request, model, record, data, figures, metadata)
        print(f"wrote {place}: {figures.bound if figures else 'not evaluated'}")
        print(f"licence: {request.license}; read {place / 'README.md'} before you publish it")
        return 0


def round_weights(model: GCGen, half: bool) -> None:
    """Give a model the S-agent that its file will hold: float16 rounds the weights."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "rounded.safetensors"
        model.s_agent.save(copy, half=half)
        model.s_agent = model.s_agent.load(copy)


def describe(
    model: GCGen, record: RunRecord, train: Dataset | None, report: NLLReport | None
) -> dict[str, Any]:
    """Return the metadata of the file of an S-agent, as far as its data are at hand."""
    found: dict[str, Any] = {}
    if train is not None:
        found |= {"dataset": train.name, "data_sha256": train.digest(), "split": "train"}
    found |= {"command": record.command, "seed": model.seed, "updates": model._n_updates}
    if report is not None:
        found |= {"bound": f"{report} of the test split", "bound_nats": report.nll}
    look_ahead = model.policy.selection.look_ahead
    return {**found, "look_ahead": look_ahead, "versions": find_versions()}
