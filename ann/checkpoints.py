"""A training half done, in a file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ann.data import Dataset
from ann.errors import DataError, ValidationError
from ann.files import read_tensors, write_tensors
from ann.weights import check_fits

FORMAT = "ann-checkpoint-1"


@dataclass
class Progress:
    """How far a training has come.

    Parameters
    ----------
    train_loss, validation_loss, validation_accuracy : list of float
        One number an epoch, as in `TrainingRecord`.
    best_epoch : int
        Index of the epoch whose weights are kept.
    best_weights : dict
        Those weights; before the first epoch those that the model came with.
    seconds : float
        Wall-clock time so far.
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    seconds: float = 0.0


def fingerprint(data: Dataset) -> str:
    """Return a checksum of what a training sees of a data set."""
    value = 0
    for array in (data.x_train, data.y_train, data.x_validation, data.y_validation):
        value = zlib.crc32(np.ascontiguousarray(array).data, value)
    return f"{value:08x}"


def write_checkpoint(
    path: Path,
    progress: Progress,
    settings: Mapping[str, Any],
    model: nn.Module,
    parts: Mapping[str, Any],
    order: torch.Generator,
    device: torch.device,
) -> None:
    """Write all that the rest of a training depends on; an existing file is replaced as a whole or kept.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    progress : Progress
        How far the training has come.
    settings : mapping
        What must be the same for the training to go on, in values that JSON can hold.
    model : torch.nn.Module
        The model.
    parts : mapping
        The optimizer and the schedule: whatever else has a `state_dict`.
    order : torch.Generator
        Where the order of the samples comes from.
    device : torch.device
        Where the model computes.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    generators = {"order": order.get_state(), "cpu": torch.get_rng_state()}
    if device.type == "cuda":
        generators["cuda"] = torch.cuda.get_rng_state(device)
    content = {
        "format": FORMAT,
        "settings": json.dumps(dict(settings)),
        "progress": dict(vars(progress)),
        "model": model.state_dict(),
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "generators": generators,
    }
    write_tensors(path, content)


def read_checkpoint(
    path: Path,
    settings: Mapping[str, Any],
    model: nn.Module,
    parts: Mapping[str, Any],
    order: torch.Generator,
    device: torch.device,
) -> Progress:
    """Put a training back to where `write_checkpoint` saw it. No code in the file is ever run.

    Parameters
    ----------
    path, settings, model, parts, order, device
        As in `write_checkpoint`.

    Returns
    -------
    Progress
        How far the training had come.

    Raises
    ------
    ValidationError
        If the file is of a training with other settings or another model.
    DataError
        If the file cannot be read or was not written by `ann.fit`; a whole pickled module is refused.
    """
    content = read_tensors(path, FORMAT, "ann.fit(..., checkpoint=...)")
    try:
        found = json.loads(content["settings"])
        progress = Progress(**content["progress"])
        generators, states = content["generators"], content["parts"]
        weights = content["model"]
        check_fits(model, weights, path)
        changed = [f"{name} was {found.get(name)!r}" for name, value in settings.items() if found.get(name) != value]
        if changed:
            wanted = f"a checkpoint of the same training ({'; '.join(changed)}), or no file there to begin anew"
            raise ValidationError("checkpoint", str(path), wanted)
        model.load_state_dict(weights)
        for name, part in parts.items():
            part.load_state_dict(states[name])
        order.set_state(generators["order"])
        torch.set_rng_state(generators["cpu"])
        if device.type == "cuda":
            torch.cuda.set_rng_state(generators["cuda"], device)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ValidationError):
            raise
        raise DataError(
            f"{path} lacks something of a checkpoint; write it with ann.fit(..., checkpoint=...)"
        ) from error
    return progress
