"""`gcgen evaluate`: bound the negative log-likelihood of a split, and judge what is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.cli.checks import check_at_least, check_seed
from agents.cli.outputs import check_output
from agents.cli.settings import Ramp, parse_ramp
from agents.cli.together import Team, sharing_work
from agents.gcgen.search_names import Search
from gcgen_env.atomic_files import write_json


@dataclass(frozen=True)
class Evaluate:
    """Bound the negative log-likelihood of images, and judge what is drawn.

    The bound is in nats, with one path and with many. For a Bernoulli model grey images are
    binarised once, with the seed. With --full, what the model draws is compared with real images.
    """

    model: Path
    """The folder of a run, or a model.gcgen."""
    split: Literal["train", "validation", "test"] = "test"
    """Split of the data set. Use the validation images to choose settings."""
    paths: int = 64
    """Number of paths M of the importance-weighted bound IW-M; 1 skips this bound."""
    num_images: int | None = None
    """Number of images of the one-path bound, the first ones; by default all."""
    iw_images: int = 1000
    """Number of images of IW-M, the first ones."""
    seed: int = 0
    """Seed of the binarisation and of the paths."""
    look_ahead: Ramp | Literal["own"] = "own"
    """Replace the model's temperatures of the look-ahead, at the first step and after the last."""
    search: Search = "none"
    """Search that looks further ahead than the GC-agent does; "beam" has no IW-M."""
    width: int = 8
    """Number of proposals or partial paths that the search keeps."""
    full: bool = False
    """Also compare samples and reconstructions with the split: FID, KID, precision, recall,
    density, coverage, NDB, classes, and whether training images are repeated. It needs the library
    torchmetrics: pip install 'gcgen[evaluation]'."""
    samples: int = 10_000
    """Number of samples of --full; at most half as many as training images."""
    beside: tuple[Path, ...] = ()
    """Samples of other models, judged alike by --full: .npy files or folders of images, whose names
    are the columns."""
    page: Path | None = None
    """Write the figures and pictures of --full to this .html file, which opens offline."""
    json: Path | None = None
    """Also write the figures to this file."""
    overwrite: bool = False
    """Replace these files if they exist."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved since training."""
    device: str = "auto"
    """Torch device."""
    threads: int | None = None
    """Number of torch's threads; by default it is left as it is."""
    processes: int = 1
    """Processes on this machine that share the work; the results do not depend on it."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        with sharing_work(self.processes) as team:
            return self._run(team)

    def _run(self, team: Team) -> int:
        """Evaluate as one of some processes."""
        from agents.cli.full_evaluation import FullEvaluation
        from agents.cli.measurement import describe, hash_file, measure, print_table
        from agents.cli.models import find_model, load_model, take_labels, take_split
        from agents.common.provenance import set_threads
        from agents.distributed.data_note import find_checksum

        with team.reading_input() as alike:
            sizes = ("paths", "num_images", "iw_images", "width", "samples")
            check_at_least(1, **{name: getattr(self, name) for name in sizes})
            check_seed(self.seed)
            found = find_model(self.model)
            self._check_outputs(found)
            set_threads(self.threads)
            model = load_model(self.model, team.choose_device(self.device))
            model.turns = team.ranks.take_turns  # the bounds are divided, and samples
            if self.look_ahead != "own":
                model.policy.set_selection(look_ahead=parse_ramp(self.look_ahead))
            images = take_split(model, self.split, self.num_images, self.data_dir)
            labels = take_labels(model, self.split, self.num_images, self.data_dir)
            alike |= {"model": hash_file(found), "images": find_checksum(images)}
            full = None
            if self.full:
                full = FullEvaluation.prepare(
                    model, self.split, self.samples, self.beside, self.data_dir
                )
        how = {"seed": self.seed, "search": self.search, "width": self.width}
        bounds = [measure(model, images, 1, **how)]  # -ELBO
        if self.paths > 1 and self.search != "beam":  # a beam search finds one path
            bounds.append(measure(model, images[: self.iw_images], self.paths, **how))
        if labels is not None:
            bounds.append(measure(model, images, 1, **how, label=labels))
        print_table(bounds, f"{self.model}, {self.split} images, nats")
        origin = {"model": str(self.model), "sha256": hash_file(found)}
        document = {**describe(model, bounds), **origin, "split": self.split, **how}
        if full is not None:
            document |= full.run(self.seed)
            if self.page is not None and team.ranks.is_first:
                full.write_page(self.page, [str(report) for report, _ in bounds], document)
                print(f"wrote {self.page}")
        if self.json is not None and team.ranks.is_first:
            write_json(self.json, document)
            print(f"wrote {self.json}")
        return 0

    def _check_outputs(self, model: Path) -> None:
        """Raise a ValueError or OSError unless the files can be written."""
        if self.page is not None and not self.full:
            raise ValueError("--page shows the figures of --full: add --full")
        if self.beside and not self.full:
            raise ValueError("--beside is judged by --full: add --full")
        if self.json is not None:
            check_output(self.json, self.overwrite, "--json", inputs=[model])
        if self.page is not None:
            check_output(self.page, self.overwrite, "--page", suffixes=(".html",), inputs=[model])
