"""Files of tensors: written as a whole or not at all, and read without running anything in them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ann.errors import DataError


def write_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values; an existing file is replaced as a whole or kept.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    content : dict
        Tensors, numbers, strings, and lists and dicts of these.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    # Written beside the file and renamed, so that a crash leaves the old file as it was.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def read_tensors(path: Path, content_format: str, writer: str) -> dict[str, Any]:
    """Read what `write_tensors` wrote. No code in the file is ever run.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    content_format : str
        What its entry "format" must say.
    writer : str
        What writes such files, for the message.

    Raises
    ------
    DataError
        If the file cannot be read, holds a whole pickled module, or says another format.
    """
    if not path.is_file():
        raise DataError(f"{path} is not there or is no file; name one written by {writer}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # A damaged or foreign file fails in whatever way the parser happens to meet it.
    except Exception as error:
        # The first sentence of what PyTorch says: the next ones tell how to run the code.
        reason = str(error).splitlines()[0].split(". ")[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} cannot be read ({reason}). Whole pickled modules are refused, since reading one runs its code: "
            f"write the file with {writer}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != content_format:
        raise DataError(f"{path} does not say that it is {content_format!r}; write it with {writer}")
    return content
