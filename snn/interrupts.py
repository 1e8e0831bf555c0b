"""Ctrl-C at a moment where nothing is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def held() -> Iterator[None]:
    """Hold an interrupt (SIGINT) that comes within the block back until its end.

    Python raises `KeyboardInterrupt` between any two instructions, most likely right after a compiled call that took
    long: the arrays that the call has changed would then disagree with the numbers that say how far it got. Only the
    main thread is interrupted, so elsewhere the block just runs.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    caught: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if caught:
            handler(*caught[-1])
