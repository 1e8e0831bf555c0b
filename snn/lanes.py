"""Vectors of integers that compiled code keeps in registers: sums of rows of weights, a lane a target.

A compiler that sees a loop over targets within a loop over events loads and stores every sum at every event. A vector
is a value of its own, which stays in registers for as long as it is added to; LLVM makes of it as many registers as the
machine needs. Narrow vectors have lanes of 32 bits, for sums of which it is known that they fit; wide ones of 64.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import models, register_model

from snn.jit import with_plain_form

LANES = 32  # sums of 32 bits in two registers of 512 bits: loads of one event's weights need not wait for each other


class Lanes(types.Type):
    """Numba's type of a vector of `LANES` integers of so many bits."""

    def __init__(self, bits: int):
        self.bits = bits
        super().__init__(f"Lanes({bits})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, ir.VectorType(ir.IntType(lanes.bits), LANES))


def _vector(bits: int) -> ir.VectorType:
    return ir.VectorType(ir.IntType(bits), LANES)


def _place(context, builder, signature, arguments, array, index, bits):
    """Return the address of LANES elements of the array that is one argument, from the index that is another on."""
    data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
    return builder.bitcast(builder.gep(data, [arguments[index]]), _vector(bits).as_pointer())


def _widened(builder, vector, bits):
    return vector if vector.type.element.width == bits else builder.sext(vector, _vector(bits))


def _zeros(bits):
    @with_plain_form(lambda: np.zeros(LANES, np.int64))
    def zeros(typing_context):
        return Lanes(bits)(), lambda context, builder, signature, arguments: ir.Constant(_vector(bits), [0] * LANES)

    return zeros


narrow_zeros, wide_zeros = _zeros(32), _zeros(64)


@with_plain_form(lambda lanes, weights, first: lanes + weights[first : first + LANES])
def add_weights(typing_context, lanes, weights, first):
    """Return the vector plus ``weights[first : first + LANES]``, int32."""

    def generate(context, builder, signature, arguments):
        loaded = builder.load(_place(context, builder, signature, arguments, 1, 2, 32), align=4)
        return builder.add(arguments[0], _widened(builder, loaded, lanes.bits))

    return lanes(lanes, weights, types.intp), generate


@with_plain_form(lambda lanes, weights, first, amount: lanes + weights[first : first + LANES].astype(np.int64) * amount)
def add_product(typing_context, lanes, weights, first, amount):
    """Return the wide vector plus ``weights[first : first + LANES]``, int32, times a number that fits in 32 bits."""

    def generate(context, builder, signature, arguments):
        # Both factors are seen to have come from 32 bits, for which machines have a fast product of 64.
        loaded = builder.load(_place(context, builder, signature, arguments, 1, 2, 32), align=4)
        amount = builder.sext(builder.trunc(arguments[3], ir.IntType(32)), ir.IntType(64))
        undefined = ir.Constant(_vector(64), ir.Undefined)
        everywhere = builder.insert_element(undefined, amount, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        everywhere = builder.shuffle_vector(everywhere, undefined, zeros)
        return builder.add(arguments[0], builder.mul(_widened(builder, loaded, 64), everywhere))

    return lanes(lanes, weights, types.intp, types.int64), generate


def _plain_add_to(sums, first, lanes):
    sums[first : first + LANES] += lanes


@with_plain_form(_plain_add_to)
def add_to(typing_context, sums, first, lanes):
    """Add the vector to ``sums[first : first + LANES]``, int64."""

    def generate(context, builder, signature, arguments):
        place = _place(context, builder, signature, arguments, 0, 1, 64)
        added = builder.add(builder.load(place, align=8), _widened(builder, arguments[2], 64))
        builder.store(added, place, align=8)
        return context.get_dummy_value()

    return types.void(sums, types.intp, lanes), generate


MARKS = 16  # that `list_marked` looks at together


def _plain_list_marked(numbers, place, first, marks, at):
    found = first + np.flatnonzero(marks[at : at + MARKS])
    numbers[place : place + len(found)] = found
    return place + len(found)


@with_plain_form(_plain_list_marked)
def list_marked(typing_context, numbers, place, first, marks, at):
    """List which of 16 marks are set: first + i for each of ``marks[at + i]`` (uint8) that is not 0.

    They go to ``numbers[place]`` and the places after it (int32); returns one past the last one.
    """

    def generate(context, builder, signature, arguments):
        byte, number, flag, size = ir.IntType(8), ir.IntType(32), ir.IntType(1), ir.IntType(MARKS)
        data = context.make_array(signature.args[3])(context, builder, arguments[3]).data
        place_of_marks = builder.gep(data, [arguments[4]])
        bytes_type, vector = ir.VectorType(byte, MARKS), ir.VectorType(number, MARKS)
        loaded = builder.load(builder.bitcast(place_of_marks, bytes_type.as_pointer()), align=1)
        chosen = builder.icmp_unsigned("!=", loaded, ir.Constant(bytes_type, [0] * MARKS))
        undefined = ir.Constant(vector, ir.Undefined)
        begin = builder.insert_element(undefined, builder.trunc(arguments[2], number), ir.Constant(number, 0))
        begin = builder.shuffle_vector(begin, undefined, ir.Constant(vector, [0] * MARKS))
        values = builder.add(begin, ir.Constant(vector, list(range(MARKS))))
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        kind = ir.FunctionType(ir.VoidType(), [vector, number.as_pointer(), ir.VectorType(flag, MARKS)])
        name = f"llvm.masked.compressstore.v{MARKS}i32"
        store = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        builder.call(store, [values, builder.gep(data, [arguments[1]]), chosen])
        count = builder.ctpop(builder.bitcast(chosen, size))
        return builder.add(arguments[1], builder.zext(count, ir.IntType(64)))

    return types.intp(numbers, types.intp, types.intp, marks, types.intp), generate
