"""How much memory there is, asked before a large array is made."""

from __future__ import annotations

from pathlib import Path

from snn.errors import ResourceError

_MEMINFO = Path("/proc/meminfo")
_LIMITS = (  # (limit, use) of the group of processes, as containers set them
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


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
