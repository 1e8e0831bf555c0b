"""What the bridge raises: one base class, one error for bad arguments and one for what cannot be converted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class BridgeError(Exception):
    """Base of every error raised by the bridge."""


class ValidationError(BridgeError, ValueError):
    """An argument is not what it must be; the message names it, its value and what would be accepted."""


class ConversionError(BridgeError):
    """Parts of a network have no exact counterpart; never skipped, always refused by name, all that are seen at once.

    Parameters
    ----------
    node : str
        Name of the offending node, with its type where that helps.
    reason : str
        What it is and why it cannot be converted.
    remedy : str
        What to do about it.
    *others : ConversionError
        What else is refused, each for itself.

    Attributes
    ----------
    refused : tuple of ConversionError
        This and the others.
    """

    def __init__(self, node: str, reason: str, remedy: str, *others: ConversionError):
        super().__init__(node, reason, remedy, *others)
        self.node = node
        self.reason = reason
        self.remedy = remedy
        self.refused = (self, *others)

    def __str__(self) -> str:
        return "\n".join(f"{one.node}: {one.reason}. {one.remedy}" for one in self.refused)


class OutputError(BridgeError):
    """A file or folder could not be written; what was there before is as it was."""


class ScriptError(BridgeError):
    """A user's program raised an error; the message says where, and which."""


def refuse(errors: Sequence[ConversionError]) -> None:
    """Raise several refusals as one, if there are any."""
    if errors:
        first, *others = (one for error in errors for one in error.refused)
        raise ConversionError(first.node, first.reason, first.remedy, *others)


def positive_integer(name: str, value: object, most: int | None = None) -> int:
    """Return an argument that must be an integer of at least 1, and at most so much, or refuse it by name."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValidationError(f"{name} must be a positive integer, not {value!r}")
    if most is not None and value > most:
        raise ValidationError(f"{name} must be at most {most:,}, not {value:,}")
    return int(value)
