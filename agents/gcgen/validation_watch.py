"""Watches the bound on validation images during training, keeps the best model, and warns."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback

from agents.common.patience import PatientWriter
from agents.gcgen.generalisation import Evaluation, check_images, describe_parting
from agents.gcgen.training import TwoAgentTraining
from agents.gcgen.training_log import write_row
from gcgen_env.datasets import Dataset

MOST_IMAGES = 128
"""Largest number of images in each of the two samples."""
SEED = 0
"""Seed of the samples, and of the binarisation and the paths of every evaluation."""
SHARE = 0.05
"""Largest share of the training's work that evaluations are to take."""
COST = 0.75
"""Work of the bound of a batch, in updates; measured were 0.25 to 0.8."""


class ValidationWatch(BaseCallback):
    """Evaluates the bound on validation and on training images at regular numbers of updates.

    - Both bounds are logged as `eval/validation_bound` and `eval/training_bound`, -ELBO in nats.
    - The model is saved whenever the validation bound is lower than ever. If the disk is full, the
      training goes on, and the best model is the one that was saved.
    - A warning is given, once in a training, when the validation bound has clearly risen above its
      lowest value while the training bound still falls; see `describe_parting`.

    The samples and all draws are fixed: the training draws the same numbers as without the watch,
    and evaluations can be compared pair by pair. Their moments follow from the updates alone, not
    from a clock, so that a seed decides which update is the best. An evaluation of n images of each
    kind takes about as long as 1 + 1.5 n / batch_size updates with its saving. There are twenty
    times as many updates between two of them, so all of them take about 5 % of the training at
    most. The end of a complete training is evaluated, too.
    """

    model: TwoAgentTraining  # type: ignore[assignment]

    def __init__(
        self,
        save: Callable[[Evaluation], object] = lambda evaluation: None,
        best: Evaluation | None = None,
    ) -> None:
        """Create the callback.

        Args:
            save: Saves the model, such as `lambda _: model.save("best.gcgen")`. It is called at
                the beginning of a round of goals, or at the end, with the evaluation; training
                goes on exactly from such a file.
            best: The best evaluation so far, if a training is resumed.
        """
        super().__init__()
        self.best = best
        self.last: Evaluation | None = None
        self._save = save
        self._likelihood: str | None = None

    def _on_training_start(self) -> None:
        """Choose the images; raise a ValueError if there are no validation images of their own."""
        self._samples = draw_samples(self.model)
        likelihood = repr(self.model.s_agent.likelihood)
        if self._likelihood not in (None, likelihood):
            self.best = None  # bounds of another sigma cannot be compared
        self._likelihood = likelihood
        num = len(self._samples.validation)
        self.interval = find_interval(num, self.model.config.update_size)
        self._seen = self.model._n_updates  # what was due before was done before
        self._has_warned = False
        self._write_row = PatientWriter(
            lambda: write_row(self.logger, self.num_timesteps), "row of the log"
        )

    def _on_step(self) -> bool:
        """Continue the training."""
        return True

    def _on_rollout_start(self) -> None:
        """Evaluate the model if that is due."""
        if self.model.is_resumable:
            updates, seen = self.model._n_updates, self._seen
            self._seen = updates
            if updates // self.interval > seen // self.interval:
                self._evaluate()

    def _on_training_end(self) -> None:
        """Evaluate the final model, unless the training was stopped and may go on."""
        is_done = self.last is not None and self.last.update == self.model._n_updates
        if self.model.progress >= 1.0 and not is_done:
            self._evaluate()

    def _evaluate(self) -> None:
        """Evaluate, log, compare with the best, and keep the better one."""
        now = self.last = self._measure()
        self.logger.record("eval/validation_bound", now.validation_bound)
        self.logger.record("eval/training_bound", now.training_bound)
        self.logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        self._write_row()
        if self.best is not None and not self.best.fits(now):
            self.best = None  # of other images
        is_number = math.isfinite(now.validation_bound)
        if is_number and (self.best is None or now.validation_bound < self.best.validation_bound):
            if PatientWriter(lambda: self._save(now), "best model")():
                self.best = now
        elif self.best and not self._has_warned and (sentence := describe_parting(self.best, now)):
            self._has_warned = True
            warnings.warn(sentence, UserWarning, stacklevel=2)

    def _measure(self) -> Evaluation:
        """Return the evaluation of the model as it is now."""
        return measure(self.model, self._samples)


class Samples(NamedTuple):
    """The images of the evaluations, always the same ones of a data set."""

    validation: NDArray[np.float32]
    """Shape (n, *S)."""
    training: NDArray[np.float32]
    """Shape (n, *S), or fewer if there are fewer."""


def draw_samples(model: TwoAgentTraining) -> Samples:
    """Draw the images of a model's evaluations.

    Raises:
        ValueError: If there are no validation images of their own, or they are too few.
    """
    training, validation = load_images(model)
    num = min(MOST_IMAGES, len(validation))
    return Samples(_choose(validation, num), _choose(training, num))


def measure(model: TwoAgentTraining, samples: Samples) -> Evaluation:
    """Return the bounds of both samples; the model and its generators stay as they are."""
    was_training = model.policy.training
    validation, training = (model.evaluate_nll(each, seed=SEED).per_image for each in samples)
    model.policy.set_training_mode(was_training)
    return Evaluation(model._n_updates, tuple(validation.tolist()), tuple(training.tolist()))


def load_images(model: TwoAgentTraining) -> tuple[Dataset, Dataset]:
    """Load the training and the validation images of a model.

    Raises:
        ValueError: If there are no validation images, they are the training images, or they are
            too few.
    """
    assert model.env_config is not None
    if model.env_config.split == "validation":
        raise ValueError("the environment trains on the validation images (split='validation')")
    training = model.load_split(model.env_config.split)
    validation = model.load_split("validation")
    check_images(training, validation)
    return training, validation


def find_interval(num: int, batch_size: int) -> int:
    """Return the updates between two evaluations of `num` images of each kind."""
    work = 1 + COST * 2 * num / batch_size  # updates; 1 stands for saving and overhead
    return round(work / SHARE)


def _choose(images: Dataset, num: int) -> NDArray[np.float32]:
    """Return a sample of at most `num` images of a split, shape (n, *S), always the same."""
    rng = np.random.default_rng(SEED)
    index = rng.choice(len(images), min(num, len(images)), replace=False)
    return images.take(np.sort(index))
