"""Every error this package raises on purpose.

::

    SnnError
    ├── ValidationError       a bad argument: which, its value, what would do   (also a ValueError)
    ├── FileFormatError       a file that is not what it should be
    ├── ResourceError         not enough memory or disk for what was asked      (also a MemoryError)
    ├── NumericalError        a state that is not finite: which neuron, when
    └── BackendUnavailable    an engine, device or optional package that is not here
"""

from __future__ import annotations


class SnnError(Exception):
    """Base class of all errors of this package."""


class ValidationError(SnnError, ValueError):
    """An argument was refused before any work began.

    Parameters
    ----------
    owner : str
        The object the argument belongs to, for example ``"LIF"`` or ``"population 'exc'"``.
    attribute : str
        The argument's name.
    value : object
        What was given.
    expected : str
        What would be accepted.
    """

    def __init__(self, owner: str, attribute: str, value: object, expected: str):
        shown = repr(value)
        if len(shown) > 200:
            shown = shown[:197] + "..."
        super().__init__(f"{owner}: {attribute} = {shown} is not accepted; expected {expected}")
        self.owner, self.attribute, self.value, self.expected = owner, attribute, value, expected


class FileFormatError(SnnError):
    """A file could not be read as what it claims to be."""


class ResourceError(SnnError, MemoryError):
    """The memory or disk space that a request needs is not there."""


class NumericalError(SnnError):
    """A neuron's state stopped being a finite number."""


class BackendUnavailable(SnnError):
    """The engine, device or optional package asked for does not exist here."""
