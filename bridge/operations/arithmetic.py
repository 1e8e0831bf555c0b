"""Rules of sums, products, means and maxima."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch

from bridge.nodes import Add, MatMul, MaxOver, Mean, Multiply, Node, Power, Scale, Shift
from bridge.operations.values import (
    RefusedError,
    Value,
    aligned,
    array,
    constant,
    dense,
    emit,
    number,
    swapped,
    widened,
)


def add(input, other, alpha=1, out=None):
    """Add a tensor of the network or a constant."""
    return _sum(input, 1.0, other, number(alpha))


def sub(input, other, alpha=1):
    """Add the negative."""
    return _sum(input, 1.0, other, -number(alpha))


def _sum(a, a_factor: float, b, b_factor: float) -> Value:
    """a_factor a + b_factor b, one of them a tensor of the network at least."""
    if not isinstance(a, Value):
        a, a_factor, b, b_factor = b, b_factor, a, a_factor
    a = _times(a, a_factor)
    if isinstance(b, Value):
        return emit(Add, *aligned(a, _times(b, b_factor)))
    term = b_factor * constant(a, b)
    return emit(Shift, widened(a, term.shape), term=term)


def mul(input, other):
    """Multiply with a tensor of the network or a constant."""
    a, b = (input, other) if isinstance(input, Value) else (other, input)
    if isinstance(b, Value):
        return emit(Multiply, *aligned(a, b))
    factor = constant(a, b)
    return emit(Scale, widened(a, factor.shape), factor=factor)


def div(input, other, rounding_mode=None):
    """Multiply with the reciprocal."""
    if rounding_mode is not None:
        raise RefusedError(f"divides with rounding_mode {rounding_mode!r}", "Divide without rounding")
    if isinstance(other, Value):
        return mul(input, emit(Power, other, exponent=-1.0))
    return mul(input, 1.0 / (other.detach().double() if isinstance(other, torch.Tensor) else number(other)))


def _times(value: Value, factor: float) -> Value:
    return value if factor == 1.0 else emit(Scale, value, factor=factor)


def matmul(input, other):
    """Multiply matrices on the last axes; it is a dense layer where one is constant."""
    if isinstance(input, Value) and isinstance(other, Value):
        a, b = aligned(input, other)
        for value in (input, other):
            value.axes((-1, -2))
        return emit(MatMul, a, b)
    if isinstance(input, Value):
        weight = array(other)
        if weight.ndim != 2:
            raise RefusedError(f"multiplies with a constant of shape {weight.shape}", "Use one matrix")
        return dense(input, weight.T)
    weight = array(input)
    if weight.ndim != 2:
        raise RefusedError(f"multiplies with a constant of shape {weight.shape}", "Use one matrix")
    last, before = other.axis(-1), other.axis(-2)
    return swapped(dense(swapped(other, last, before), weight), last, before)


def _reduced(input: Value, dim: Any, keepdim: bool, kind: type[Node]) -> Value:
    dims = range(input.ndim) if dim is None or dim == () else (dim,) if isinstance(dim, int) else dim
    axes = input.axes(dims)
    batch = input.batch if keepdim else input.batch - sum(axis < input.batch for axis in axes)
    return emit(kind, input, axes=axes, keep=keepdim, batch=batch)


def mean(input: Value, dim=None, keepdim=False, dtype=None):
    """Take the mean over axes."""
    return _reduced(input, dim, keepdim, Mean)


def total(input: Value, dim=None, keepdim=False, dtype=None):
    """Sum over axes: so many times their mean."""
    reduced = _reduced(input, dim, keepdim, Mean)
    return emit(Scale, reduced, factor=prod(input.shape) / prod(reduced.shape))


def maximum_over(input: Value, dim=None, keepdim=False):
    """Take the maximum over axes."""
    return _reduced(input, dim, keepdim, MaxOver)


def largest(input: Value, dim=None, keepdim=False):
    """Do as torch.max: with an axis, positions come beside the values, which nothing may read."""
    if isinstance(dim, (Value, torch.Tensor)):
        raise RefusedError("is the larger of two tensors", "Use torch.maximum")
    reduced = _reduced(input, dim, keepdim, MaxOver)
    return reduced if dim is None else (reduced, None)


FUNCTIONS = {
    "add": add,
    "sub": sub,
    "subtract": sub,
    "rsub": lambda input, other, alpha=1: _sum(input, -number(alpha), other, 1.0),
    "mul": mul,
    "multiply": mul,
    "div": div,
    "divide": div,
    "true_divide": div,
    "rdiv": lambda input, other: mul(emit(Power, input, exponent=-1.0), other),
    "neg": lambda input: _times(input, -1.0),
    "matmul": matmul,
    "rmatmul": lambda input, other: matmul(other, input),
    "bmm": matmul,
    "mm": matmul,
    "mean": mean,
    "sum": total,
    "amax": maximum_over,
    "max": largest,
}


def maximum(input, other):
    """Take the larger of two: b + max(a - b, 0)."""
    return other + (input - other).relu()


def minimum(input, other):
    """Take the smaller of two: a - max(a - b, 0)."""
    return input - (input - other).relu()


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """Scale vectors to length one."""
    return input / norm(input, p, dim, True).clamp_min(eps)


def norm(input, p: Any = 2, dim=None, keepdim=False, out=None, dtype=None):
    """Take lengths of vectors: sums of magnitudes, or roots of sums of squares."""
    if p not in (1, 2, "fro", None):
        raise RefusedError(f"is a norm of order {p}", "Use order 1 or 2")
    if p == 1:
        return input.abs().sum(dim, keepdim)
    return input.square().sum(dim, keepdim).sqrt()


def variance(input, dim=None, unbiased=None, keepdim=False, correction=1):
    """Take the variance over axes."""
    correction = correction if unbiased is None else int(unbiased)
    centred = input - input.mean(dim, keepdim=True)
    squares = centred.square().mean(dim, keepdim=keepdim)
    count = prod(centred.value.shape) / prod(squares.value.shape)
    return squares * (count / (count - correction))


def einsum(equation, *operands):
    """Sum products of two operands: axes moved, a matrix product, axes moved back."""
    operands = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (tuple, list)) else list(operands)
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or "." in equation or len(terms) != 2 or any(len(set(term)) < len(term) for term in (*terms, result)):
        raise RefusedError(f"is the sum {equation!r}", "Write sums of two operands out, with every axis once and '->'")
    (a, b), (x, y) = terms, operands
    shared = [axis for axis in result if axis in a and axis in b]
    summed = [axis for axis in a if axis in b and axis not in result]
    rows, columns = ([axis for axis in result if axis in term and axis not in shared] for term in (a, b))
    if set(a) - {*shared, *summed, *rows} or set(b) - {*shared, *summed, *columns}:
        raise RefusedError(f"is the sum {equation!r}", "Sum axes that only one operand has before")
    sizes = dict(zip(a, x.shape, strict=True)) | dict(zip(b, y.shape, strict=True))
    outer = [sizes[axis] for axis in shared]
    inner = prod(sizes[axis] for axis in summed)
    x = x.permute([a.index(axis) for axis in (*shared, *rows, *summed)]).reshape(*outer, _product(sizes, rows), inner)
    y = y.permute([b.index(axis) for axis in (*shared, *summed, *columns)])
    y = y.reshape(*outer, inner, _product(sizes, columns))
    product = (x @ y).reshape(*outer, *(sizes[axis] for axis in (*rows, *columns)))
    order = [*shared, *rows, *columns]
    return product.permute([order.index(axis) for axis in result])


def _product(sizes: dict, axes: list) -> int:
    product = 1
    for axis in axes:
        product = sizes[axis] * product
    return product


COMPOSITES = {
    "maximum": maximum,
    "minimum": minimum,
    "normalize": normalize,
    "norm": norm,
    "vector_norm": lambda x, ord=2, dim=None, keepdim=False: norm(x, ord, dim, keepdim),
    "var": variance,
    "std": lambda *args, **kwargs: variance(*args, **kwargs).sqrt(),
    "rpow": lambda input, other: (input * float(np.log(number(other)))).exp(),
    "einsum": einsum,
    "addmm": lambda input, mat1, mat2, beta=1, alpha=1: beta * input + alpha * (mat1 @ mat2),
    "addcmul": lambda input, tensor1, tensor2, value=1: input + value * tensor1 * tensor2,
    "lerp": lambda input, end, weight: input + weight * (end - input),
    "amin": lambda input, dim=None, keepdim=False: -(-input).amax(dim, keepdim),
}
