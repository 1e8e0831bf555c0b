"""Trained weights in files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ann.errors import DataError, ValidationError
from ann.files import read_tensors, write_tensors

FORMAT = "ann-weights-1"


def save_weights(model: nn.Module, path: str | PathLike[str], metadata: Mapping[str, Any] | None = None) -> None:
    """Write a model's weights and what is to be known about them; an existing file is replaced as a whole or kept.

    Parameters
    ----------
    model : torch.nn.Module
        The model; its `state_dict` is written, not its code.
    path : path
        The file.
    metadata : mapping, optional
        Names with values that JSON can hold, for instance the model's name and options.

    Raises
    ------
    ValidationError
        If JSON cannot hold `metadata`.
    DataError
        If the file cannot be written.
    """
    path = Path(path)
    try:
        text = json.dumps(dict(metadata or {}), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValidationError("metadata", metadata, f"values that JSON can hold ({error})") from error
    weights = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    write_tensors(path, {"format": FORMAT, "metadata": text, "weights": weights})


def load_weights(model: nn.Module, path: str | PathLike[str]) -> dict[str, Any]:
    """Load weights into a model of the same make; if they do not fit, the model is left as it was.

    Parameters
    ----------
    model : torch.nn.Module
        The model that receives them, on its own device.
    path : path
        A file written by `save_weights`. No code in it is ever run.

    Returns
    -------
    dict
        The metadata saved with the weights.

    Raises
    ------
    ValidationError
        If the file lacks weights of the model, has others, or some are of another shape.
    DataError
        If the file cannot be read or was not written by `save_weights`.
    """
    weights, metadata = _read(Path(path))
    check_fits(model, weights, path)
    model.load_state_dict(weights)
    return metadata


def check_fits(model: nn.Module, weights: Mapping[str, torch.Tensor], path: str | PathLike[str]) -> None:
    """Refuse weights that lack some of a model's, have others, or are of another shape.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    weights : mapping
        A `state_dict`.
    path : path
        Where it comes from, for the message.

    Raises
    ------
    ValidationError
        If the weights do not fit.
    """
    own = model.state_dict()
    missing, extra = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    reshaped = [
        f"{name} {tuple(weights[name].shape)} for {tuple(own[name].shape)}"
        for name in sorted(own.keys() & weights.keys())
        if weights[name].shape != own[name].shape
    ]
    if missing or extra or reshaped:
        found = {"missing": missing, "extra": extra, "of another shape": reshaped}
        told = "; ".join(f"{what}: {', '.join(names)}" for what, names in found.items() if names)
        raise ValidationError("model", type(model).__name__, f"a model that fits the weights in {path} ({told})")


def load_metadata(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the metadata that `save_weights` wrote, from which the caller can build the model to load into.

    Parameters
    ----------
    path : path
        A file written by `save_weights`.

    Raises
    ------
    DataError
        If the file cannot be read or was not written by `save_weights`.
    """
    return _read(Path(path))[1]


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    content = read_tensors(path, FORMAT, "ann.save_weights")
    try:
        weights, metadata = content["weights"], json.loads(content["metadata"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} lacks its weights or metadata; write it with ann.save_weights") from error
    tensors = isinstance(weights, dict) and all(isinstance(value, torch.Tensor) for value in weights.values())
    if not tensors or not isinstance(metadata, dict):
        raise DataError(f"{path} holds something else than weights and metadata; write it with ann.save_weights")
    return weights, metadata
