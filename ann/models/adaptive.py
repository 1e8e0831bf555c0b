"""Spiking neurons whose threshold adapts, and neurons that hear their own spikes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ann.checks import check_integer, check_number, check_positive
from ann.errors import ValidationError
from ann.models.soft_reset import SoftResetLeaky


class AdaptiveLeaky(SoftResetLeaky):
    """A layer of leaky integrate-and-fire neurons whose threshold rises with every spike and falls back.

    With input x, potential v and excess a of the threshold, both zero at first, a step is::

        v <- beta v + x
        s <- 1 if v - a > threshold else 0
        v <- v - threshold s
        a <- rho a + jump s

    Bellec, Salaj, Subramoney, Legenstein & Maass, "Long short-term memory and learning-to-learn in networks of spiking
    neurons", NeurIPS (2018); with this reset in Bellec et al., Nature Communications 11 (2020), where jump is their
    beta. Gradients pass the threshold as they pass v, by the surrogate.

    Parameters
    ----------
    beta, threshold, slope, surrogate
        As of `SoftResetLeaky`.
    jump : float
        What a spike adds to a, positive, in units of v.
    rho : float
        Decay of a in a step, above 0 and at most 1.

    Attributes
    ----------
    excess : torch.Tensor
        a after the last step, of the shape of the input; empty before the first.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """

    excess: Tensor

    def __init__(
        self,
        beta: float = 0.9,
        threshold: float = 1.0,
        slope: float = 10.0,
        surrogate: str = "fast-sigmoid",
        *,
        jump: float = 0.2,
        rho: float = 0.95,
    ):
        super().__init__(beta, threshold, slope, surrogate)
        self.jump = check_positive("jump", jump)
        self.rho = check_number("rho", rho, "a number above 0 and at most 1", lambda r: 0 < r <= 1)
        self.register_buffer("excess", torch.zeros(0), persistent=False)

    def reset(self) -> None:
        """Forget potentials and thresholds; the next step begins from zero."""
        super().reset()
        self.excess = self.excess.new_zeros(0)

    def _fire(self, charged: Tensor) -> Tensor:
        excess = torch.zeros_like(charged) if self.excess.numel() == 0 else self.excess
        spikes = super()._fire(charged - excess)
        self.excess = self.rho * excess + self.jump * spikes
        return spikes


class SelfConnected(nn.Module):
    """Spiking neurons that also hear what all of them said a step before: s(t) = neurons(x(t) + U s(t - 1)).

    Parameters
    ----------
    neurons : SoftResetLeaky
        Or an `AdaptiveLeaky`.
    size : int
        How many they are, at least 1.

    Attributes
    ----------
    recurrent : torch.nn.Linear
        U, (size, size).
    spikes : torch.Tensor
        s of the last step, (batch, size); empty before the first.

    Raises
    ------
    ValidationError
        If `size` is no integer of at least 1.
    """

    spikes: Tensor

    def __init__(self, neurons: SoftResetLeaky, size: int):
        super().__init__()
        size = check_integer("size", size, 1)
        self.neurons, self.recurrent = neurons, nn.Linear(size, size, bias=False)
        self.register_buffer("spikes", torch.zeros(0), persistent=False)

    def reset(self) -> None:
        """Forget all that was; the next step begins from zero."""
        self.neurons.reset()
        self.spikes = self.spikes.new_zeros(0)

    def forward(self, input_: Tensor) -> Tensor:
        """Advance by a step: input (batch, size); returns 1.0 where a neuron fired, else 0.0, (batch, size)."""
        heard = input_ if self.spikes.numel() == 0 else input_ + self.recurrent(self.spikes)
        self.spikes = self.neurons(heard)
        return self.spikes


def neuron_maker(
    beta: float, threshold: float, slope: float, surrogate: str, jump: float, rho: float
) -> Callable[[], SoftResetLeaky]:
    """Return a function that makes layers of neurons: adaptive ones where a spike raises the threshold.

    Parameters
    ----------
    beta, threshold, slope, surrogate, rho
        As of `AdaptiveLeaky`.
    jump : float
        Likewise, or 0 for `SoftResetLeaky`.

    Raises
    ------
    ValidationError
        If `jump` is negative; the rest is checked by the layers.
    """
    if jump == 0:
        return partial(SoftResetLeaky, beta, threshold, slope, surrogate)
    if not jump > 0:
        raise ValidationError("jump", jump, "0 for neurons that do not adapt, or a positive number")
    return partial(AdaptiveLeaky, beta, threshold, slope, surrogate, jump=jump, rho=rho)
