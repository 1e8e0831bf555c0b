"""The IDX format of the MNIST files.

A file is two zero bytes, the type of its elements (8 is uint8), the number of its dimensions, their sizes as
big-endian uint32, and the elements, the last dimension running fastest (LeCun, Cortes & Burges, "The MNIST database
of handwritten digits", 1998).
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ann.errors import DataError

UINT8 = 8
GZIP_MAGIC = b"\x1f\x8b"
CHUNK = 1 << 20
# Twenty times the largest MNIST file. A small gzip file can unfold to anything, so there must be a bound.
MAXIMUM_BYTES = 1 << 30


def find_idx(directory: Path, name: str) -> Path:
    """Return the path of an IDX file, plain or compressed with gzip.

    Parameters
    ----------
    directory : pathlib.Path
        Folder to look in.
    name : str
        Name of the file without ".gz".

    Raises
    ------
    DataError
        If the folder or the file is not there.
    """
    if not directory.is_dir():
        raise DataError(f"{directory} is not a folder; name the folder that holds {name} or {name}.gz")
    for path in (directory / name, directory / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"{directory} holds neither {name} nor {name}.gz; put one of them there, or name another folder")


def read_idx(path: Path, rank: int) -> NDArray[np.uint8]:
    """Read an IDX file of bytes; whether it is compressed is seen from its content, not from its name.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    rank : int
        Number of dimensions it must have.

    Returns
    -------
    numpy.ndarray
        uint8 array of the shape the file declares.

    Raises
    ------
    DataError
        If the file cannot be read, is no IDX file of bytes with `rank` dimensions, or is shorter or longer than it
        declares, or declares more than 1 GiB.
    """
    try:
        with open(path, "rb") as file:
            compressed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            if not compressed:
                return _parse(path, file, rank)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _parse(path, cast(BinaryIO, unpacked), rank)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the gzip data is damaged or cut short ({error}); fetch the file again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _parse(path: Path, file: BinaryIO, rank: int) -> NDArray[np.uint8]:
    header = file.read(4)
    if len(header) < 4 or header[:2] != b"\0\0":
        raise DataError(f"{path} is not an IDX file: it begins with {header!r}, not two zero bytes; fetch it again")
    if header[2] != UINT8:
        raise DataError(f"{path} holds elements of type {header[2]:#04x}; only uint8 (0x08) is read")
    if header[3] != rank:
        raise DataError(f"{path} has {header[3]} dimensions where {rank} are needed; are two files interchanged?")
    sizes = file.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise DataError(f"{path} ends within its header; fetch it again")
    shape = tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
    declared = math.prod(shape)
    if not 0 < declared <= MAXIMUM_BYTES:
        raise DataError(f"{path} declares shape {shape}, {declared} bytes; 1 to {MAXIMUM_BYTES} are read")
    payload = _read_bounded(file, declared + 1)
    if len(payload) != declared:
        found = "more" if len(payload) > declared else f"only {len(payload)}"
        raise DataError(f"{path} declares {declared} bytes of elements and holds {found}; fetch it again")
    return np.frombuffer(payload, dtype=np.uint8).reshape(shape)


def _read_bounded(file: BinaryIO, limit: int) -> bytearray:
    # By chunks: file.read(limit) would set `limit` bytes aside before looking at what is there.
    payload = bytearray()
    while len(payload) < limit and (chunk := file.read(min(CHUNK, limit - len(payload)))):
        payload += chunk
    return payload
