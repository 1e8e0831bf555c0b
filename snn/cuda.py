"""The one way to graphics cards: numba-cuda, imported where a device is asked for, and what differs in its simulator.

With NUMBA_ENABLE_CUDASIM=1 in the environment kernels run as plain Python, a thread of the processor for each of the
device's. The simulator has no barrier across blocks and compiles nothing, so a kernel that the device runs in one go is
there launched phase by phase, and what exists as an intrinsic only is replaced by its plain form.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import config, types
from numba.extending import overload

from snn.errors import BackendUnavailable, ResourceError
from snn.jit import intrinsic

SIMULATED = bool(config.ENABLE_CUDASIM)  # pyright: ignore[reportAttributeAccessIssue]
_INSTALL = "pip install 'allornone[cuda]'"

if not SIMULATED and importlib.util.find_spec("numba_cuda") is None:
    raise BackendUnavailable(f"device='cuda' needs numba-cuda: {_INSTALL}; or choose device='cpu'")

from numba import cuda as _cuda  # noqa: E402

cuda: Any = _cuda  # whose stubs know less than it does


def _load() -> None:
    """Load numba-cuda's definitions, which ask NumPy for a name that 2.5 has no longer.

    numba-cuda is maintained no further (https://github.com/NVIDIA/numba-cuda/issues/907).
    """
    from numba.cuda.descriptor import cuda_target

    setattr(np, "row_stack", np.vstack)  # noqa: B010
    try:
        cuda_target.typing_context.refresh()
    finally:
        delattr(np, "row_stack")


if not SIMULATED and not hasattr(np, "row_stack"):
    _load()

ABSENT: tuple = ()  # in place of a table that a network has no use for: kernels take no None
LANES = 2 if SIMULATED else 32  # threads that share out a piece of a row
_BLOCK = 2 * LANES  # threads, in the simulator
_FEWEST, _MOST = 128, 1024  # threads of a block, on a card
_OLDEST_DRIVER, _OLDEST_CARD = (12, 1), (7, 0)  # that take a kernel with so many arguments


def on_device(function: Callable) -> Any:
    """Compile a function that kernels call; the simulator takes it as it is."""
    return function if SIMULATED else cuda.jit(device=True, forceinline=True)(function)


def device_part(field: str, otherwise: Any = None) -> Callable[[Callable], Any]:
    """As `on_device`, for what most networks have no use for.

    Where this field of the function's first argument, a NamedTuple, is `ABSENT`, the function is not even compiled,
    which leaves more registers to others; it then does nothing and returns `otherwise`.
    """

    def choose(function: Callable) -> Any:
        inner = on_device(function)

        def part(tables, *arguments):
            return otherwise if getattr(tables, field) is ABSENT else inner(tables, *arguments)

        @overload(part)
        def _part_compiled(tables, *arguments):
            if tables[tables.fields.index(field)] == types.Tuple(()):
                return lambda tables, *arguments: otherwise
            return lambda tables, *arguments: inner(tables, *arguments)

        return functools.wraps(function)(part)

    return choose


def kernel(function: Callable) -> Any:
    """Make a kernel of a function, compiled when it is first launched and kept on disk (see `snn.cuda_cache`).

    It is not optimised again when it is linked, which would contract products and sums after all. As a decorator
    ``cuda.jit(lto=False)`` would not do: numba-cuda 0.30.4 forgets that option on the way.
    """
    if SIMULATED:
        return cuda.jit(function)
    from snn.cuda_cache import keep

    return keep(cuda.jit(function, lto=False), LANES)


def in_kernels(function: Any) -> Any:
    """Return what kernels call in place of a function that only compiled code of the processor can call."""
    if not SIMULATED:
        return function
    return getattr(function, "plain", None) or getattr(function, "py_func", function)


_lock = threading.Lock()


def _add(array, index, value):
    with _lock:
        before = array[index]
        array[index] = before + value
    return before


def _add_on_device(array, index, value):
    return cuda.atomic.add(array, index, value)


atomic_add: Any = _add if SIMULATED else on_device(_add_on_device)  # to an element; returns what was there before


def _or(array, index, value):
    with _lock:
        array[index] |= value


def _or_on_device(array, index, value):
    cuda.atomic.or_(array, index, value)


atomic_or: Any = _or if SIMULATED else on_device(_or_on_device)  # sets bits of an element


def _lowest(word):
    return (int(word) & -int(word)).bit_length() - 1


def _lowest_on_device(word):
    return cuda.ffs(word) - 1


lowest: Any = _lowest if SIMULATED else on_device(_lowest_on_device)  # the number of the lowest bit that is set


def _exchange(array, index, value):
    with _lock:
        before = array[index]
        array[index] = value
    return before


def _exchange_on_device(array, index, value):
    return cuda.atomic.exch(array, index, value)


atomic_exchange: Any = _exchange if SIMULATED else on_device(_exchange_on_device)  # likewise, writing over it


@intrinsic
def ticks(typing_context):
    """Return how often the clock of the processor that this thread runs on has ticked."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(64), [])
        return builder.asm(kind, "mov.u64 $0, %clock64;", "=l", [], side_effect=True)

    return types.int64(), generate


@contextlib.contextmanager
def uncontracted() -> Iterator[None]:
    """Have kernels compiled that round every product before it is added: the device's compiler would not by itself.

    numba-cuda has no option for it, so libNVVM's is added to those that numba-cuda passes on.
    """
    if SIMULATED:
        yield
        return
    from numba.cuda.cudadrv import nvvm

    given = nvvm.compile_ir

    def compile_ir(ir, **options):
        return given(ir, **{"fma": False, **options})

    compile_ir.uncontracted = True  # pyright: ignore[reportFunctionMemberAccess]
    nvvm.compile_ir = compile_ir
    try:
        yield
    finally:
        nvvm.compile_ir = given


def signature(value: Any) -> Any:
    """Return Numba's type of a kernel's argument: an array, a number, or a tuple of them, named or not."""
    if isinstance(value, tuple):
        parts = tuple(map(signature, value))
        alike = len(set(parts)) == 1
        if hasattr(value, "_fields"):
            structure = type(value)
            return types.NamedUniTuple(parts[0], len(parts), structure) if alike else types.NamedTuple(parts, structure)
        return types.UniTuple(parts[0], len(parts)) if alike else types.Tuple(parts)
    if hasattr(value, "dtype") and getattr(value, "ndim", 0):
        from numba.np.numpy_support import from_dtype

        return types.Array(from_dtype(np.dtype(value.dtype)), value.ndim, "C")
    return types.boolean if isinstance(value, bool) else types.int64 if isinstance(value, int) else types.float64


class Device:
    """A graphics card: its memory, and kernels that run on it.

    Parameters
    ----------
    name : str
        ``"cuda"`` for the first one, or ``"cuda:1"`` for the second, and so on.

    Raises
    ------
    BackendUnavailable
        If there is no such device, or its driver is missing or too old.
    """

    def __init__(self, name: str):
        self.name, self._compiled, self._shapes = name, {}, {}
        number = int(name.partition(":")[2] or 0)
        if SIMULATED:
            return
        try:
            count = len(cuda.gpus)
        except Exception as error:  # numba-cuda has a class of errors for each way in which a driver is not there
            raise BackendUnavailable(
                f"device={name!r}: no graphics card can be reached ({' '.join(str(error).split())}); install a driver "
                "for CUDA 12.1 or later, or choose device='cpu'"
            ) from error
        if number >= count:
            raise BackendUnavailable(f"device={name!r}: there are {count}, counted from cuda:0; or choose device='cpu'")
        cuda.select_device(number)
        self._check()

    def _check(self) -> None:
        """Refuse a driver or a card that cannot run the kernels."""
        from numba.cuda.cudadrv.driver import driver

        card, version = cuda.get_current_device(), driver.get_version()
        there = f"device={self.name!r}, for CUDA {version[0]}.{version[1]}, of compute capability "
        there += "{}.{}".format(*card.compute_capability[:2])
        if version < _OLDEST_DRIVER:
            raise BackendUnavailable(f"{there}: the driver is too old; install one for CUDA 12.1 or later")
        if tuple(card.compute_capability[:2]) < _OLDEST_CARD or not card.COOPERATIVE_LAUNCH:
            raise BackendUnavailable(
                f"{there}: 7.0 is the least, and all threads must be held at a barrier (cooperative launch); choose "
                "device='cpu'"
            )

    # ---- memory

    def free(self) -> float:
        """Return how many bytes of memory are free."""
        return float("inf") if SIMULATED else cuda.current_context().get_memory_info().free

    def require(self, needed: float, what: str) -> None:
        """Refuse what would not fit into the device's memory, in bytes."""
        free = self.free()
        if needed > free:
            raise ResourceError(
                f"{what} need {needed / 1e9:,.1f} GB on {self.name}, and {free / 1e9:,.1f} GB are free there; choose "
                "fewer samples (batch), or device='cpu'"
            )

    def empty(self, size: int, kind: type) -> Any:
        """Return an array on the device of so many numbers, which may be anything."""
        return np.empty(size, kind) if SIMULATED else cuda.device_array(size, kind)

    def upload(self, value: Any) -> Any:
        """Return a copy on the device of an array, or of every array in a tuple."""
        if isinstance(value, tuple):
            parts = [self.upload(one) for one in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        if not isinstance(value, np.ndarray):
            return value
        # An axis that NumPy has put in has a stride of 0, by which numba-cuda takes the array for one of another type.
        flat = np.ascontiguousarray(value).reshape(-1)
        return value.copy() if SIMULATED else cuda.to_device(flat.reshape(value.shape))

    def download(self, value: Any) -> Any:
        """Return a copy on the host of what `upload` returned."""
        if isinstance(value, tuple):
            parts = [self.download(one) for one in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        if not hasattr(value, "dtype"):
            return value
        return value.copy() if SIMULATED else value.copy_to_host()

    def overwrite(self, array: Any, values: np.ndarray) -> None:
        """Write values over an array on the device, repeated where it is larger; a single one must be 0 or -1."""
        if SIMULATED:
            array[...] = values
        elif not array.size:
            return
        elif not values.ndim:
            from numba.cuda.cudadrv.driver import device_memset

            device_memset(array, int(values) & 0xFF, array.nbytes)
        elif values.shape != array.shape:
            array[:] = cuda.to_device(np.ascontiguousarray(values, array.dtype))
        else:
            array.copy_to_device(np.ascontiguousarray(values, array.dtype))

    # ---- kernels

    def launch(self, function: Any, work: int, *arguments: Any) -> None:
        """Run a kernel, with as many threads as there is work, or the device can hold at once; and wait for it.

        There is one block a processor, since a barrier takes the longer the more blocks meet.

        Raises
        ------
        ResourceError
            If the device cannot hold the kernel.
        """
        if SIMULATED:
            function[2, _BLOCK](*arguments)
            return
        kind = tuple(map(signature, arguments))
        # A launch compiles anew by itself what it takes for other types, which must not be contracted either.
        with uncontracted(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Grid size")  # small cards have few processors
            if (function, kind) not in self._compiled:
                self._compiled[function, kind] = function.compile(kind)
            function[self._shape(self._compiled[function, kind], work)](*arguments)
        cuda.synchronize()

    def _shape(self, ready: Any, work: int) -> tuple[int, int]:
        """Return how many blocks of how many threads a kernel is launched with."""
        blocks, warp = cuda.get_current_device().MULTIPROCESSOR_COUNT, 32
        threads = wanted = min(max(-(-work // (blocks * warp)) * warp, _FEWEST), _MOST)
        if (ready, wanted) in self._shapes:
            return self._shapes[ready, wanted]
        while threads and ready.max_cooperative_grid_blocks(threads) < blocks:
            threads -= warp
        if not threads:
            raise ResourceError(f"{self.name} cannot hold the kernel of this network; choose device='cpu'")
        self._shapes[ready, wanted] = blocks, threads
        return blocks, threads
