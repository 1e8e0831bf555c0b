"""What commands work on: data sets, and networks with their weights."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bridge.errors import ScriptError, ValidationError
from bridge.simulate import told
from bridge.sources import from_onnx, from_state_dict

if TYPE_CHECKING:
    from torch import nn

    import ann


def load_data(data: str, directory: Path | None, download: bool, target: str | None, seed: int) -> ann.Dataset:
    """Load a data set by name, or from a file or folder that is named.

    Parameters
    ----------
    data : str
        One of `ann.DATASETS`, a .csv or .npz file, or a folder of pictures.
    directory : Path or None
        Of the data set's files.
    download : bool
        Whether to fetch those that are not there.
    target : str or None
        Column of a .csv file to tell.
    seed : int
        Of the split.
    """
    import ann

    path = Path(data)
    if data in ann.DATASETS:
        check_directory(data, directory)
        return ann.load(data, directory, seed, download=download)
    if path.suffix == ".csv":
        if target is None:
            raise typer.BadParameter("name the column of the table to tell", param_hint="--target")
        return ann.read_csv(path, target, seed=seed)
    if path.suffix == ".npz":
        return ann.read_numpy(path, seed=seed)
    if path.is_dir():
        return ann.read_images(path, seed=seed)
    known = ", ".join(ann.DATASETS)
    raise typer.BadParameter(
        f"{data!r} is neither one of {known}, nor a .csv or .npz file or a folder", param_hint="--data"
    )


def check_directory(data: str, directory: Path | None) -> None:
    """Refuse a data set of a folder, where none is named, and a folder where none is needed."""
    from ann.data import BUNDLED, FROM_FOLDER

    if data in FROM_FOLDER and directory is None:
        raise typer.BadParameter(f"name the folder that holds the files of {data}", param_hint="--data-dir")
    if data in BUNDLED and directory is not None:
        raise typer.BadParameter(f"{data} is not read from a folder; leave it out", param_hint="--data-dir")


def load_module(
    model: str,
    weights: Path | None,
    data: ann.Dataset,
    epochs: int | None,
    seed: int,
    before: Callable[[nn.Module], object],
) -> nn.Module:
    """Return a trained network.

    Parameters
    ----------
    model : str
        An architecture of `ann.MODELS`, which is trained unless there are weights for it; a file of weights that
        `allornone train` wrote, which says its architecture; an .onnx file; or FILE.py:FUNCTION, a function without
        arguments that returns a module.
    weights : Path or None
        A file of weights: of `ann.save_weights`, or the module's own `state_dict` written by `torch.save`.
    data : Dataset
        What the architecture is to fit, and what it is trained on.
    epochs : int or None
        Of the training; by default what suits.
    seed : int
        Of weights and training.
    before : callable
        Called with a module before it is trained: raises what would be in vain.

    Raises
    ------
    ValidationError
        If there is no such architecture, file or function, or the weights do not fit.
    DataError
        If the weights cannot be read.
    ScriptError
        If the user's file raises an error.
    """
    import ann

    path, colon, function = model.rpartition(":")
    if colon and path.endswith(".py"):
        module = _made(Path(path), function)
        return module if weights is None else from_state_dict(lambda: module, weights)
    if model.endswith(".onnx"):
        return from_onnx(model)
    if model.startswith("spiking-"):
        remedy = "`allornone compare` takes it over; in Python bridge.take_over does"
        raise ValidationError(f"MODEL = {model!r} spikes already: {remedy}")
    if model in ann.MODELS:
        module = ann.build_for(model, data, seed=seed)
        if weights is not None:
            return from_state_dict(lambda: module, weights)
        before(module)
        return _trained(model, module, data, epochs, seed)
    if model.endswith(".py"):
        raise ValidationError(f"MODEL = {model!r} names no function in the file: FILE.py:FUNCTION")
    if Path(model).is_file() and weights is None:
        try:
            name = str(ann.load_metadata(model).get("model"))
        except ann.DataError as error:
            remedy = "of other weights, name the architecture or FILE.py:FUNCTION, and give the file by --weights"
            raise ann.DataError(f"{error}; {remedy}") from error
        if name not in ann.MODELS:
            raise ValidationError(f"{model} does not say its architecture; name it, and give the file by --weights")
        return from_state_dict(lambda: ann.build_for(name, data, seed=seed), model)
    known = ", ".join(ann.MODELS)
    raise ValidationError(
        f"MODEL = {model!r} is neither one of {known}, nor FILE.py:FUNCTION, nor an .onnx file, nor one of weights"
    )


def _trained(name: str, module: nn.Module, data: ann.Dataset, epochs: int | None, seed: int) -> nn.Module:
    import ann

    recipe = ann.find_recipe(name, data)
    recipe = recipe if epochs is None else replace(recipe, epochs=epochs)
    typer.echo(f"Training {name} on {len(data.x_train):,} samples of {data.name}, {recipe.epochs} epochs", err=True)
    ann.fit(module, data, seed=seed, report="bar" if sys.stderr.isatty() else None, **asdict(recipe))
    return module


def _made(path: Path, function: str) -> nn.Module:
    """Run a user's file and call the function in it."""
    from torch import nn

    if not path.is_file():
        raise ValidationError(f"there is no file {path}")
    sys.path.insert(0, str(path.resolve().parent))
    try:
        defined = runpy.run_path(str(path))
        if not callable(make := defined.get(function)):
            raise ValidationError(f"{path} defines no function {function!r}")
        module = make()
    except ValidationError:
        raise
    except (Exception, SystemExit) as error:
        raise ScriptError(told(path, error)) from error
    finally:
        sys.path.pop(0)
    if not isinstance(module, nn.Module):
        raise ValidationError(f"{path}: {function}() gives {module!r}, not a torch.nn.Module")
    return module
