"""The errors that `ann` raises."""

from __future__ import annotations


class AnnError(Exception):
    """Any error that `ann` raises on purpose."""


class ValidationError(AnnError, ValueError):
    """An argument was refused before anything was computed.

    Parameters
    ----------
    argument : str
        Name of the argument.
    value : object
        The value that was refused.
    expected : str
        What would have been accepted.
    """

    def __init__(self, argument: str, value: object, expected: str):
        super().__init__(argument, value, expected)
        self.argument = argument
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.argument} = {self.value!r}: expected {self.expected}"


class DataError(AnnError):
    """A file cannot be read or written, or does not hold what it should."""


class NumericalError(AnnError, ArithmeticError):
    """A computation left the finite numbers."""
