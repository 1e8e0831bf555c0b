"""Threads that run one compiled function together and meet at barriers inside it.

Numba's own parallel loops fork and join at every loop; here each thread stays in the compiled function for a whole
span, and meets the others by counting in shared memory: microseconds less per window, and one kernel for any number
of threads.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba.core import types

from snn.jit import compiled, intrinsic

_SPINS = 2000  # looks at the counter before the core is offered to somebody else


@intrinsic
def _count_in(typing_context, counter):
    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", data, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(counter), generate


@intrinsic
def _counted(typing_context, counter):
    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(data, "acquire", 8)

    return types.int64(counter), generate


if sys.platform == "win32":

    @compiled
    def _yield_core():
        return 0
else:
    _yield_core = types.ExternalFunction("sched_yield", types.int32())


@compiled
def meet(counter, threads, meeting):
    """Wait until all threads have come to this meeting.

    Parameters
    ----------
    counter : ndarray of int64 (1,)
        Shared by the threads, 0 before the first meeting.
    threads : int
    meeting : int
        Number of the meeting, from 1.
    """
    if threads == 1:
        return
    _count_in(counter)
    spins = 0
    while _counted(counter) < threads * meeting:
        spins += 1
        if spins > _SPINS:
            _yield_core()


def run_together(function: Callable, threads: int) -> None:
    """Call ``function(share, counter)`` in as many threads as there are shares; the caller's thread is one of them."""
    counter = np.zeros(1, np.int64)
    others = [threading.Thread(target=function, args=(share, counter), daemon=True) for share in range(1, threads)]
    for other in others:
        other.start()
    function(0, counter)
    for other in others:
        other.join()
