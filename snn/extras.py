"""Packages that not everybody needs, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from snn.errors import BackendUnavailable


def load(module: str, extra: str) -> Any:
    """Import a module, or say how to install it.

    Parameters
    ----------
    module : str
        Its name.
    extra : str
        The extra of this distribution that brings it.

    Raises
    ------
    BackendUnavailable
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BackendUnavailable(f"{module} cannot be imported ({error}); pip install 'allornone[{extra}]'") from error
