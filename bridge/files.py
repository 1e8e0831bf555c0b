"""A comparison's folder: all of its files appear together, or the old ones stay."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from bridge.compare import Comparison
from bridge.errors import OutputError

REPORT, RESULTS, ARRAYS = "report.html", "comparison.json", "comparison.h5"


def check_folder(folder: Path) -> None:
    """Make sure that files can be written to a folder, making it if it is not there.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to; it says why.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"cannot write to the folder {folder}: {error.strerror or error}") from None


def write(comparison: Comparison, folder: Path, render: Callable[[Comparison], str]) -> None:
    """Write report, figures and arrays to a folder.

    Parameters
    ----------
    comparison : Comparison
    folder : Path
        `report.html`, `comparison.json` and `comparison.h5` in it are replaced once all three are complete.
    render : callable
        Makes the report's page.

    Raises
    ------
    OutputError
        If the files cannot be written; those that were there before stay.
    """
    check_folder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as temporary:
            new = Path(temporary)
            (new / REPORT).write_text(render(comparison), encoding="utf-8")
            (new / RESULTS).write_text(json.dumps(comparison.results, indent=2) + "\n", encoding="utf-8")
            with h5py.File(new / ARRAYS, "w") as file:
                file.attrs["results"] = json.dumps(comparison.results)
                for name, array in comparison.arrays.items():
                    array = np.asarray(array)
                    file.create_dataset(name, data=array, fletcher32=array.size > 0 and array.ndim > 0)
            for path in new.iterdir():
                with path.open("rb") as written:
                    os.fsync(written.fileno())
            for name in (ARRAYS, RESULTS, REPORT):
                (new / name).replace(folder / name)
    except OSError as error:
        free = shutil.disk_usage(folder).free if folder.is_dir() else 0
        reason = error.strerror or error
        raise OutputError(f"cannot write the comparison to {folder}: {reason} ({free / 2**20:.0f} MiB free)") from None
