"""Modules from their weights and a function that makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.errors import ValidationError

if TYPE_CHECKING:
    from torch import nn


_WRITE = "write torch.save(module.state_dict(), path)"


def from_state_dict(make: Callable[[], nn.Module], weights: Mapping[str, Any] | str | PathLike[str]) -> nn.Module:
    """Make a module and load weights into it; no code in a file is ever run.

    Parameters
    ----------
    make : callable
        Without arguments, returns a module, such as its class.
    weights : mapping or path
        A `state_dict`, or a file of one written by ``torch.save(module.state_dict(), path)`` or `ann.save_weights`, or
        a .safetensors file, where that package is installed. Weights of the same module inside of `torch.compile` or
        `nn.DataParallel` do, too.

    Returns
    -------
    torch.nn.Module
        To be given to `bridge.convert`.

    Raises
    ------
    ValidationError
        If `make` returns no module, there is no such file, or weights are missing, too many or of another shape; they
        are named.
    ann.DataError
        If the file holds something else, such as a whole pickled module.
    """
    from torch import Tensor, nn

    import ann
    from ann.weights import FORMAT, check_fits

    module = make()
    if not isinstance(module, nn.Module):
        raise ValidationError(f"make must return a torch.nn.Module, not {module!r}")
    content: Any = weights if isinstance(weights, Mapping) else _read(Path(weights))
    name = "the mapping" if isinstance(weights, Mapping) else str(weights)
    if content.get("format") == FORMAT and not isinstance(weights, Mapping):
        ann.load_weights(module, weights)
        return module
    if not all(isinstance(value, Tensor) for value in content.values()):
        inside = [key for key, value in content.items() if isinstance(value, Mapping)]
        remedy = f"it may be in its {', '.join(map(repr, inside))}: give that" if inside else _WRITE
        raise ann.DataError(f"{name} holds no state_dict: {remedy}")
    content = _unwrapped(content, module.state_dict())
    check_fits(module, content, name)
    module.load_state_dict(content)
    return module


def _unwrapped(weights: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take off what torch.compile and nn.DataParallel put before the names of a module's weights."""
    for prefix in ("module.", "_orig_mod.", "module."):
        if weights and all(key.startswith(prefix) for key in weights) and not any(k.startswith(prefix) for k in own):
            weights = {key.removeprefix(prefix): value for key, value in weights.items()}
    return weights


def _read(path: Path) -> Mapping[str, Any]:
    import torch

    import ann

    if not path.is_file():
        raise ValidationError(f"there is no file of weights {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # A damaged or foreign file fails in whatever way the parser happens to meet it.
    except Exception as error:
        if path.suffix == ".safetensors" and find_spec("safetensors") is None:
            raise ann.DataError(f"{path} is read by a package that is not here: pip install safetensors") from error
        raise ann.DataError(
            f"{path} cannot be read as weights. Whole pickled modules are refused, since reading one runs its code: "
            f"{_WRITE}"
        ) from error
    if not isinstance(content, dict):
        raise ann.DataError(f"{path} holds no state_dict: {_WRITE}")
    return content
