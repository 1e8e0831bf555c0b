"""Threads that run one compiled function together and meet at barriers inside it.

Numba's own parallel loops fork and join at every loop; here each thread stays in the compiled function for a whole
span, and meets the others by counting in shared memory: microseconds less per window, and one kernel for any number
of threads.

A thread that waits long goes to sleep for a moment. While other processes have the cores, one that merely offers its
core does not get it back for milliseconds; one that wakes up does, and a core that falls idle takes over who waits for
another.
"""

from __future__ import annotations

import platform
import sys
import threading
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba.core import types

from snn.jit import intrinsic, uncounted, with_plain_form

_LOOKS = 5000  # at the counter, some 200 microseconds, before a thread goes to sleep
_SLEEP = 10  # microseconds


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


@with_plain_form(lambda: None)
def _pause(typing_context):
    """Tell the processor that this is a loop that waits."""

    def generate(context, builder, signature, arguments):
        if platform.machine() in ("x86_64", "AMD64"):
            hint = ir.FunctionType(ir.VoidType(), [])
            builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), hint), [])
        return context.get_dummy_value()

    return types.void(), generate


if sys.platform == "win32":
    _sleep_ms = types.ExternalFunction("Sleep", types.void(types.uint32))

    @uncounted
    def _sleep(microseconds):
        _sleep_ms(0)
else:
    _sleep = types.ExternalFunction("usleep", types.int32(types.uint32))


@uncounted
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
    looks = 0
    while _counted(counter) < threads * meeting:
        looks += 1
        if looks > _LOOKS:
            _sleep(_SLEEP)
        else:
            _pause()


def run_together(function: Callable, threads: int) -> None:
    """Call ``function(share, counter)`` in as many threads as there are shares; the caller's thread is one of them."""
    counter = np.zeros(1, np.int64)
    others = [threading.Thread(target=function, args=(share, counter), daemon=True) for share in range(1, threads)]
    for other in others:
        other.start()
    function(0, counter)
    for other in others:
        other.join()
