"""Training with weights of a few bits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ann.checks import check_integer
from ann.errors import ValidationError

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)


class RoundedWeight(nn.Module):
    """Weights rounded to 2^bits - 1 levels that lie evenly around zero, for each output channel.

    w <- s round(w / s),    s = max |w| / (2^(bits - 1) - 1)

    The gradient passes the rounding as if it were not there (Jacob et al., "Quantization and training of neural
    networks for efficient integer-arithmetic-only inference", CVPR 2018).

    Parameters
    ----------
    bits : int
        Bits of a weight, 2 ... 16.
    """

    def __init__(self, bits: int):
        super().__init__()
        self.largest = 2 ** (check_integer("bits", bits, 2, 16) - 1) - 1

    def forward(self, weight: Tensor) -> Tensor:
        """Return weights of the same shape, rounded; axis 0 is the output channel."""
        scale = weight.detach().abs().amax(dim=tuple(range(1, weight.ndim)), keepdim=True) / self.largest
        # A channel of zeros stays one.
        scale = torch.where(scale > 0, scale, 1.0)
        return weight + (scale * (weight / scale).round() - weight).detach()


def quantise_weights(model: nn.Module, bits: int) -> None:
    """Let a model compute with weights of a few bits from now on, also while it is trained (`ann.fit`).

    The weights behind the rounding stay float32 and go on learning; `round_weights` ends that.

    Parameters
    ----------
    model : torch.nn.Module
        Its dense and convolutional layers are changed in place.
    bits : int
        Bits of a weight, 2 ... 16.

    Raises
    ------
    ValidationError
        If `bits` is out of range, or there is no such layer or they are quantised already.
    """
    rounded = RoundedWeight(bits)
    layers = [layer for layer in model.modules() if isinstance(layer, WEIGHTED)]
    if not layers or any(parametrize.is_parametrized(layer, "weight") for layer in layers):
        raise ValidationError("model", type(model).__name__, "a model with layers that are not quantised yet")
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", rounded)


def round_weights(model: nn.Module) -> None:
    """Put the rounded weights in the place of those behind them, so that the model is a plain one again.

    Parameters
    ----------
    model : torch.nn.Module
        A model that `quantise_weights` changed; it is changed in place and computes the same as before.

    Raises
    ------
    ValidationError
        If none of its layers is quantised.
    """
    layers = [layer for layer in model.modules() if parametrize.is_parametrized(layer, "weight")]
    if not layers:
        raise ValidationError("model", type(model).__name__, "a model that ann.quantise_weights changed")
    for layer in layers:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
