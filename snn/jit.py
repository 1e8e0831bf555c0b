"""Compilation: the one decorator for compiled functions, and what is left out for those that need less."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numba.extending
from llvmlite import ir
from numba.core import caching, types
from numba.extending import overload

intrinsic: Any = numba.extending.intrinsic  # its result takes one argument less than what it decorates


def with_plain_form(plain: Callable) -> Callable[[Callable], Any]:
    """Make the decorated function an intrinsic, and `plain` what runs in its place when nothing is compiled.

    The intrinsic has it as ``plain``, for the simulator of graphics cards, where only some functions are compiled.
    Unlike an overload, an intrinsic is no call: nothing counts the references of arrays it is given, which in a loop
    would keep the compiler from vectorising it.
    """

    def choose(generator: Callable) -> Any:
        chosen: Any = plain if numba.config.DISABLE_JIT else intrinsic(generator)  # pyright: ignore
        chosen.plain = plain
        return chosen

    return choose


_warned = False
_cache_folders: set[str] = set()


def _newest_source() -> tuple[float, int]:
    """Return the newest modification time and the total size of this package's sources."""
    stats = [path.stat() for path in Path(__file__).parent.rglob("*.py")]
    return max(stat.st_mtime for stat in stats), sum(stat.st_size for stat in stats)


STAMP = _newest_source()  # of the sources that a cached kernel was compiled from


_never_cached: weakref.WeakSet[type] = weakref.WeakSet()


def never_cached(structure: type) -> type:
    """Keep kernels that take this NamedTuple class out of the on-disk cache, and return the class.

    The cache would find them again by the class's name, under which another program may know another class.
    """
    _never_cached.add(structure)
    return structure


def may_be_cached(signature: Any) -> bool:
    """Return whether no class in a signature, a tuple of Numba's types, is one that is `never_cached`."""
    parts: Any = getattr(signature, "structure", signature)  # of a reference, see `snn.structs`
    if not isinstance(parts, tuple | types.BaseTuple):
        return True
    items: Any = parts
    return getattr(items, "instance_class", None) not in _never_cached and all(map(may_be_cached, items))


class _Cache(caching.FunctionCache):
    """Numba's cache of a function, but for kernels that are not to be kept."""

    def load_overload(self, sig, target_context):
        return super().load_overload(sig, target_context) if may_be_cached(sig) else None

    def save_overload(self, sig, data):
        if may_be_cached(sig):
            super().save_overload(sig, data)


def compiled(function: Callable | None = None, *, cache: bool = True, **options: Any) -> Any:
    """Compile a function with Numba and keep the machine code in Numba's on-disk cache.

    A cached kernel is dropped when any source file of this package changes, since Numba itself watches only the file
    a function stands in, not those it calls. Where no cache can be written the function is compiled in every process
    and one warning says so.

    Parameters
    ----------
    function : callable
        What to compile; the decorator may also be called with Numba's options first, such as ``inline="always"``.
    cache : bool
        Whether to keep the machine code.
    """
    if function is None:
        return lambda inner: compiled(inner, cache=cache, **options)
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **options}
    dispatcher: Any = numba.njit(**options)(function)
    if not cache or not hasattr(dispatcher, "_cache"):  # NUMBA_DISABLE_JIT=1 leaves functions as they are
        return dispatcher
    try:
        kept: Any = _Cache(function)
    except RuntimeError as error:  # Numba found no folder it may write to
        warn_uncached(str(error))
        return dispatcher
    cache_in(kept.cache_path)
    # An index of another version is not even unpickled, so classes it names may have gone.
    kept._cache_file._version = f"{kept._cache_file._version} {STAMP}"
    dispatcher._cache = kept
    return dispatcher


def shared(function: Callable, **options: Any) -> Callable:
    """Let compiled code call a plain function; called from plain Python it stays one.

    Tests compare the two forms bit by bit, which `compiled` does not allow: it leaves only the compiled one.
    """
    options = {"error_model": "numpy", "no_cfunc_wrapper": True, **options}

    @overload(function, jit_options=options)  # pyright: ignore[reportArgumentType]
    @functools.wraps(function)  # Numba wants the very signature
    def implementation(*arguments):
        return function

    return function


def inlined(function: Callable) -> Callable:
    """As `shared`, for small functions: compiled code takes them in at every call, so that loops vectorise."""
    return shared(function, forceinline=True)


def by_class(**options: Any) -> Callable[[Callable], Any]:
    """Turn a function that only says what is asked for into one that is found by the class of its first argument.

    ``asked.of(Class)`` registers the decorated function, a plain one with the same arguments, as the answer for first
    arguments of that class. Compiled code and plain Python both call ``asked`` and find it.

    Parameters
    ----------
    **options
        Numba's, such as ``forceinline=True`` for small functions on hot paths.
    """
    options = {"error_model": "numpy", "no_cfunc_wrapper": True, **options}

    def declare(asked: Callable) -> Any:
        answers: dict[type, Callable] = {}

        def of(structure: type) -> Callable[[Callable], Callable]:
            def register(answer: Callable) -> Callable:
                answers[structure] = answer
                return answer

            return register

        @functools.wraps(asked)
        def choose(*arguments):
            return answers[type(arguments[0])](*arguments)

        @overload(choose, jit_options=options)  # pyright: ignore[reportArgumentType]
        @functools.wraps(asked)  # Numba wants the very signature
        def implementation(*arguments):
            return answers[arguments[0].instance_class]

        choose.of, choose.answers = of, answers  # pyright: ignore[reportAttributeAccessIssue]
        return choose

    return declare


def uncounted(function: Callable, **options: Any) -> Any:
    """Compile a function that makes no arrays, without the counting of references.

    Numba counts a reference to every array of every argument at each call, with atomic instructions: with the tables
    of a Program that is more than what is done in between. The caller's references keep the arrays alive.
    """
    return compiled(function, _nrt=False, **options)


def internal(function: Callable) -> Any:
    """As `uncounted`, for what only compiled code calls; called from Python, it would bring the process down.

    Without the wrapper for Python, which unpacks every table, compilation takes half as long.
    """
    return uncounted(function, no_cpython_wrapper=True)


def merged(function: Callable) -> Any:
    """As `internal`, for a large function with one caller, which takes it in before anything is compiled.

    Whatever a compiled function calls is optimised once more with it, so each level of calls costs as much again.
    """
    return uncounted(function, no_cpython_wrapper=True, inline="always")


def only_with(field: str) -> Callable[[Callable], Any]:
    """As `internal`, for a part of the engine that most networks have no use for.

    Where this field of the function's first argument, a NamedTuple, is None, the function is not even compiled; it then
    does nothing and returns 0.
    """
    options: Any = {"_nrt": False, "nogil": True, "error_model": "numpy"}

    def choose(function: Callable) -> Any:
        inner = internal(function)

        def stub(tables, *arguments):
            return 0 if getattr(tables, field) is None else inner(tables, *arguments)

        @numba.extending.overload(stub, jit_options=options)
        def _stub_compiled(tables, *arguments):
            structure: Any = getattr(tables, "structure", tables)  # of a reference, or the NamedTuple itself
            if isinstance(structure[structure.fields.index(field)], types.NoneType):
                return lambda tables, *arguments: 0
            return lambda tables, *arguments: inner(tables, *arguments)

        return functools.wraps(function)(stub)

    return choose


def cache_folders() -> list[Path]:
    """Return the folders that hold compiled kernels; none where nothing can be cached."""
    return sorted(map(Path, _cache_folders))


def cache_in(folder: str) -> None:
    """Count a folder among those that `cache_folders` returns."""
    _cache_folders.add(folder)


def warn_uncached(reason: str) -> None:
    """Say, once, that nothing is kept on disk, and why."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"compiled kernels cannot be cached and are compiled anew in every process ({reason}); "
            "set NUMBA_CACHE_DIR to a folder that can be written to",
            RuntimeWarning,
            stacklevel=4,
        )


@with_plain_form(lambda: None)
def prefer_wide_vectors(typing_context):
    """Let the compiler use the widest vectors there are, in all of the function that calls this.

    It is shy of those of 512 bits, because processors of old lowered their clock for them.
    """

    def generate(context, builder, signature, arguments):
        # Past the set's own `add`, which knows no attribute with a value.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


def _prefetcher(level: int, where: str) -> Any:
    """Return a function that asks for memory to be brought near."""

    def prefetch(typing_context, array, index):
        def generate(context, builder, signature, arguments):
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
            number = ir.IntType(32)
            function = builder.module.declare_intrinsic(
                "llvm.prefetch", (pointer.type,), ir.FunctionType(ir.VoidType(), [pointer.type, *[number] * 3])
            )
            builder.call(function, [pointer, number(0), number(level), number(1)])
            return context.get_dummy_value()

        return types.void(array, types.intp), generate

    prefetch.__doc__ = f"Ask for the cache line of ``array[index]``, which need not exist, to be brought into {where}."
    return with_plain_form(lambda array, index: None)(prefetch)


prefetch = _prefetcher(2, "the second-level cache")
prefetch_near = _prefetcher(3, "the first-level cache")
