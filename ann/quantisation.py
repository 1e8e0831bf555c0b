"""Networks that say no more than a spiking neuron can in a few steps: quantised activations, to be fine-tuned."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from ann.checks import check_integer
from ann.errors import ValidationError
from ann.evaluation import find_device

_CALIBRATION = 256  # samples that thresholds are first chosen on, at most
_CANDIDATES = 64  # thresholds tried for each channel, as fractions of its largest activation


class QuantisedReLU(nn.Module):
    """The activation that L spikes can say: quantisation, clip, floor and shift.

    a = theta / L * clip(floor(z L / theta + 1/2), 0, L)

    It is what an integrate-and-fire neuron with soft reset and threshold theta says in T = L steps of constant input,
    started at theta / 2. Gradients pass the floor as if it were not there, so that da/dz is 1 for 0 < z < theta and 0
    elsewhere; theta is learnt, for each channel, as the exponential of what is stored, and so stays positive (Bu et
    al., "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking neural networks", ICLR 2022).

    Parameters
    ----------
    levels : int
        L, at least 1.
    threshold : array_like (channels,)
        Where theta starts, positive, in the units of the activation.

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """

    def __init__(self, levels: int, threshold: ArrayLike):
        super().__init__()
        self.levels = check_integer("levels", levels, 1)
        theta = np.asarray(threshold, dtype=np.float64)
        if theta.ndim != 1 or not theta.size or not (np.isfinite(theta) & (theta > 0)).all():
            raise ValidationError("threshold", threshold, "positive numbers of shape (channels,)")
        self.log_threshold = nn.Parameter(torch.tensor(np.log(theta), dtype=torch.get_default_dtype()))

    @property
    def threshold(self) -> torch.Tensor:
        """Theta, (channels,)."""
        return self.log_threshold.exp()

    def extra_repr(self) -> str:
        """Return what a module tells of itself when printed."""
        return f"levels={self.levels}, channels={len(self.log_threshold)}"

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Quantise.

        Parameters
        ----------
        z : torch.Tensor (batch, channels, ...)

        Returns
        -------
        torch.Tensor
            Of the same shape.
        """
        theta = self.threshold.reshape(-1, *(1,) * (z.ndim - 2))
        level = (z * self.levels / theta).clamp(0, self.levels)
        # The value is the floor's, the gradient that of what is added.
        level = level + ((level + 0.5).floor() - level).detach()
        return theta / self.levels * level


def quantise(model: nn.Module, levels: int, x: ArrayLike) -> nn.Module:
    """Return a copy of a model with a `QuantisedReLU` in place of every ReLU.

    Theta starts, for each channel, where the squared error on the samples is least of 64 fractions of the largest
    activation. Fine-tune the copy with `ann.fit`, for some ten epochs with the learning rate of the training and
    ``keep="last"``, to win back what levels have cost.

    Parameters
    ----------
    model : torch.nn.Module
        Its activations are modules of the class `torch.nn.ReLU`, each used once; it is left as it was.
    levels : int
        L, at least 1: what an activation can say besides nothing.
    x : array_like (n, *shape)
        Samples, such as some training images; the first 256 are used.

    Returns
    -------
    torch.nn.Module
        In evaluation mode.

    Raises
    ------
    ValidationError
        If an argument is refused, the model has no ReLU, one is called as a function or is used twice, or an
        activation is not finite.

    Examples
    --------
    >>> import ann
    >>> data = ann.load("digits")
    >>> model = ann.build("mlp", data.shape, data.n_classes)
    >>> quantised = ann.quantise(model, 4, data.x_train)
    >>> record = ann.fit(quantised, data, epochs=1, learning_rate=1e-3)
    """
    levels = check_integer("levels", levels, 1)
    quantised = copy.deepcopy(model).eval()
    for name, activation in _activations(quantised, x).items():
        quantised.set_submodule(name, QuantisedReLU(levels, _thresholds(activation, levels)).to(activation))
    return quantised


class _ReLUs(TorchDispatchMode):
    """Counts rectifications while it is active, however they are called."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func in (torch.ops.aten.relu.default, torch.ops.aten.relu_.default)
        return func(*args, **(kwargs or {}))


def _activations(model: nn.Module, x: ArrayLike) -> dict[str, torch.Tensor]:
    """Return what every ReLU of a model says of the samples, by the module's name."""
    names: dict[nn.Module, str] = {module: name for name, module in model.named_modules() if type(module) is nn.ReLU}
    samples = np.asarray(x)[:_CALIBRATION]
    if samples.ndim < 2 or not samples.size or samples.dtype.kind not in "biuf" or not np.isfinite(samples).all():
        raise ValidationError("x", f"{samples.dtype} array of shape {np.shape(x)}", "finite samples (n, *shape), n > 0")
    said: dict[str, torch.Tensor] = {}

    def keep(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        if names[module] in said:
            raise ValidationError("model", f"{names[module]}, used twice", "a ReLU of its own for every use")
        said[names[module]] = output.detach().clone()

    hooks = [module.register_forward_hook(keep) for module in names]
    try:
        with torch.no_grad(), _ReLUs() as called:
            model(torch.tensor(samples, dtype=torch.get_default_dtype(), device=find_device(model)))
    except RuntimeError as error:
        raise ValidationError("x", f"samples of shape {samples.shape[1:]}", f"what the model takes: {error}") from error
    finally:
        for hook in hooks:
            hook.remove()
    if called.count != len(said) or not said:
        found = f"{len(said)} modules torch.nn.ReLU, {called.count - len(said)} calls of relu as a function"
        raise ValidationError("model", found, "a model whose activations are modules torch.nn.ReLU")
    for name, activation in said.items():
        if not activation.isfinite().all():
            raise ValidationError("model", f"{name}, which says NaN or infinity", "a model with finite activations")
    return said


def _thresholds(activation: torch.Tensor, levels: int) -> np.ndarray:
    """Return for each channel the threshold with the least squared error; a silent channel has the largest of all."""
    values = activation.transpose(0, 1).flatten(1)  # (channels, values)
    largest = values.amax(dim=1)
    best, least = largest.clone(), torch.full_like(largest, torch.inf)
    for fraction in torch.linspace(0, 1, _CANDIDATES + 1)[1:]:
        step = (largest * fraction / levels).clamp(min=torch.finfo(values.dtype).tiny)[:, None]
        error = ((values / step + 0.5).floor().clamp(max=levels) * step - values).square().sum(dim=1)
        best, least = torch.where(error < least, largest * fraction, best), torch.minimum(error, least)
    best[largest == 0] = best.max() if best.max() > 0 else 1.0
    return best.double().cpu().numpy()
