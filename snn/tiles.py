"""Products of small matrices of integers in the processor's matrix unit (Intel AMX), where there is one.

The unit multiplies a tile of 16 rows of 64 numbers of 8 bits with one of 64 by 16 of them, and adds to sums of 32 bits.
Weights of 24 bits are cut into three bytes, *planes*, each of which is multiplied for itself. Two tiles of rows are
multiplied with two of weights at a time: to load a tile takes as long as to multiply with it.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from snn.jit import with_plain_form

SIDE = 16  # rows of a tile, and its columns of 32 bits
DEPTH = 64  # numbers of 8 bits in a row of a tile
WIDTH = 2 * SIDE  # targets at a time
PIECE = 2 * SIDE * DEPTH  # bytes of a pair of tiles
PLANES = 3
SUMS = 2 * SIDE * WIDTH  # of a plane: those of a pair of tiles of rows and a pair of tiles of weights
_LEFT, _RIGHT = (4, 5), (6, 7)  # tiles of the factors; those before hold sums
_PERMIT, _ARCH_PRCTL, _TILE_DATA = 0x1023, 158, 18  # of Linux on x86-64


@functools.cache
def available() -> bool:
    """Return whether this machine has a matrix unit, and its system lets this process use it."""
    features: Any = llvm.get_host_cpu_features()
    if numba.config.DISABLE_JIT or numba.config.CPU_NAME or numba.config.CPU_FEATURES:  # pyright: ignore
        return False
    if not (sys.platform == "linux" and features.get("amx-tile") and features.get("amx-int8")):
        return False
    return ctypes.CDLL(None).syscall(_ARCH_PRCTL, _PERMIT, _TILE_DATA) == 0


def configuration() -> np.ndarray:
    """Return what `configure` needs: the shape of all eight tiles, uint8 (64,)."""
    found = np.zeros(64, np.uint8)
    found[0] = 1
    found[16:32].view(np.uint16)[:] = DEPTH
    found[48:56] = SIDE
    return found


def planes_of(weights: np.ndarray) -> np.ndarray:
    """Return weights (rows, targets), integers of 24 bits, as pairs of tiles: (targets, planes, rows, 2) of them.

    Each tile stands as the unit wants it: four rows side by side, target by target. The result is flat.
    """
    rows, targets = weights.shape
    padded = np.zeros((-(-rows // DEPTH) * DEPTH, -(-targets // WIDTH) * WIDTH), np.int32)
    padded[:rows, :targets] = weights
    cut = padded.reshape(-1, SIDE, DEPTH // SIDE, padded.shape[1] // WIDTH, 2, SIDE).transpose(3, 0, 4, 1, 5, 2)
    return np.stack([(cut >> 8 * plane).astype(np.uint8) for plane in range(PLANES)], axis=1).ravel()


def _call(builder, name, *arguments):
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    function = builder.module.globals.get(f"llvm.x86.{name}") or ir.Function(builder.module, kind, f"llvm.x86.{name}")
    builder.call(function, arguments)


def _number(tile):
    return ir.Constant(ir.IntType(8), tile)


def _address(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), ir.IntType(8).as_pointer())


@with_plain_form(lambda shape: None)
def configure(typing_context, shape):
    """Make the unit ready, with what `configuration` gave."""

    def generate(context, builder, signature, arguments):
        none = ir.Constant(ir.IntType(64), 0)
        _call(builder, "ldtilecfg", _address(context, builder, signature.args[0], arguments[0], none))
        return context.get_dummy_value()

    return types.void(shape), generate


@with_plain_form(lambda: None)
def release(typing_context):
    """Let the unit rest."""

    def generate(context, builder, signature, arguments):
        _call(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), generate


def _plain_copy(into, place, given, start):
    into[place : place + SIDE] = given[start : start + SIDE]


@with_plain_form(_plain_copy)
def copy_some(typing_context, into, place, given, start):
    """Copy ``given[start : start + SIDE]`` to ``into[place : ...]``, int8."""

    def generate(context, builder, signature, arguments):
        into, place, given, start = arguments
        kind = ir.VectorType(ir.IntType(8), SIDE).as_pointer()
        source = builder.bitcast(_address(context, builder, signature.args[2], given, start), kind)
        target = builder.bitcast(_address(context, builder, signature.args[0], into, place), kind)
        builder.store(builder.load(source, align=1), target, align=1)
        return context.get_dummy_value()

    return types.void(into, types.intp, given, types.intp), generate


def _plain_put_together(sums, place, parts, at):
    planes = parts[at:][:SIDE], parts[at + SUMS :][:SIDE], parts[at + 2 * SUMS :][:SIDE]
    sums[place : place + SIDE] = sum(plane << 8 * i for i, plane in enumerate(planes))


@with_plain_form(_plain_put_together)
def put_together(typing_context, sums, place, parts, at):
    """Write to ``sums[place : place + SIDE]`` what all planes of `products` say in ``parts[at : at + SIDE]``."""

    def generate(context, builder, signature, arguments):
        sums, place, parts, at = arguments
        number = ir.IntType(32)
        kind = ir.VectorType(number, SIDE)
        total = ir.Constant(kind, [0] * SIDE)
        for plane in range(PLANES):
            begin = builder.add(at, at.type(plane * SUMS))
            source = builder.bitcast(_address(context, builder, signature.args[2], parts, begin), kind.as_pointer())
            shift = ir.Constant(kind, [8 * plane] * SIDE)
            total = builder.add(total, builder.shl(builder.load(source, align=4), shift))
        target = builder.bitcast(_address(context, builder, signature.args[0], sums, place), kind.as_pointer())
        builder.store(total, target, align=4)
        return context.get_dummy_value()

    return types.void(sums, types.intp, parts, types.intp), generate


def _plain_products(into, left, first, stride, right, at, chunks):
    rows = np.stack([left[first + i * stride :][: chunks * DEPTH] for i in range(2 * SIDE)]).astype(np.int64)
    total = np.zeros((PLANES, 2, 2, SIDE, SIDE), np.int64)
    for plane in range(PLANES):
        for chunk in range(chunks):
            pair = right[at + (plane * chunks + chunk) * PIECE :][:PIECE]
            pair = pair.view(np.int8) if plane == PLANES - 1 else pair
            pair = pair.reshape(2, SIDE, SIDE, -1).transpose(0, 1, 3, 2).reshape(2, DEPTH, SIDE).astype(np.int64)
            total[plane] += (rows[:, chunk * DEPTH :][:, :DEPTH] @ pair).reshape(2, 2, SIDE, SIDE)
    into[: total.size] = total.ravel()


@with_plain_form(_plain_products)
def products(typing_context, into, left, first, stride, right, at, chunks):
    """Write the products of 32 rows of `left` and the weights from ``right[at]`` on.

    Row i begins at ``left[first + i stride]``, int8, and has `chunks` times 64 numbers. `into`, int32, takes sums
    (planes, tiles of weights, tiles of rows, 16, 16).
    """

    def generate(context, builder, signature, arguments):
        into, left, first, stride, right, at, chunks = arguments
        word = stride.type
        for plane in range(PLANES):
            product = "tdpbssd" if plane == PLANES - 1 else "tdpbsud"
            begun = builder.mul(chunks, word(plane))
            for tile in range(4):
                _call(builder, "tilezero", _number(tile))
            with cgutils.for_range(builder, chunks) as chunk:
                start = builder.add(first, builder.mul(chunk.index, word(DEPTH)))
                weights = builder.add(at, builder.mul(builder.add(begun, chunk.index), word(PIECE)))
                second = builder.add(start, builder.mul(stride, word(SIDE)))
                for tile, begin in zip(_LEFT, (start, second), strict=True):
                    place = _address(context, builder, signature.args[1], left, begin)
                    _call(builder, "tileloadd64", _number(tile), place, stride)
                for tile, begin in zip(_RIGHT, (weights, builder.add(weights, word(PIECE // 2))), strict=True):
                    place = _address(context, builder, signature.args[4], right, begin)
                    _call(builder, "tileloadd64", _number(tile), place, word(DEPTH))
                for i in range(4):
                    _call(builder, product, *map(_number, (i, _LEFT[i % 2], _RIGHT[i // 2])))
            for tile in range(4):
                begin = word(plane * SUMS + tile * SIDE * SIDE)
                place = _address(context, builder, signature.args[0], into, begin)
                _call(builder, "tilestored64", _number(tile), place, word(DEPTH))
        return context.get_dummy_value()

    integer = types.intp
    return types.void(into, left, integer, integer, right, integer, integer), generate
