"""Optimizers and learning-rate schedules by name, all from torch.optim."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import torch
from torch import nn

MOMENTUM = 0.9
# The name of plain gradient descent, which sees all samples in every update.
FULL_BATCH = "gradient-descent"

# Each is called with the parameters and a learning rate.
OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = MappingProxyType(
    {
        FULL_BATCH: torch.optim.SGD,
        "sgd": torch.optim.SGD,
        "momentum": partial(torch.optim.SGD, momentum=MOMENTUM),
        "adam": torch.optim.Adam,
        "nadam": torch.optim.NAdam,
    }
)

SCHEDULES = ("one-cycle", "constant")


def make_optimizer(name: str, model: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """Return an optimizer of a model's parameters.

    Parameters
    ----------
    name : str
        One of `OPTIMIZERS`: "gradient-descent" (of all samples at once) and "sgd" (stochastic: of a batch; Robbins &
        Monro, Annals of Mathematical Statistics 22, 1951), "momentum" 0.9 (Polyak, USSR Computational Mathematics and
        Mathematical Physics 4, 1964), "adam" (Kingma & Ba, ICLR 2015) or "nadam" (Dozat, ICLR workshop 2016).
    model : torch.nn.Module
        The model; parameters that require no gradient stay as they are.
    learning_rate : float
        Learning rate.
    """
    return OPTIMIZERS[name]([parameter for parameter in model.parameters() if parameter.requires_grad], learning_rate)


def make_schedule(
    name: str, optimizer: torch.optim.Optimizer, learning_rate: float, updates: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Return a schedule of the learning rate.

    Parameters
    ----------
    name : str
        "one-cycle" rises to `learning_rate` and falls to nearly nothing (Smith & Topin, arXiv:1708.07120); "constant".
    optimizer : torch.optim.Optimizer
        Whose learning rate it sets.
    learning_rate : float
        Highest learning rate.
    updates : int
        Updates of the whole training.
    """
    if name == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=1)
    # The cycle moves the momentum against the learning rate, where there is one.
    has_momentum = "betas" in optimizer.defaults or optimizer.defaults["momentum"] > 0
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, updates, cycle_momentum=has_momentum)
