"""What happened in a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TrainingRecord:
    """What happened in a training.

    Parameters
    ----------
    train_loss : tuple of float
        Mean loss over the training samples of each epoch, while the weights changed.
    validation_loss : tuple of float
        Mean loss over the validation samples after each epoch.
    validation_accuracy : tuple of float
        Share of the validation samples told right after each epoch, 0 ... 1; empty where nothing is told.
    best_epoch : int
        Index of the epoch whose weights the model has now: the first with the lowest validation loss, or the last if
        that was asked for.
    seconds : float
        Wall-clock time, all sittings together.
    stopped_early : bool
        Whether `patience` ended the training.
    """

    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    validation_accuracy: tuple[float, ...]
    best_epoch: int
    seconds: float
    stopped_early: bool

    def plot(self, axes: Any = None) -> Any:
        """Draw the learning curves: losses against the epoch, and the accuracy on an axis of its own.

        Parameters
        ----------
        axes : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            The axes of the losses.
        """
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.figure(layout="constrained").add_subplot()
        epochs = range(1, len(self.train_loss) + 1)
        axes.plot(epochs, self.train_loss, label="training loss")
        axes.plot(epochs, self.validation_loss, label="validation loss")
        axes.axvline(self.best_epoch + 1, color="grey", linestyle=":", label="weights kept")
        axes.set(xlabel="epoch", ylabel="loss")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="center right")
        if self.validation_accuracy:
            right = axes.twinx()
            right.plot(epochs, [100 * share for share in self.validation_accuracy], color="black", linestyle="--")
            right.set(ylabel="validation accuracy (%), dashed")
        return axes
