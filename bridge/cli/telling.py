"""What the commands share: how errors are told, and how many cores there are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def errors_told(debug: bool) -> Iterator[None]:
    """Turn this project's errors into one line and an exit code: 2 where an argument was wrong, else 1."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None
    except Exception as error:
        usage, failure = _kinds()
        if debug or not isinstance(error, (*usage, *failure)):
            raise
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2 if isinstance(error, usage) else 1) from None


def _kinds() -> tuple[tuple[type[Exception], ...], tuple[type[Exception], ...]]:
    """Return the errors of wrong arguments and those of failures.

    A package that is not loaded raises none: `ann` would bring PyTorch in, which not every command needs.
    """
    bases = {"snn.errors": "SnnError", "ann.errors": "AnnError", "bridge.errors": "BridgeError"}
    loaded = [(sys.modules[module], base) for module, base in bases.items() if module in sys.modules]
    usage = tuple(module.ValidationError for module, _ in loaded)
    return usage, (*(getattr(module, base) for module, base in loaded), OSError)
