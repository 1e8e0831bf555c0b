"""What `allornone info` tells of an installation."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("snn", "ann", "bridge")
_DISTRIBUTIONS = ("allornone", "numpy", "numba", "scipy", "h5py", "torch", "snntorch", "scikit-learn", "brian2")


def gather() -> dict[str, Any]:
    """Return versions, threads, devices, the state of the compile cache and the origin of the packages.

    ``foreign`` lists those of `PACKAGES` that Python finds elsewhere than in this distribution.
    """
    home = Path(__file__).resolve().parent.parent
    origins = {name: _origin(name) for name in PACKAGES}
    return {
        "versions": {name: _version(name) for name in _DISTRIBUTIONS} | {"python": platform.python_version()},
        "platform": platform.platform(),
        "threads": _threads(),
        "devices": _devices(),
        "cache": _cache(),
        "packages": origins,
        "foreign": [name for name, origin in origins.items() if origin is None or Path(origin).parent != home],
    }


def print_information(found: dict[str, Any]) -> None:
    """Print what `gather` found."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None)
    table.add_row("platform", found["platform"])
    for name, version in found["versions"].items():
        table.add_row(name, version or "not installed")
    table.add_row("threads", f"{found['threads']['usable']} usable of {found['threads']['cores']} cores")
    table.add_row("devices", ", ".join(found["devices"]))
    cache = found["cache"]
    state = f"{cache['kernels']} compiled kernels in {cache['folder']}"
    table.add_row("cache", state if cache["writable"] else "cannot be written: kernels are compiled in every process")
    for name, origin in found["packages"].items():
        verdict = "[red]not of this distribution[/red]" if name in found["foreign"] else "ok"
        table.add_row(f"package {name}", f"{origin or 'not found'} ({verdict})")
    Console(soft_wrap=True).print(table)
    if found["foreign"]:
        Console(stderr=True, soft_wrap=True).print(
            "Another distribution has installed folders of these names. Remove it, "
            "for example with: python -m pip uninstall snn ann"
        )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _origin(name: str) -> str | None:
    """Return the folder that Python would import a package from, without importing it."""
    module = sys.modules.get(name)
    spec = module.__spec__ if module else importlib.util.find_spec(name)
    return str(Path(spec.origin).resolve().parent) if spec and spec.origin else None


def _threads() -> dict[str, int]:
    cores = os.cpu_count() or 1
    return {"cores": cores, "usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores}


def _devices() -> list[str]:
    """Return the devices that networks can run on; for `snn`, graphics cards need the extra `cuda`."""
    import torch

    cards = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    return ["cpu", *cards]


def _cache() -> dict[str, Any]:
    """Return where compiled kernels are kept, how many there are, and whether more can be."""
    import snn  # noqa: F401  (its kernels name their folders when they are defined)
    from snn.jit import cache_folders

    folders = cache_folders()
    kernels = sum(len(list(folder.glob("*.nbc"))) for folder in folders)
    shared = os.path.commonpath(folders) if folders else None
    return {"folder": shared, "writable": bool(folders), "kernels": kernels}
