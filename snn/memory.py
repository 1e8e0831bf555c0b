"""How much memory there is, asked before a large array is made; and arrays that begin where caches like it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snn.errors import ResourceError

_MEMINFO = Path("/proc/meminfo")
_LIMITS = (  # (limit, use) of the group of processes, as containers set them
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_CACHE_LINE = 64  # bytes


def aligned(array: np.ndarray) -> np.ndarray:
    """Return a copy that begins with a cache line, so that no vector of its numbers straddles two."""
    memory = np.empty(array.nbytes + _CACHE_LINE, np.uint8)
    begin = -memory.ctypes.data % _CACHE_LINE
    copied = memory[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
    copied[:] = array
    return copied


def available() -> int | None:
    """Return the bytes that this process may still take, or None where the system does not say."""
    found = []
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(1024 * int(line.split()[1]))
    except OSError:
        return None
    for limit, use in _LIMITS:
        try:
            found.append(int(Path(limit).read_text()) - int(Path(use).read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return min(found) if found else None


def require(needed: float, what: str) -> None:
    """Refuse what would not fit.

    Parameters
    ----------
    needed : float
        Bytes.
    what : str
        What needs them.

    Raises
    ------
    ResourceError
        If more is needed than there is.
    """
    there = available()
    if there is not None and needed > there:
        raise ResourceError(f"{what} need {needed / 1e9:,.1f} GB of memory, and {there / 1e9:,.1f} GB are free")
