"""Vectors of integers that compiled code keeps in registers: sums of rows of weights, a lane a target.

A compiler that sees a loop over targets within a loop over events loads and stores every sum at every event. A vector
is a value of its own, which stays in registers for as long as it is added to; LLVM makes of it as many registers as the
machine needs. Narrow vectors have lanes of 32 bits, for sums of which it is known that they fit; wide ones of 64. Those
of real numbers have integers for values, which they add and multiply exactly, and several times as fast as wide ones.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import models, register_model

from snn.jit import inlined, internal, with_plain_form

LANES = 32  # sums of 32 bits in two registers of 512 bits: loads of one event's weights need not wait for each other


PRODUCT_LANES = 16  # of 64 bits
STRIP = 16  # real numbers, of which each is loaded and stored again


class Lanes(types.Type):
    """Numba's type of a vector of so many integers of so many bits, or of real numbers of 64."""

    def __init__(self, bits: int, count: int, real: bool = False):
        self.bits, self.count, self.real = bits, count, real
        super().__init__(f"Lanes({bits}, {count}, {real})")

    @property
    def vector(self) -> ir.VectorType:
        """The compiler's type."""
        return ir.VectorType(ir.DoubleType() if self.real else ir.IntType(self.bits), self.count)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, lanes.vector)


def _place(context, builder, signature, arguments, array, index, vector):
    """Return the address of a vector in the array that is one argument, from the index that is another on."""
    data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
    return builder.bitcast(builder.gep(data, [arguments[index]]), vector.as_pointer())


def _widened(builder, vector, bits):
    if vector.type.element.width == bits:
        return vector
    return builder.sext(vector, ir.VectorType(ir.IntType(bits), vector.type.count))


def _everywhere(builder, number, count):
    """Return a vector with one number in all its lanes."""
    undefined = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(first, undefined, zeros)


def _zeros(lanes):
    @with_plain_form(lambda: np.zeros(lanes.count, np.float64 if lanes.real else np.int64))
    def zeros(typing_context):
        none = ir.Constant(lanes.vector, [0] * lanes.count)
        return lanes(), lambda context, builder, signature, arguments: none

    return zeros


narrow_zeros, wide_zeros = _zeros(Lanes(32, LANES)), _zeros(Lanes(64, LANES))
product_zeros, real_zeros = _zeros(Lanes(64, PRODUCT_LANES)), _zeros(Lanes(64, LANES, real=True))
real_strip = _zeros(Lanes(64, STRIP, real=True))


@with_plain_form(lambda lanes, sums, first: sums[first : first + len(lanes)].astype(lanes.dtype))
def load_lanes(typing_context, lanes, sums, first):
    """Return as many of ``sums[first : ...]`` as a given vector has, of its width."""

    def generate(context, builder, signature, arguments):
        place = _place(context, builder, signature, arguments, 1, 2, lanes.vector)
        return builder.load(place, align=lanes.bits // 8)

    return lanes(lanes, sums, types.intp), generate


def _plain_store_lanes(sums, first, lanes):
    sums[first : first + len(lanes)] = lanes


@with_plain_form(_plain_store_lanes)
def store_lanes(typing_context, sums, first, lanes):
    """Write a vector to ``sums[first : ...]``, of the same width."""

    def generate(context, builder, signature, arguments):
        place = _place(context, builder, signature, arguments, 0, 1, lanes.vector)
        builder.store(arguments[2], place, align=lanes.bits // 8)
        return context.get_dummy_value()

    return types.void(sums, types.intp, lanes), generate


@with_plain_form(lambda lanes, weights, first: lanes + weights[first : first + LANES])
def add_weights(typing_context, lanes, weights, first):
    """Return the vector plus ``weights[first : first + LANES]``, int32."""

    def generate(context, builder, signature, arguments):
        vector = ir.VectorType(ir.IntType(32), lanes.count)
        loaded = builder.load(_place(context, builder, signature, arguments, 1, 2, vector), align=4)
        return builder.add(arguments[0], _widened(builder, loaded, lanes.bits))

    return lanes(lanes, weights, types.intp), generate


def _plain_add_product(lanes, weights, first, amount):
    return lanes + weights[first : first + len(lanes)].astype(np.int64) * amount


@with_plain_form(_plain_add_product)
def add_product(typing_context, lanes, weights, first, amount):
    """Return the wide vector plus as many ``weights[first : ...]``, int32, times a number that fits in 32 bits."""

    def generate(context, builder, signature, arguments):
        # Both factors are seen to have come from 32 bits, for which machines have a fast product of 64.
        vector = ir.VectorType(ir.IntType(32), lanes.count)
        loaded = builder.load(_place(context, builder, signature, arguments, 1, 2, vector), align=4)
        amount = builder.sext(builder.trunc(arguments[3], ir.IntType(32)), ir.IntType(64))
        everywhere = _everywhere(builder, amount, lanes.count)
        return builder.add(arguments[0], builder.mul(_widened(builder, loaded, 64), everywhere))

    return lanes(lanes, weights, types.intp, types.int64), generate


def _plain_add_real_product(lanes, weights, first, amount):
    return lanes + weights[first : first + len(lanes)] * amount


@with_plain_form(_plain_add_real_product)
def add_real_product(typing_context, lanes, weights, first, amount):
    """Return the vector of real numbers plus as many ``weights[first : ...]``, float64, times a real number.

    Of integers below 2^53 that is exact.
    """

    def generate(context, builder, signature, arguments):
        loaded = builder.load(_place(context, builder, signature, arguments, 1, 2, lanes.vector), align=8)
        kind = ir.FunctionType(lanes.vector, [lanes.vector] * 3)
        name = f"llvm.fma.v{lanes.count}f64"
        fma = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        return builder.call(fma, [loaded, _everywhere(builder, arguments[3], lanes.count), arguments[0]])

    return lanes(lanes, weights, types.intp, types.float64), generate


@with_plain_form(lambda lanes, others: lanes + others)
def add_lanes(typing_context, lanes, others):
    """Return the sum of two vectors of real numbers."""
    return lanes(lanes, others), lambda context, builder, signature, arguments: builder.fadd(*arguments)


def _plain_add_to(sums, first, lanes):
    sums[first : first + len(lanes)] += lanes.astype(np.int64)


@with_plain_form(_plain_add_to)
def _add_to(typing_context, sums, first, lanes):
    """Add the vector to as many ``sums[first : ...]``, int64."""

    def generate(context, builder, signature, arguments):
        vector = ir.VectorType(ir.IntType(64), lanes.count)
        place = _place(context, builder, signature, arguments, 0, 1, vector)
        integers = builder.fptosi(arguments[2], vector) if lanes.real else _widened(builder, arguments[2], 64)
        builder.store(builder.add(builder.load(place, align=8), integers), place, align=8)
        return context.get_dummy_value()

    return types.void(sums, types.intp, lanes), generate


@internal
def put(lanes, count, sums, first, stop, spare):
    """Add a vector of so many lanes to the sums from `first` on, int64, but to none from `stop` on.

    `spare` is room for a vector of sums.
    """
    if stop - first >= count:
        _add_to(sums, first, lanes)
        return
    spare[:] = 0
    _add_to(spare, 0, lanes)
    for i in range(stop - first):
        sums[first + i] += spare[i]


MARKS = 64  # flags in one word
TO_SPARE = 16  # numbers that `list_marked` may write beyond those it lists


def _plain_marks_of(flags, at):
    return np.packbits(flags[at : at + MARKS] != 0, bitorder="little").view(np.uint64)[0]


@with_plain_form(_plain_marks_of)
def marks_of(typing_context, flags, at):
    """Return 64 flags, ``flags[at]`` and those after it (uint8), as the bits of a word."""

    def generate(context, builder, signature, arguments):
        kind = ir.VectorType(ir.IntType(8), MARKS)
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        loaded = builder.load(builder.bitcast(builder.gep(data, [arguments[1]]), kind.as_pointer()), align=1)
        marked = builder.icmp_unsigned("!=", loaded, ir.Constant(kind, [0] * MARKS))
        return builder.bitcast(marked, ir.IntType(MARKS))

    return types.uint64(flags, types.intp), generate


def _plain_list_marked(numbers, place, first, marks):
    found = [first + i for i in range(MARKS) if int(marks) >> i & 1]
    numbers[place : place + len(found)] = found
    return place + len(found)


@with_plain_form(_plain_list_marked)
def list_marked(typing_context, numbers, place, first, marks):
    """List which bits of a word are set: first + i for each bit i.

    They go to ``numbers[place]`` and the places after it (int32), of which there must be `TO_SPARE` more than are
    listed; returns one past the last one.
    """

    def generate(context, builder, signature, arguments):
        number, flag, size = ir.IntType(32), ir.IntType(1), ir.IntType(TO_SPARE)
        vector = ir.VectorType(number, TO_SPARE)
        undefined = ir.Constant(vector, ir.Undefined)
        begin = _everywhere(builder, builder.trunc(arguments[2], number), TO_SPARE)
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        # Pressed together in a register, all of which is stored: stores of chosen elements take several times as long.
        kind = ir.FunctionType(vector, [vector, ir.VectorType(flag, TO_SPARE), vector])
        name = f"llvm.experimental.vector.compress.v{TO_SPARE}i32"
        compress = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        place = arguments[1]
        for low in range(0, MARKS, TO_SPARE):
            bits = builder.trunc(builder.lshr(arguments[3], ir.Constant(arguments[3].type, low)), size)
            values = builder.add(begin, ir.Constant(vector, list(range(low, low + TO_SPARE))))
            chosen = builder.bitcast(bits, ir.VectorType(flag, TO_SPARE))
            pressed = builder.call(compress, [values, chosen, undefined])
            address = builder.bitcast(builder.gep(data, [place]), vector.as_pointer())
            builder.store(pressed, address, align=4)
            place = builder.add(place, builder.zext(builder.ctpop(bits), place.type))
        return place

    return types.intp(numbers, types.intp, types.intp, types.uint64), generate


@inlined
def fill_up(flags, count):
    """Fill the last word of flags up; returns how many words there are."""
    words = (count + MARKS - 1) // MARKS
    for i in range(count, words * MARKS):
        flags[i] = 0
    return words


@inlined
def list_flagged(numbers, place, first, flags, count):
    """List which of the first flags, uint8, are set, as `list_marked`; returns one past the last place."""
    for word in range(fill_up(flags, count)):
        marks = marks_of(flags, MARKS * word)
        if marks:
            place = list_marked(numbers, place, first + MARKS * word, marks)
    return place
