"""Groups of neurons as a time loop sees them: by address, so that the loop is compiled once for all models.

Groups are of different types, and what depends on them is compiled for each. A time loop that took the groups
themselves would be compiled anew for every combination of models, with all that it calls. It is given a table of
addresses instead: a row a group, of the functions that are called on it, and then its arrays and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.core.typing.typeof import typeof

from snn.jit import intrinsic, uncounted
from snn.structs import Reference, item_of

_ANY = Reference(types.Tuple(()))  # all references look the same to the machine
_COMPILED = not config.DISABLE_JIT  # pyright: ignore[reportAttributeAccessIssue]


class Groups(NamedTuple):
    """What a time loop is given of its groups."""

    table: np.ndarray  # int64 (groups, words)


class GroupFunctions:
    """The functions of a group that an engine's compiled code calls."""

    def __init__(self) -> None:
        self._functions: list[Any] = []
        self._kinds: list[tuple[Any, ...]] = []
        self._callers: list[Callable] = []

    def of(self, result: Any, *kinds: Any) -> Callable[[Callable], Callable]:
        """Let compiled code call an `internal` function, whose first argument is a group, with ``groups, g`` for it.

        Parameters
        ----------
        result : numba.types.Type
            What it returns.
        *kinds : numba.types.Type or str
            What it takes after the group; a name, for a structure by reference of a type that `taking` is told.
        """

        def decorate(function: Callable) -> Callable:
            if not _COMPILED:
                return lambda groups, g, *arguments: function(groups[g], *arguments)
            self._functions.append(function)
            self._kinds.append((result, *kinds))
            self._callers.append(self._caller(len(self._callers)))
            return self._callers[-1]

        return decorate

    def taking(self, *called: Callable, **given: Any) -> Callable[[Sequence[Any]], Any]:
        """Return what makes of groups that on which compiled code calls these functions.

        It holds as long as the groups' arrays do. Where nothing is compiled it is the groups themselves.

        Parameters
        ----------
        *called : callable
            The functions that will be called, as `of` has returned them.
        **given : NamedTuple
            By their names, structures like those that the functions will be passed by reference.
        """
        if not _COMPILED:
            return tuple
        references = {name: Reference(typeof(one)) for name, one in given.items()}
        wanted = [self._callers.index(one) for one in called]

        def table(groups: Sequence[Any]) -> Groups:
            first = len(self._functions)
            rows = np.zeros((len(groups), first + max(map(_words, groups))), np.int64)
            for row, group in zip(rows, groups, strict=True):
                for position in wanted:
                    row[position] = self._address(position, Reference(typeof(group)), references)
                _put(group, row[first:])
            return Groups(rows)

        return table

    def _address(self, position: int, group: Reference, references: dict[str, Reference]) -> int:
        """Return the address of a function compiled for a type of group."""
        function, (result, *kinds) = self._functions[position], self._kinds[position]
        taken = (group, *(references[kind] if isinstance(kind, str) else kind for kind in kinds))
        compiled = function.overloads.get(taken)
        if compiled is None:
            function.compile(taken)
            compiled = function.overloads[taken]
            assert compiled.signature.return_type == result, (function.__name__, compiled.signature)
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)

    def _caller(self, position: int) -> Any:
        @intrinsic
        def call(typing_context, groups, g, *arguments):
            result, *kinds = self._kinds[position]
            taken = [given if isinstance(kind, str) else kind for given, kind in zip(arguments, kinds, strict=True)]

            def generate(context, builder, signature, values):
                rows = item_of(context, builder, groups, values[0], 0)
                rows = context.make_array(groups.structure[0])(context, builder, rows)
                words = cgutils.unpack_tuple(builder, rows.shape)[1]
                row = builder.gep(rows.data, [builder.mul(values[1], words)])
                kind = context.call_conv.get_function_type(result, (_ANY, *taken))
                function = builder.inttoptr(builder.load(_word(builder, row, position)), kind.as_pointer())
                group = builder.bitcast(_word(builder, row, len(self._functions)), ir.IntType(8).as_pointer())
                arguments = [group, *cgutils.unpack_tuple(builder, values[2])]
                status, answer = context.call_conv.call_function(builder, function, result, (_ANY, *taken), arguments)
                with cgutils.if_unlikely(builder, status.is_error):
                    context.call_conv.return_status_propagate(builder, status)
                return answer

            return result(groups, types.intp, types.StarArgTuple(taken)), generate

        return call


def _word(builder, row, position):
    return builder.gep(row, [ir.Constant(ir.IntType(64), position)])


def _words(structure: Any) -> int:
    """Return how many words a structure takes at most."""
    if isinstance(structure, tuple):
        return sum(map(_words, structure))
    return 5 + 2 * np.ndim(structure)  # an array's; see Numba's `ArrayModel`


@uncounted
def _put(group, words):
    """Write a group's arrays and numbers to words of memory, for a `Reference` to it."""
    _store(group, words)


@intrinsic
def _store(typing_context, group, words):
    def generate(context, builder, signature, arguments):
        data = context.make_array(words)(context, builder, arguments[1]).data
        builder.store(arguments[0], builder.bitcast(data, context.get_value_type(group).as_pointer()))
        return context.get_dummy_value()

    return types.void(group, words), generate
