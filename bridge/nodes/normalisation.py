"""Normalisations by the sample's own values, and the softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bridge.errors import ValidationError
from bridge.nodes.base import Node, channelwise, require_axis


@dataclass(frozen=True, eq=False)
class LayerNorm(Node):
    """Layer normalisation over the last axes: y = scale (x - m) / sqrt(v + eps) + shift.

    m and v are mean and variance over the axes that `scale` and `shift` have (Ba et al., 2016).
    """

    scale: np.ndarray
    shift: np.ndarray
    eps: float = 1e-5
    arrays: ClassVar = {"scale": None, "shift": None}

    def _shape(self, *shapes):
        own = self.scale.shape
        if not own or self.shift.shape != own or shapes[0][-len(own) :] != own:
            raise ValidationError(f"scale {own}, shift {self.shift.shape} do not fit input {shapes[0]}")
        return shapes[0]

    def _value(self, *values):
        axes = tuple(range(-self.scale.ndim, 0))
        return standardised(values[0], axes, self.eps) * self.scale + self.shift


@dataclass(frozen=True, eq=False)
class RMSNorm(Node):
    """Root-mean-square normalisation over the last axes: y = scale x / sqrt(mean(x^2) + eps).

    The mean is over the axes that `scale` has (Zhang and Sennrich, NeurIPS 2019).
    """

    scale: np.ndarray
    eps: float
    arrays: ClassVar = {"scale": None}

    def _shape(self, *shapes):
        own = self.scale.shape
        if not own or shapes[0][-len(own) :] != own:
            raise ValidationError(f"scale {own} does not fit input {shapes[0]}")
        return shapes[0]

    def _value(self, *values):
        axes = tuple(range(-self.scale.ndim, 0))
        return self.scale * values[0] / np.sqrt((values[0] ** 2).mean(axis=axes, keepdims=True) + self.eps)


@dataclass(frozen=True, eq=False)
class GroupNorm(Node):
    """Group normalisation: y[c] = scale[c] (x[c] - m) / sqrt(v + eps) + shift[c].

    m and v are mean and variance over the group of channels that c belongs to and all axes after them (Wu and He,
    ECCV 2018). With as many groups as channels it is instance normalisation.
    """

    groups: int
    scale: np.ndarray
    shift: np.ndarray
    eps: float = 1e-5
    arrays: ClassVar = {"scale": 1, "shift": 1}

    def _shape(self, *shapes):
        channels = shapes[0][:1]
        if self.scale.shape != channels or self.shift.shape != channels:
            raise ValidationError(f"scale {self.scale.shape}, shift {self.shift.shape} do not fit input {shapes[0]}")
        if self.groups < 1 or channels[0] % self.groups:
            raise ValidationError(f"groups {self.groups} must divide the {channels[0]} channels")
        return shapes[0]

    def _value(self, *values):
        (x,) = values
        grouped = x.reshape(len(x), self.groups, -1)
        y = standardised(grouped, (-1,), self.eps).reshape(x.shape)
        return y * channelwise(self.scale, x.ndim) + channelwise(self.shift, x.ndim)


@dataclass(frozen=True, eq=False)
class Softmax(Node):
    """Softmax along an axis: y[i] = exp(x[i]) / sum_j exp(x[j]); the axis counts from 0, without the batch axis."""

    axis: int

    def _shape(self, *shapes):
        require_axis(self.axis, shapes[0])
        return shapes[0]

    def _value(self, *values):
        exponential = np.exp(values[0] - values[0].max(axis=self.axis + 1, keepdims=True))
        return exponential / exponential.sum(axis=self.axis + 1, keepdims=True)


@dataclass(frozen=True, eq=False)
class LogSoftmax(Node):
    """Logarithm of the softmax along an axis: y[i] = x[i] - log sum_j exp(x[j]); the axis counts without the batch."""

    axis: int

    def _shape(self, *shapes):
        require_axis(self.axis, shapes[0])
        return shapes[0]

    def _value(self, *values):
        shifted = values[0] - values[0].max(axis=self.axis + 1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=self.axis + 1, keepdims=True))


def standardised(x: np.ndarray, axes: tuple[int, ...], eps: float) -> np.ndarray:
    """Give (x - mean) / sqrt(variance + eps) over some axes, with the variance of the population."""
    centred = x - x.mean(axis=axes, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + eps)
