"""What the bridge raises: one base class, one error for bad arguments and one for what cannot be converted."""

from __future__ import annotations

import numpy as np


class BridgeError(Exception):
    """Base of every error raised by the bridge."""


class ValidationError(BridgeError, ValueError):
    """An argument is not what it must be; the message names it, its value and what would be accepted."""


class ConversionError(BridgeError):
    """A part of a network has no exact counterpart; never skipped, always refused by name.

    Parameters
    ----------
    node : str
        Name of the offending node, with its type where that helps.
    reason : str
        What it is and why it cannot be converted.
    remedy : str
        What to do about it.
    """

    def __init__(self, node: str, reason: str, remedy: str):
        super().__init__(node, reason, remedy)
        self.node = node
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.node}: {self.reason}. {self.remedy}"


class OutputError(BridgeError):
    """A file or folder could not be written; what was there before is as it was."""


class ScriptError(BridgeError):
    """A user's program raised an error; the message says where, and which."""


def positive_integer(name: str, value: object) -> int:
    """Return an argument that must be an integer of at least 1, or refuse it by name."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValidationError(f"{name} must be a positive integer, not {value!r}")
    return int(value)
