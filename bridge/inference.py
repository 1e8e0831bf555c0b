"""What a spiking network says of samples, and what samples must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bridge.errors import ValidationError


@dataclass(frozen=True, eq=False)
class Inference:
    """What a spiking network said of some samples.

    Attributes
    ----------
    scores : ndarray of float64 (samples, outputs)
        The output in the module's own units and order, images flattened; for a network that spiked already, the
        spike counts of its last layer.
    course : ndarray of float64 (samples, steps, outputs)
        The scores so far, step by step, from the first step in which the last layer receives input or may fire.
    spikes : ndarray of int64 (samples, layers)
        Spikes of each layer, without a readout.
    counts : dict of str to ndarray of int64 (neurons,)
        Spikes of each neuron, summed over the samples.
    synaptic_events : ndarray of int64 (samples,)
        Synapses reached by spikes.
    seconds : float
        Wall-clock time of the simulation, its input included.
    steps_read : ndarray of int64 (samples,), optional
        The last step of `course` that was read of each sample, where a read-out was asked for that is not all of it.
    """

    scores: np.ndarray
    course: np.ndarray
    spikes: np.ndarray
    counts: dict[str, np.ndarray]
    synaptic_events: np.ndarray
    seconds: float
    steps_read: np.ndarray | None = None

    @property
    def classes(self) -> np.ndarray:
        """The class with the highest score, the lowest of equals; int64 (samples,)."""
        return self.scores.argmax(axis=1)

    def latency(self) -> np.ndarray:
        """Return for each sample the step of `course` from which on the decision is the final one; int64, from 1.

        As long as all outputs are 0 nothing is decided; a sample without any output has the last step.
        """
        decided = np.where(self.course.any(axis=2), self.course.argmax(axis=2), -1)
        differs = decided != self.classes[:, None]
        after_last = differs.shape[1] - differs[:, ::-1].argmax(axis=1) + 1
        return np.where(differs.any(axis=1), np.minimum(after_last, differs.shape[1]), 1)


@dataclass(frozen=True, eq=False)
class Observation:
    """What every layer of a spiking network said of some samples.

    Attributes
    ----------
    inference : Inference
        What the whole network said.
    activations : dict of str to ndarray of float64 (samples, *shape)
        By node of the graph, those whose neurons stand for an activation and the output: what they said, in the
        module's own units and layout.
    operations : dict of str to ndarray of int64 (samples,)
        By firing layer, the synapses that its spikes reached.
    """

    inference: Inference
    activations: dict[str, np.ndarray]
    operations: dict[str, np.ndarray]


def joined(parts: list[Inference]) -> Inference:
    """Put what was said of several batches of samples together."""
    read = [part.steps_read for part in parts if part.steps_read is not None]
    return Inference(
        scores=np.concatenate([part.scores for part in parts]),
        course=np.concatenate([part.course for part in parts]),
        spikes=np.concatenate([part.spikes for part in parts]),
        counts={name: np.sum([part.counts[name] for part in parts], axis=0) for name in parts[0].counts},
        synaptic_events=np.concatenate([part.synaptic_events for part in parts]),
        seconds=sum(part.seconds for part in parts),
        steps_read=np.concatenate(read) if read else None,
    )


def as_array(samples: Any) -> np.ndarray:
    """Return samples, which may be a tensor of PyTorch or lists, as an array of real numbers, or refuse them."""
    if hasattr(samples, "detach"):
        samples = samples.detach().cpu()
        samples = samples.double() if samples.is_floating_point() else samples
    try:
        array = np.asarray(samples)
    except ValueError:
        raise ValidationError("samples must be an array of numbers; these lists are not all as long") from None
    if array.dtype.kind not in "biufc":
        raise ValidationError(f"samples must be an array of numbers, not {type(samples).__name__} ({array.dtype})")
    if array.dtype.kind == "c":
        raise ValidationError(f"samples must be real, not {array.dtype}: give real and imaginary parts as channels")
    return array


def check_samples(samples: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return samples (samples, *shape) as float64, or refuse them."""
    samples = as_array(samples).astype(np.float64, copy=False)
    if samples.shape[1:] != shape or samples.size == 0:
        sizes = ", ".join(map(str, shape))
        raise ValidationError(f"samples must have shape (samples >= 1, {sizes}), not {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValidationError(f"samples must be finite; sample {int(np.argwhere(~np.isfinite(samples))[0][0])} is not")
    return samples
