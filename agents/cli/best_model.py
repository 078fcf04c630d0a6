"""`gcgen train --keep best`: the best model of a run, and how the run returns to it at the end."""

from __future__ import annotations

from dataclasses import asdict, replace

from agents.cli.checks import reading_input
from agents.cli.run_folder import RunFolder, RunRecord
from agents.gcgen import GCGen
from agents.gcgen.generalisation import Evaluation
from agents.gcgen.validation_watch import ValidationWatch, load_images
from gcgen_env.datasets import DATASETS


def keeps_best(keep: str, model: GCGen) -> bool:
    """Return whether a run ends with its best model.

    Args:
        keep: "best", "last", or "auto": the best if the images are the user's own, and some of
            them are for validation alone.
        model: The model, whose images are loaded.

    Raises:
        ValueError: If the best is wanted, and the validation images cannot tell it.
    """
    assert model.env_config is not None
    dataset = model.env_config.dataset
    is_named = isinstance(dataset, str) and dataset in DATASETS
    if keep == "last" or (keep == "auto" and is_named):
        return False
    try:
        load_images(model)
    except ValueError as error:
        if keep == "auto":
            return False
        raise ValueError(f"--keep best finds no best model: {error}; use --keep last") from error
    return True


def watch(folder: RunFolder, model: GCGen, record: RunRecord) -> ValidationWatch:
    """Return the callback that writes the best model of a run to its folder.

    If the run had ended, and its model is the best one, that becomes the best one so far.

    Raises:
        OSError: If the file cannot be written.
    """
    if record.best is not None:  # a file that is there belongs to an earlier session
        folder.save_best(model, record, Evaluation.read(record.best))

    def save(evaluation: Evaluation) -> None:
        folder.save_best(model, record, evaluation)

    return ValidationWatch(save, folder.read_best())


def return_to_best(
    folder: RunFolder, model: GCGen, record: RunRecord
) -> tuple[GCGen, RunRecord, str]:
    """Load the best model at the end of a training.

    Returns:
        The model, the record of a run that ends with it, and a sentence about it.

    Raises:
        InputError: If its file is damaged.
    """
    best = folder.read_best() if record.best is None else Evaluation.read(record.best)
    if best is None:  # the disk was full all the time
        return model, record, "kept the last update: the best one could not be saved"
    last, spent, others = model._n_updates, model.num_timesteps, ""
    if best.update != last:
        with reading_input():
            model = GCGen.load(folder.best, device=model.device)
        others = f" of {last}"
    discarded = record.discarded + max(0, spent - model.num_timesteps)
    record = replace(record, best=asdict(best), discarded=discarded)
    return model, record, f"kept update {best.update}{others}, the best: {best}"
