"""A leaky integrate-and-fire layer for surrogate-gradient training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import snntorch
import torch
from snntorch import surrogate as surrogates

from ann.checks import check_number, check_one_of, check_positive

# Each is called with the slope.
SURROGATES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "fast-sigmoid": surrogates.fast_sigmoid,
        "sigmoid": surrogates.sigmoid,
        "arctangent": surrogates.atan,
        "straight-through": lambda slope: surrogates.straight_through_estimator(),
    }
)


class SoftResetLeaky(snntorch.Leaky):
    """A layer of leaky integrate-and-fire neurons that subtract the threshold in the step they fire.

    With input x and potential v, zero at first, a step is::

        v <- beta v + x
        s <- 1 if v > threshold else 0
        v <- v - threshold s

    `snntorch.Leaky` with ``reset_mechanism="subtract"`` and ``reset_delay=False`` does the same as long as v is not
    above the threshold after a spike. Where it is (strong input), that class tests the next step against twice the
    threshold, so that a potential can stay above threshold without a spike; this class has no such state.

    Gradients pass the step by a surrogate (Neftci, Mostafa & Zenke, IEEE Signal Processing Magazine 36, 2019); with u
    for v - threshold and k for the slope, ds/dv is::

        "fast-sigmoid"      1 / (1 + k |u|)^2     (Zenke & Ganguli, Neural Computation 30, 2018)
        "sigmoid"           k e^(-k u) / (1 + e^(-k u))^2
        "arctangent"        k / 2 / (1 + (pi k u / 2)^2)     (Fang et al., ICCV 2021)
        "straight-through"  1     (Bengio, Leonard & Courville, arXiv:1308.3432, 2013)

    Parameters
    ----------
    beta : float
        Decay of the potential in a step, above 0 and at most 1 (no leak).
    threshold : float
        Potential above which a neuron fires, positive.
    slope : float
        Steepness of the surrogate gradient, positive.
    surrogate : str
        Which one, as above.

    Attributes
    ----------
    mem : torch.Tensor
        The potentials after the last step, of the shape of the input; empty before the first.

    Raises
    ------
    ValidationError
        If an argument is out of range.
    """

    # Buffers that the parent registers.
    beta: torch.Tensor
    threshold: torch.Tensor
    mem: torch.Tensor

    def __init__(self, beta: float = 0.9, threshold: float = 1.0, slope: float = 10.0, surrogate: str = "fast-sigmoid"):
        make_gradient = SURROGATES[check_one_of("surrogate", surrogate, SURROGATES)]
        super().__init__(
            beta=check_number("beta", beta, "a number above 0 and at most 1", lambda b: 0 < b <= 1),
            threshold=check_positive("threshold", threshold),
            spike_grad=make_gradient(check_positive("slope", slope)),
            init_hidden=True,
            reset_mechanism="subtract",
            reset_delay=False,
        )
        # snnTorch lists every neuron ever made, for a reset of all at once; in the list none would ever be freed.
        snntorch.Leaky.instances.remove(self)

    def reset(self) -> None:
        """Forget the potentials; the next step begins from zero."""
        self.mem = self.mem.new_zeros(0)

    def forward(self, input_: torch.Tensor) -> torch.Tensor:
        """Advance by a step.

        Parameters
        ----------
        input_ : torch.Tensor
            Input of every neuron, (batch, ...).

        Returns
        -------
        torch.Tensor
            1.0 where a neuron fired, else 0.0, of the same shape.
        """
        charged = input_ if self.mem.numel() == 0 else self.beta * self.mem + input_
        spikes = self._fire(charged)
        self.mem = charged - spikes * self.threshold
        return spikes

    def _fire(self, charged: torch.Tensor) -> torch.Tensor:
        """Return which neurons fire at these potentials."""
        # snnTorch's surrogates answer in float32, whatever they are asked in.
        return self.spike_grad(charged - self.threshold).to(charged.dtype)
