"""How a sample becomes spikes, and how spikes become scores."""

from __future__ import annotations

import torch
from torch import Tensor

from ann.checks import check_integer, check_one_of, check_positive
from ann.errors import ValidationError

ENCODINGS = ("direct", "rate", "latency", "delta")


def encode(x: Tensor, steps: int, encoding: str) -> Tensor:
    """Return what neurons are given in every time step.

    - "direct": the values themselves, the same in each step (Rueckauer et al., Frontiers in Neuroscience 11, 2017);
    - "rate": spikes, floor(x (t + 1)) - floor(x t) in step t, so that x steps of them come at even intervals;
    - "latency": one spike, the sooner the larger x, in step round((1 - x) (steps - 1)); none where x is 0 (Thorpe,
      Delorme & Van Rullen, Neural Networks 14, 2001);
    - "delta": spikes 1 or -1 as long as x, which appears in the first step, is away from what they have said so far by
      1 / steps, as in `encode_changes`.

    Parameters
    ----------
    x : torch.Tensor
        Samples (batch, ...); for "rate" and "latency" their values are in 0 ... 1.
    steps : int
        Time steps, at least 1.
    encoding : str
        One of `ENCODINGS`.

    Returns
    -------
    torch.Tensor
        (steps, batch, ...).

    Raises
    ------
    ValidationError
        If an argument is not as said above.
    """
    steps = check_integer("steps", steps, 1)
    check_one_of("encoding", encoding, ENCODINGS)
    if encoding == "direct":
        return x.expand(steps, *x.shape)
    if encoding == "delta":
        return encode_sequence(x[:, None], steps, encoding)
    if not bool(((x >= 0) & (x <= 1)).all()):
        raise ValidationError("x", f"values from {float(x.min())} to {float(x.max())}", "values in 0 ... 1")
    time = torch.arange(steps, device=x.device).reshape(-1, *(1,) * x.ndim)
    if encoding == "rate":
        # In float64: a product that float32 rounds up to an integer would make a spike too many.
        return ((x.double() * (time + 1)).floor() - (x.double() * time).floor()).to(x.dtype)
    return ((time == ((1 - x) * (steps - 1)).round()) & (x > 0)).to(x.dtype)


def encode_sequence(x: Tensor, repeats: int, encoding: str) -> Tensor:
    """Return what neurons are given in every time step of sequences whose elements are shown for some steps each.

    Parameters
    ----------
    x : torch.Tensor
        Sequences (batch, length, ...).
    repeats : int
        Time steps of an element, at least 1.
    encoding : str
        As in `encode`, of one element after the other; "delta" tells what changes from step to step by 1 / repeats.

    Returns
    -------
    torch.Tensor
        (length repeats, batch, ...).

    Raises
    ------
    ValidationError
        As `encode`.
    """
    repeats = check_integer("repeats", repeats, 1)
    if check_one_of("encoding", encoding, ENCODINGS) == "delta":
        return encode_changes(x.repeat_interleave(repeats, dim=1), 1 / repeats).transpose(0, 1)
    return torch.cat([encode(element, repeats, encoding) for element in x.unbind(1)])


def encode_changes(x: Tensor, threshold: float) -> Tensor:
    """Return spikes where a sequence has moved by a threshold since the last one: 1 up, -1 down (delta encoding).

    Each value has a level, at first 0. Where a sequence is above it by the threshold or more there is a spike 1 and the
    level rises by the threshold, where it is below by as much a spike -1 and the level falls.

    Parameters
    ----------
    x : torch.Tensor
        Sequences (batch, length, ...).
    threshold : float
        In the units of x, positive.

    Returns
    -------
    torch.Tensor
        -1, 0 or 1, of the shape of x.

    Raises
    ------
    ValidationError
        If the threshold is not positive.
    """
    threshold = check_positive("threshold", threshold)
    level, spikes = torch.zeros_like(x[:, 0]), []
    for value in x.unbind(1):
        moved = value - level
        spikes.append((moved >= threshold).to(x.dtype) - (moved <= -threshold).to(x.dtype))
        level = level + threshold * spikes[-1]
    return torch.stack(spikes, dim=1)


def first_spike_scores(spikes: Tensor) -> Tensor:
    """Return how many steps are left when each neuron fires for the first time, 0 where it never does.

    That is the sum over t of 1 - prod over s <= t of (1 - spike_s), through which gradients pass.

    Parameters
    ----------
    spikes : torch.Tensor
        0 or 1, (steps, batch, classes).

    Returns
    -------
    torch.Tensor
        0 ... steps, (batch, classes).
    """
    return (1 - (1 - spikes).cumprod(dim=0)).sum(dim=0)
