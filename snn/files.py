"""Files that appear whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class _Disk(io.RawIOBase):
    """A file that HDF5 writes to, which takes note of the first error and goes on as if it had been none.

    Where a write of its own fails, HDF5 (2.0) writes again at every end of an object, and in the end crashes.
    """

    def __init__(self, file: io.FileIO):
        self.file, self.error = file, None

    def write(self, data: Any) -> int:
        """Write all of the data, unless something has not been written before."""
        if self.error is None:
            try:
                left = memoryview(data)
                while len(left):
                    left = left[self.file.write(left) :]
            except OSError as error:
                self.error = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Give the file its length."""
        try:
            return self.file.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def readinto(self, buffer: Any) -> int:
        """Read what was written."""
        return self.file.readinto(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self.file.seek(offset, whence)


@contextmanager
def new_file(path: Path) -> Iterator[io.RawIOBase]:
    """Make a file for HDF5; when the block has ended and all is on the disk, it takes the place of one that was there.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If the file cannot be written. What was there before stays, and nothing else.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w+b", buffering=0) as file:
            disk = _Disk(file)
            yield disk
            if disk.error is not None:
                raise disk.error
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
