"""Files of data sets, fetched on request and checked."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ann.errors import DataError

CHUNK = 1 << 20
TIMEOUT = 60  # s without an answer


@dataclass(frozen=True)
class Source:
    """A file on the network.

    Parameters
    ----------
    url : str
        Where it is.
    name : str
        What it is called in the folder.
    digest : str
        Checksum as published with it, or the beginning of one.
    algorithm : str
        Which one, as in `hashlib`.
    """

    url: str
    name: str
    digest: str
    algorithm: str = "md5"

    def is_sum_of(self, path: Path) -> bool:
        """Return whether a file has this sum."""
        return self.sum_of(path).startswith(self.digest)

    def sum_of(self, path: Path) -> str:
        """Return the sum of a file."""
        with open(path, "rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.new(self.algorithm, usedforsecurity=False)).hexdigest()


def _idx(base: str, sums: tuple[str, str, str, str]) -> tuple[Source, ...]:
    names = [f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]
    return tuple(Source(base + name, name, md5) for name, md5 in zip(names, sums, strict=True))


_MENDELEY = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/"

SOURCES: Mapping[str, tuple[Source, ...]] = MappingProxyType(
    {
        "mnist": _idx(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        ),
        "fashion-mnist": _idx(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ),
        "cifar10": (
            Source(
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "cifar-10-binary.tar.gz",
                "c32a1d4ab5d03f1284b67883e8d87530",
            ),
        ),
        "shd": (
            Source(
                "https://zenkelab.org/datasets/shd_train.h5.zip",
                "shd_train.h5.zip",
                "f3252aeb598ac776c1b526422d90eecb",
            ),
            Source(
                "https://zenkelab.org/datasets/shd_test.h5.zip",
                "shd_test.h5.zip",
                "1503a5064faa34311c398fb0a1ed0a6f",
            ),
        ),
        "n-mnist": (
            Source(
                _MENDELEY + "39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",
                "Train.zip",
                "20959b8e626244a1b502305a9e6e2031",
            ),
            Source(
                _MENDELEY + "05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",
                "Test.zip",
                "69ca8762b2fe404d9b9bad1103e97832",
            ),
        ),
    }
)


def fetch(sources: tuple[Source, ...], directory: Path) -> None:
    """Fetch files that are not there yet, check their sums, and unpack archives beside them.

    A file is written beside its place and renamed once its sum is right, so that half of one is never taken for it.

    Parameters
    ----------
    sources : tuple of Source
        The files.
    directory : pathlib.Path
        The folder; it is made if it is not there.

    Raises
    ------
    DataError
        If the network fails, a sum is wrong, also that of a file that is there, an archive is damaged or would write
        elsewhere, or something cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for source in sources:
            path = directory / source.name
            if not path.exists():
                _fetch_one(source, path)
            elif not source.is_sum_of(path):
                wrong = f"its {source.algorithm.upper()} sum is not {source.digest}"
                raise DataError(f"{path} is there but {wrong}; remove it to fetch it again")
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise DataError(f"an archive in {directory} cannot be unpacked: {error}") from error
    except OSError as error:
        raise DataError(f"{directory} cannot be written: {error.strerror or error}") from error


def _fetch_one(source: Source, path: Path) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with urllib.request.urlopen(source.url, timeout=TIMEOUT) as answer, open(part, "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
        if not source.is_sum_of(part):
            found = f"the {source.algorithm.upper()} sum {source.sum_of(part)}"
            raise DataError(f"{source.url} has {found} in the place of {source.digest}; it was not kept")
        _unpack(part, source.name, path.parent)
        os.replace(part, path)
    except (urllib.error.URLError, TimeoutError) as error:
        raise DataError(f"{source.url} cannot be fetched: {error}; put the file at {path} by hand") from error
    finally:
        part.unlink(missing_ok=True)


def _unpack(path: Path, name: str, directory: Path) -> None:
    # Both ways refuse or defuse members that would land outside the folder.
    if name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(directory)
    elif name.endswith(".tar.gz"):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile():
                    _take_out(archive, member, directory.resolve())


def _take_out(archive: tarfile.TarFile, member: tarfile.TarInfo, directory: Path) -> None:
    """Write a file of an archive into a folder; ``extractall(filter="data")`` would, but not before Python 3.11.4."""
    path, content = (directory / member.name).resolve(), archive.extractfile(member)
    if content is None or not path.is_relative_to(directory):
        raise tarfile.TarError(f"{member.name!r} would be outside the destination")
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file)
