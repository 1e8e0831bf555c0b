"""Structs in compiled code: NamedTuples whose fields are arrays, and NamedTuples passed by their address.

A model's parameters, state and input are NamedTuples of numbers. An engine holds the same NamedTuple with an array in
each field (or a plain number where all neurons share it); `load` and `store` go from one to the other, so that the
mathematics of a neuron never sees an index.

Compiled functions pass a NamedTuple by value, all its arrays with it, which for an engine's tables is more work than
most of what is done in between. `by_reference` makes a `Reference` of one, which is passed as an address; its fields
are read as those of the NamedTuple are, and each is loaded where it is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_borrowed, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import models, register_model

from snn.jit import with_plain_form


class Reference(types.Type):
    """Numba's type of a tuple's address; what stands there never changes.

    Attributes
    ----------
    structure : numba.types.BaseTuple
        Type of the tuple.
    skipped : int
        How many of its items are left out at the front.
    """

    def __init__(self, structure: Any, skipped: int = 0):
        self.structure, self.skipped = structure, skipped
        super().__init__(f"Reference({structure}, {skipped})")

    def __len__(self) -> int:
        return len(self.structure) - self.skipped


@register_model(Reference)
class _ReferenceModel(models.PrimitiveModel):
    def __init__(self, manager, reference):
        super().__init__(manager, reference, ir.IntType(8).as_pointer())


def _seen(item: Any) -> Any:
    """Return as what type an item of a tuple that is passed by reference is seen: a tuple, as a reference, too."""
    return Reference(item) if isinstance(item, types.BaseTuple) else item


def _load_invariant(builder, pointer):
    """Load the value at an address part by part, so that only parts that are used are, and each but once in a loop."""
    kind = pointer.type.pointee
    if isinstance(kind, ir.LiteralStructType | ir.ArrayType):
        value = ir.Constant(kind, ir.Undefined)
        for position in range(len(kind)):
            part = _load_invariant(builder, cgutils.gep_inbounds(builder, pointer, 0, position))
            value = builder.insert_value(value, part, position)
        return value
    value = builder.load(pointer)
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


def _address(context, builder, reference, value, position):
    """Return the address of an item of a tuple passed by reference."""
    kind = context.get_value_type(reference.structure)
    return cgutils.gep_inbounds(builder, builder.bitcast(value, kind.as_pointer()), 0, position + reference.skipped)


def item_of(context, builder, reference, value, position):
    """Return an item of a tuple passed by reference: its address, if it is a tuple itself."""
    address = _address(context, builder, reference, value, position)
    if isinstance(reference.structure[position + reference.skipped], types.BaseTuple):
        return builder.bitcast(address, ir.IntType(8).as_pointer())
    return _load_invariant(builder, address)


@infer_getattr
class _Fields(AttributeTemplate):
    key = Reference

    def generic_resolve(self, reference, name):
        """Return the type of a field."""
        if name in getattr(reference.structure, "fields", ()):
            return _seen(reference.structure[reference.structure.fields.index(name)])
        return None


@lower_getattr_generic(Reference)
def _field(context, builder, reference, value, name):
    position = reference.structure.fields.index(name)
    item = item_of(context, builder, reference, value, position)
    return impl_ret_borrowed(context, builder, _seen(reference.structure[position]), item)


@with_plain_form(lambda structure: structure)
def by_reference(typing_context, structure):
    """Return the address of a NamedTuple, for functions that are called from here and read it like the NamedTuple.

    The reference counts of its arrays are not touched: the caller keeps them alive.
    """

    def generate(context, builder, signature, arguments):
        place = cgutils.alloca_once_value(builder, arguments[0])
        address = builder.bitcast(place, ir.IntType(8).as_pointer())
        # Through an empty instruction that may touch any memory: the compiler must not take what is loaded from this
        # address, which it may load at any time since it never changes, from before it was stored.
        empty = ir.FunctionType(address.type, [address.type])
        return builder.asm(empty, "", "=r,0,~{memory}", [address], side_effect=True)

    return Reference(structure)(structure), generate


@with_plain_form(lambda structure: structure)
def fetch(typing_context, structure):
    """Return the NamedTuple that a reference refers to, for a loop that uses it over and over."""

    def generate(context, builder, signature, arguments):
        kind = context.get_value_type(structure.structure).as_pointer()
        return _load_invariant(builder, builder.bitcast(arguments[0], kind))

    return structure.structure(structure), generate


def _item_pointer(context, builder, array_type, value, row, column):
    """Return the address of item (row, column) of a C-contiguous array of one or two dimensions."""
    array = context.make_array(array_type)(context, builder, value)
    if array_type.ndim == 1:
        return builder.gep(array.data, [column])
    columns = cgutils.unpack_tuple(builder, array.shape)[1]
    return builder.gep(array.data, [builder.add(builder.mul(row, columns), column)])


def _plain_load(struct, row, column):
    return type(struct)(
        *(
            field if np.ndim(field) == 0 else field[column] if np.ndim(field) == 1 else field[row, column]
            for field in struct
        )
    )


@with_plain_form(_plain_load)
def load(typing_context, struct, row, column):
    """Read the numbers of one element out of a struct of arrays.

    Parameters
    ----------
    struct : NamedTuple
        Each field a number, which all elements share, an array (columns,), or an array (rows, columns).
    row, column : int
        Which element.

    Returns
    -------
    NamedTuple
        Of the same class, a number in each field.
    """
    scalars = [field.dtype if isinstance(field, types.Array) else field for field in struct]
    result = types.NamedTuple(scalars, struct.instance_class)
    if len(set(scalars)) == 1:
        result = types.NamedUniTuple(scalars[0], len(scalars), struct.instance_class)

    def generate(context, builder, signature, arguments):
        value, row, column = arguments
        items = []
        for position, field in enumerate(struct):
            item = builder.extract_value(value, position)
            if isinstance(field, types.Array):
                item = context.unpack_value(
                    builder, field.dtype, _item_pointer(context, builder, field, item, row, column)
                )
            items.append(item)
        return context.make_tuple(builder, signature.return_type, items)

    return result(struct, types.intp, types.intp), generate


def _plain_store(struct, row, column, item):
    for field, value in zip(struct, item, strict=True):
        field[row, column] = value


@with_plain_form(_plain_store)
def store(typing_context, struct, row, column, item):
    """Write the numbers of one element, as `load` returns them, into a struct whose fields are all arrays."""

    def generate(context, builder, signature, arguments):
        value, row, column, values = arguments
        for position, field in enumerate(struct):
            array = builder.extract_value(value, position)
            new = builder.extract_value(values, position)
            new = context.cast(builder, new, item[position], field.dtype)
            context.pack_value(builder, field.dtype, new, _item_pointer(context, builder, field, array, row, column))
        return context.get_dummy_value()

    return types.void(struct, types.intp, types.intp, item), generate


def _plain_read_row(prototype, rows, row, column):
    return type(prototype)(*rows[row, column : column + len(prototype)].tolist())


@with_plain_form(_plain_read_row)
def read_row(typing_context, prototype, rows, row, column):
    """Return a NamedTuple like `prototype`, all numbers, from a row of an array, beginning at a column."""

    def generate(context, builder, signature, arguments):
        _, value, row, column = arguments
        begin = _item_pointer(context, builder, rows, value, row, column)
        items = [builder.load(builder.gep(begin, [ir.Constant(ir.IntType(64), i)])) for i in range(len(prototype))]
        return context.make_tuple(builder, signature.return_type, items)

    return prototype(prototype, rows, types.intp, types.intp), generate


def _plain_write_row(rows, row, column, item):
    rows[row, column : column + len(item)] = item


@with_plain_form(_plain_write_row)
def write_row(typing_context, rows, row, column, item):
    """Write a NamedTuple of numbers to a row of an array, beginning at a column."""

    def generate(context, builder, signature, arguments):
        value, row, column, values = arguments
        begin = _item_pointer(context, builder, rows, value, row, column)
        for i in range(len(item)):
            new = context.cast(builder, builder.extract_value(values, i), item[i], rows.dtype)
            builder.store(new, builder.gep(begin, [ir.Constant(ir.IntType(64), i)]))
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp, item), generate


def _plain_only(prototype, position, value):
    return type(prototype)(*(value if i == position else 0.0 for i in range(len(prototype))))


@with_plain_form(_plain_only)
def only(typing_context, prototype, position, value):
    """Return a NamedTuple like `prototype` with a value in one field, and zeros."""

    def generate(context, builder, signature, arguments):
        _, position, value = arguments
        items = []
        for i in range(len(prototype)):
            here = builder.icmp_signed("==", position, ir.Constant(ir.IntType(64), i))
            items.append(builder.select(here, value, ir.Constant(ir.DoubleType(), 0.0)))
        return context.make_tuple(builder, signature.return_type, items)

    return prototype(prototype, types.intp, types.float64), generate


@with_plain_form(lambda struct, position: float(struct[position]))
def number_of(typing_context, struct, position):
    """Return one number of a NamedTuple of numbers, as a float."""

    def generate(context, builder, signature, arguments):
        value, position = arguments
        found = ir.Constant(ir.DoubleType(), 0.0)
        for i, kind in enumerate(struct):
            here = builder.icmp_signed("==", position, ir.Constant(ir.IntType(64), i))
            one = context.cast(builder, builder.extract_value(value, i), kind, types.float64)
            found = builder.select(here, one, found)
        return found

    return types.float64(struct, types.intp), generate
