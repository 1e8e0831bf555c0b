"""The memory that threads of an interpreted kernel share, and who touched what between two barriers.

Two accesses of different threads to one place race if one of them writes and they are not both atomic: which comes
first is then up to the card. compute-sanitizer's racecheck looks for that in shared memory only; this is global memory.
"""

import bisect
from typing import NamedTuple

import numpy as np

SIZES = {"Q": 8, "q": 8, "d": 8, "I": 4, "i": 4, "H": 2, "h": 2, "B": 1, "b": 1}
READ, WRITE, ATOMIC = range(3)
_AGAINST = {READ: (WRITE, ATOMIC), WRITE: (READ, WRITE, ATOMIC), ATOMIC: (READ, WRITE)}
_SEVERAL = -1  # threads


class Race(NamedTuple):
    """Two accesses by different threads, of which the card may make either first."""

    array: str
    first: str  # instruction
    second: str
    element: int  # where it was seen first
    threads: tuple[int, int]


class Memory:
    """Arrays, each at a place of its own; reading or writing between them is an error.

    Parameters
    ----------
    watched : bool
        Whether races are looked for.
    """

    def __init__(self, watched):
        self.watched, self.free, self.places = watched, 1 << 40, {}
        self.begins, self.arrays, self.views, self.names = [], [], [], []
        self.touched, self.races = {}, {}

    def add(self, array, name):
        """Give an array a place, and return its address; an array that is there already has one."""
        key = array.__array_interface__["data"][0], array.nbytes
        if array.nbytes and key in self.places:
            return self.places[key]
        self.places[key] = address = self.free
        self.free += array.nbytes // 256 * 256 + 512  # with a gap in which there is nothing
        self.begins.append(address)
        self.names.append(name)
        self.arrays.append(array)
        flat = memoryview(array.reshape(-1).view(np.uint8)) if array.nbytes else None
        # The compiler may read a part of an element, if no more is wanted.
        fitting = [kind for kind, size in SIZES.items() if size <= array.itemsize and flat is not None]
        self.views.append({kind: flat.cast(kind) for kind in fitting})
        return address

    def _find(self, kind, address):
        """Return the number of the array at an address, and the place there in units of the type's size."""
        at = bisect.bisect_right(self.begins, address) - 1
        place, rest = divmod(address - self.begins[at], SIZES[kind])
        if at < 0 or rest or place >= len(self.views[at].get(kind, ())):
            raise IndexError(f"there is nothing at address {address:#x} that is read or written as {kind!r}")
        return at, place

    def load(self, kind, address, thread, instruction):
        """Return what stands at an address, as a type of the module `struct`."""
        at, place = self._find(kind, address)
        if self.watched:
            self._touch(READ, at, place * SIZES[kind] // self.arrays[at].itemsize, thread, instruction)
        return self.views[at][kind][place]

    def store(self, kind, address, value, thread, instruction):
        at, place = self._find(kind, address)
        if self.watched:
            self._touch(WRITE, at, place * SIZES[kind] // self.arrays[at].itemsize, thread, instruction)
        self.views[at][kind][place] = value

    def exchange(self, kind, address, change, thread, instruction):
        """Put ``change(x)`` in place of what stands there, x, and return x."""
        at, place = self._find(kind, address)
        if self.watched:
            self._touch(ATOMIC, at, place * SIZES[kind] // self.arrays[at].itemsize, thread, instruction)
        view = self.views[at][kind]
        before = view[place]
        view[place] = change(before)
        return before

    def meet(self):
        """Note that all threads have met: what they touch from now on comes after what they have touched."""
        self.touched.clear()

    def _touch(self, how, at, element, thread, instruction):
        seen = self.touched.setdefault((at, element), [None, None, None])
        for other in _AGAINST[how]:
            if seen[other] is not None and seen[other][0] != thread:
                who, what = seen[other]
                self.races.setdefault((at, what, instruction), (element, (who, thread)))
        one = seen[how] is None or seen[how][0] == thread
        seen[how] = (thread if one else _SEVERAL, instruction)

    def found(self, texts):
        """Return all races; `texts` are those of the instructions."""
        return [
            Race(self.names[at], texts[first], texts[second], *where)
            for (at, first, second), where in self.races.items()
        ]
