"""Training with early stopping, and going on where it was interrupted."""

from __future__ import annotations

import copy
import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ann.checkpoints import Progress, fingerprint, read_checkpoint, write_checkpoint
from ann.checks import check_integer, check_one_of, check_positive, check_seed
from ann.data import Dataset
from ann.errors import DataError, NumericalError, ValidationError
from ann.evaluation import find_device
from ann.objectives import check_outputs, judge, objective_of
from ann.optimizers import FULL_BATCH, OPTIMIZERS, SCHEDULES, make_optimizer, make_schedule
from ann.record import TrainingRecord
from ann.seeding import seeded


@runtime_checkable
class HasPretraining(Protocol):
    """A model that learns from unlabelled samples first, as deep belief networks do."""

    def pretrain(self, x: Tensor) -> None:
        """Learn from samples, (n, ...), drawing from PyTorch's global generator."""
        ...


def fit(
    model: nn.Module,
    data: Dataset,
    *,
    epochs: int = 30,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    optimizer: str = "adam",
    schedule: str = "one-cycle",
    keep: Literal["best", "last"] = "best",
    patience: int | None = None,
    seed: int = 0,
    device: str | None = None,
    mixed_precision: bool = False,
    checkpoint: str | PathLike[str] | None = None,
    resume: bool = False,
    report: Literal["bar"] | None = None,
) -> TrainingRecord:
    """Train a model, and leave it in evaluation mode with the weights kept.

    What is made small is `model.objective(x, y)` if there is such a method; else the cross entropy where the data have
    classes, and the mean squared error where they have numbers to predict. A method `model.pretrain(x)` is called with
    the training samples first.

    The best weights are those with the lowest loss on the validation part. The weights kept are also what the model has
    when training is interrupted (Ctrl-C; the KeyboardInterrupt goes on to the caller) or fails; before the end of the
    first epoch these are the weights it came with.

    With the same model, data, arguments and number of threads, the same machine gives the same weights, in one sitting
    or resumed from a checkpoint. PyTorch's global random state is left as it was.

    Parameters
    ----------
    model : torch.nn.Module
        Takes samples, (batch, ...), and returns scores, (batch, classes), or numbers, (batch, outputs).
    data : Dataset
        Samples and their targets; the test part is not looked at.
    epochs : int
        Passes through the training samples, at least 1.
    batch_size : int
        Samples of an update, at least 1; "gradient-descent" takes all at once.
    learning_rate : float
        Highest learning rate, positive.
    optimizer : str
        "gradient-descent", "sgd", "momentum", "adam" or "nadam", as in torch.optim.
    schedule : str
        "one-cycle": up to `learning_rate` and down again (Smith & Topin, arXiv:1708.07120), or "constant".
    keep : {"best", "last"}
        Which weights the model keeps: the best, or the last, for models whose loss does not say how good they are.
    patience : int, optional
        Stop when the validation loss has had no new minimum for this many epochs, at least 1; by default never.
    seed : int
        Seed of the order of the samples, of dropout and of whatever else is drawn, 0 ... 2**32 - 1.
    device : str, optional
        Where to train, "cpu" or "cuda"; the model is moved there. By default where it is.
    mixed_precision : bool
        Compute what bears it in bfloat16 (`torch.autocast`); weights and their updates stay float32.
    checkpoint : path, optional
        A file that is written after every epoch, to a temporary file that then takes its place.
    resume : bool
        Go on from the checkpoint if it is there, else begin. Without it a file that is there is refused, not replaced.
    report : {"bar"}, optional
        Show a progress bar with loss and validation accuracy on standard error.

    Raises
    ------
    ValidationError
        If an argument is out of range, the model and the data do not fit, or the checkpoint is of another training;
        before training starts.
    DataError
        If the checkpoint cannot be read or written. A whole pickled module is refused.
    NumericalError
        If the loss is no longer finite.
    """
    settings = {
        "epochs": check_integer("epochs", epochs, 1),
        "batch_size": check_integer("batch_size", batch_size, 1),
        "learning_rate": check_positive("learning_rate", learning_rate),
        "optimizer": check_one_of("optimizer", optimizer, OPTIMIZERS),
        "schedule": check_one_of("schedule", schedule, SCHEDULES),
        "keep": check_one_of("keep", keep, ("best", "last")),
        "patience": None if patience is None else check_integer("patience", patience, 1),
        "seed": check_seed(seed),
        "mixed_precision": bool(mixed_precision),
    }
    if report not in (None, "bar"):
        raise ValidationError("report", report, "'bar' or None")
    path = _check_checkpoint(checkpoint, resume)
    _move(model, device)
    with seeded(seed, find_device(model)):
        check_outputs(model, data)
    with seeded(seed, find_device(model)):
        training = _Training(model, data, settings, path)
        if path is not None and path.exists():
            training.resume()
        return training.run(show_bar=report == "bar")


def _check_checkpoint(checkpoint: str | PathLike[str] | None, resume: bool) -> Path | None:
    if checkpoint is None:
        if resume:
            raise ValidationError("resume", resume, "a checkpoint to resume from: name its file")
        return None
    path = Path(checkpoint)
    if path.exists() and not resume:
        raise ValidationError("checkpoint", str(path), "a file that is not there yet, or resume=True to go on from it")
    if not path.parent.is_dir():
        raise DataError(f"{path.parent} is not a folder; make it, or name another for the checkpoint")
    return path


def _move(model: nn.Module, device: str | None) -> None:
    if device is None:
        return
    if device not in ("cpu", "cuda"):
        raise ValidationError("device", device, "'cpu' or 'cuda'")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValidationError("device", device, "'cpu', since PyTorch finds no CUDA device here")
    model.to(device)


@dataclass
class _Training:
    model: nn.Module
    data: Dataset
    settings: dict[str, Any]
    path: Path | None

    def __post_init__(self) -> None:
        self.device = find_device(self.model)
        self.x, self.y = (torch.tensor(part, device=self.device) for part in (self.data.x_train, self.data.y_train))
        full = self.settings["optimizer"] == FULL_BATCH
        self.batch_size = len(self.x) if full else self.settings["batch_size"]
        self.updates = math.ceil(len(self.x) / self.batch_size)  # in an epoch
        learning_rate, updates = self.settings["learning_rate"], self.updates * self.settings["epochs"]
        self.optimizer = make_optimizer(self.settings["optimizer"], self.model, learning_rate)
        self.schedule = make_schedule(self.settings["schedule"], self.optimizer, learning_rate, updates)
        self.order = torch.Generator().manual_seed(self.settings["seed"])
        self.objective = objective_of(self.model, self.data)
        self.progress = Progress(best_weights=copy.deepcopy(self.model.state_dict()))

    @property
    def stopped_early(self) -> bool:
        """Whether the validation loss has had no new minimum for too long."""
        losses, patience = self.progress.validation_loss, self.settings["patience"]
        return patience is not None and bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= patience

    def resume(self) -> None:
        assert self.path is not None
        self.progress = read_checkpoint(self.path, *self._parts())

    def _parts(self) -> tuple[dict[str, Any], nn.Module, dict[str, Any], torch.Generator, torch.device]:
        settings = self.settings | {"data": fingerprint(self.data)}
        parts = {"optimizer": self.optimizer, "schedule": self.schedule}
        return settings, self.model, parts, self.order, self.device

    def run(self, show_bar: bool) -> TrainingRecord:
        from tqdm import tqdm

        begun, progress, epochs = time.perf_counter() - self.progress.seconds, self.progress, self.settings["epochs"]
        done = len(progress.train_loss)
        try:
            if done == 0 and isinstance(self.model, HasPretraining):
                self.model.pretrain(self.x)
            with tqdm(
                total=epochs * self.updates, initial=done * self.updates, unit="batch", disable=not show_bar
            ) as bar:
                while len(progress.train_loss) < epochs and not self.stopped_early:
                    progress.train_loss.append(self._train_epoch(bar))
                    self._validate(bar)
                    progress.seconds = time.perf_counter() - begun
                    self._save()
        finally:
            self.model.load_state_dict(progress.best_weights)
            self.model.eval()
        return TrainingRecord(
            tuple(progress.train_loss),
            tuple(progress.validation_loss),
            tuple(progress.validation_accuracy),
            progress.best_epoch,
            progress.seconds,
            len(progress.train_loss) < epochs,
        )

    def _train_epoch(self, bar: Any) -> float:
        self.model.train()
        epoch, total = len(self.progress.train_loss), 0.0
        precision = (
            torch.autocast(self.device.type, torch.bfloat16) if self.settings["mixed_precision"] else nullcontext()
        )
        for chosen in torch.randperm(len(self.x), generator=self.order).to(self.device).split(self.batch_size):
            with precision:
                loss = self.objective(self.x[chosen], self.y[chosen])
            total += _check_finite(loss.item(), "training", epoch) * len(chosen)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            bar.update()
        return total / len(self.x)

    def _validate(self, bar: Any) -> None:
        progress = self.progress
        epoch = len(progress.validation_loss)
        loss, right = judge(self.model, self.data)
        best = epoch == 0 or loss < progress.validation_loss[progress.best_epoch]
        progress.validation_loss.append(_check_finite(loss, "validation", epoch))
        if right is not None:
            progress.validation_accuracy.append(right)
        if best or self.settings["keep"] == "last":
            progress.best_epoch, progress.best_weights = epoch, copy.deepcopy(self.model.state_dict())
        shown = {} if right is None else {"validation_accuracy": f"{right:.2%}"}
        bar.set_postfix(loss=f"{progress.train_loss[-1]:.4f}", validation_loss=f"{loss:.4f}", **shown)

    def _save(self) -> None:
        if self.path is not None:
            write_checkpoint(self.path, self.progress, *self._parts())


def _check_finite(loss: float, part: str, epoch: int) -> float:
    if not math.isfinite(loss):
        raise NumericalError(f"the {part} loss of epoch {epoch} is {loss}; try a lower learning_rate")
    return loss
