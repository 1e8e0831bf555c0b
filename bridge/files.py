"""Folders of results: all of their files appear together, or the old ones stay."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from bridge.errors import OutputError
from snn.files import new_file

if TYPE_CHECKING:
    from bridge.comparison.compare import Comparison

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

    def arrays(path: Path) -> None:
        with new_file(path) as disk, h5py.File(disk, "w") as file:
            file.attrs["results"] = json.dumps(comparison.results)
            for name, array in comparison.arrays.items():
                array = np.asarray(array)
                file.create_dataset(name, data=array, fletcher32=array.size > 0 and array.ndim > 0)

    replace(
        folder,
        {
            REPORT: lambda path: path.write_text(render(comparison), encoding="utf-8"),
            RESULTS: lambda path: path.write_text(json.dumps(comparison.results, indent=2) + "\n", encoding="utf-8"),
            ARRAYS: arrays,
        },
    )


def replace(folder: Path, writers: dict[str, Callable[[Path], object]]) -> None:
    """Write files to a folder: once all are complete they take the places of those that were there.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    writers : dict of str to callable
        By name of the file, what writes it to the path that it is called with.

    Raises
    ------
    OutputError
        If the files cannot be written; those that were there before stay.
    """
    check_folder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as temporary:
            new = Path(temporary)
            for name, writer in writers.items():
                writer(new / name)
            for path in new.iterdir():
                with path.open("rb") as written:
                    os.fsync(written.fileno())
            for name in reversed(writers):
                (new / name).replace(folder / name)
    except OSError as error:
        free = shutil.disk_usage(folder).free if folder.is_dir() else 0
        reason = error.strerror or error
        raise OutputError(f"cannot write to the folder {folder}: {reason} ({free / 2**20:.0f} MiB free)") from None
