"""Rules of sums, products, means and maxima."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch

from bridge.nodes import Add, Dense, Mask, MatMul, MaxOver, Mean, Multiply, Node, Power, ReLU, Reshape, Scale, Shift
from bridge.operations.values import (
    CHOOSES,
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
    return _shifted(a, b_factor * constant(a, b))


def _shifted(a: Value, term: np.ndarray) -> Value:
    """Add constants; minus infinity leaves a value out."""
    if np.isnan(term).any() or np.isposinf(term).any():
        raise RefusedError("adds infinity, or what is not a number", "Add finite numbers, or minus infinity as a mask")
    a, left_out = widened(a, term.shape), np.isneginf(term)
    finite = np.where(left_out, 0.0, term)
    if finite.any() or not left_out.any():
        a = emit(Shift, a, term=finite)
    return emit(Mask, a, kept=~left_out) if left_out.any() else a


def where(condition, input, other):
    """Choose by a condition that is constant; a method of the first choice has it second."""
    if isinstance(condition, Value) and not isinstance(input, Value):
        condition, input = input, condition
    if not isinstance(condition, torch.Tensor) or condition.dtype != torch.bool:
        raise RefusedError(*CHOOSES)
    if not isinstance(input, Value):
        condition, input, other = ~condition, other, input
    return _chosen(input, condition, other)


def masked_fill(input, mask, value):
    """Put a constant in fixed places."""
    if not isinstance(mask, torch.Tensor) or isinstance(value, Value):
        raise RefusedError(*CHOOSES)
    return _chosen(input, ~mask.bool(), value)


def _chosen(input: Value, kept: torch.Tensor, other: Any) -> Value:
    """Take other values, of the network or constants, where the first are not kept."""
    if isinstance(other, Value):
        input, other = aligned(input, other)
        factor = constant(input, kept)
        first, second = (widened(value, factor.shape) for value in (input, other))
        return emit(Add, emit(Scale, first, factor=factor), emit(Scale, second, factor=1.0 - factor))
    factor, filled = np.broadcast_arrays(constant(input, kept), constant(input, other))
    term = np.where(factor, 0.0, filled)
    if np.isneginf(filled[factor == 0.0]).all():
        return _shifted(input, term)
    return _shifted(emit(Scale, widened(input, factor.shape), factor=factor), term)


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
    """Multiply matrices on the last axes; it is a dense layer where one is a constant matrix."""
    if isinstance(input, Value) and isinstance(other, Value):
        a, b = aligned(input, other)
        for value in (input, other):
            value.axes((-1, -2))
        return emit(MatMul, a, b)
    if isinstance(input, Value):
        weight = array(other)
        if weight.ndim == 1:
            return _without_last(matmul(input, other[:, None]))
        return dense(input, weight.T) if weight.ndim == 2 else _many(input, other)
    weight = array(input)
    if weight.ndim == 1:
        return _without_last(matmul(_turned(other), input[:, None]))
    if weight.ndim != 2:
        return _turned(_many(_turned(other), input.mT))
    return _turned(dense(_turned(other), weight))


def _turned(value: Value) -> Value:
    return swapped(value, value.axis(-1), value.axis(-2))


def _without_last(value: Value) -> Value:
    return emit(Reshape, value, shape=value.shape[:-1])


def _many(input: Value, weights: torch.Tensor) -> Value:
    """Multiply with constant matrices, one for each place on the axes before: sum_k x[..., i, k, 1] w[..., 1, k, j]."""
    input.axes((-1, -2))
    spread = emit(Reshape, input, shape=(*input.shape, 1))
    scaled = mul(spread, weights.unsqueeze(-3))
    return total(scaled, -2)


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
        return larger(input, dim)
    reduced = _reduced(input, dim, keepdim, MaxOver)
    return reduced if dim is None else (reduced, None)


def larger(input, other) -> Value:
    """Take the larger of two: b + max(a - b, 0)."""
    return add(other, emit(ReLU, sub(input, other)))


def smaller(input, other) -> Value:
    """Take the smaller of two: a - max(a - b, 0)."""
    return sub(input, emit(ReLU, sub(input, other)))


def least(input: Value, dim=None, keepdim=False):
    """Do as torch.min, which also takes two tensors."""
    if isinstance(dim, (Value, torch.Tensor)):
        return smaller(input, dim)
    reduced = _times(_reduced(_times(input, -1.0), dim, keepdim, MaxOver), -1.0)
    return reduced if dim is None else (reduced, None)


def cumsum(input: Value, dim, dtype=None):
    """Sum what is before each value on an axis, and the value."""
    axis, last = input.axis(dim), len(input.shape) - 1
    before = np.tri(input.shape[axis])
    return swapped(emit(Dense, swapped(input, axis, last), weight=before, bias=np.zeros(len(before))), axis, last)


FUNCTIONS = {
    "maximum": larger,
    "minimum": smaller,
    "min": least,
    "cumsum": cumsum,
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
    "where": where,
    "masked_fill": masked_fill,
    "matmul": matmul,
    "rmatmul": lambda input, other: matmul(other, input),
    "bmm": matmul,
    "mm": matmul,
    "mean": mean,
    "sum": total,
    "amax": maximum_over,
    "max": largest,
}


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


def logsumexp(input, dim, keepdim=False):
    """Take the logarithm of a sum of exponentials."""
    largest = input.amax(dim, True)
    summed = (input - largest).exp().sum(dim, True).log() + largest
    return summed if keepdim else summed.squeeze(dim)


def product(input, dim, keepdim=False, dtype=None):
    """Multiply the values of an axis."""
    first, *others = input.unbind(dim)
    for other in others:
        first = first * other
    return first.unsqueeze(dim) if keepdim else first


def _mean(input, dim=None, keepdim=False, unbiased=True, correction=1):
    return input.mean(dim, keepdim=keepdim)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """Take the cosine of the angle between vectors."""
    lengths = (norm(x, 2, dim).clamp_min(eps) for x in (x1, x2))
    first, second = lengths
    return (x1 * x2).sum(dim) / (first * second)


COMPOSITES = {
    "normalize": normalize,
    "norm": norm,
    "vector_norm": lambda x, ord=2, dim=None, keepdim=False: norm(x, ord, dim, keepdim),
    "var": variance,
    "std": lambda *args, **kwargs: variance(*args, **kwargs).sqrt(),
    "rpow": lambda input, other: (input * float(np.log(number(other)))).exp(),
    "addmm": lambda input, mat1, mat2, beta=1, alpha=1: beta * input + alpha * (mat1 @ mat2),
    "baddbmm": lambda input, batch1, batch2, beta=1, alpha=1: beta * input + alpha * (batch1 @ batch2),
    "addcdiv": lambda input, tensor1, tensor2, value=1: input + value * tensor1 / tensor2,
    "logsumexp": logsumexp,
    "prod": product,
    "var_mean": lambda input, dim=None, **options: (input.var(dim, **options), _mean(input, dim, **options)),
    "std_mean": lambda input, dim=None, **options: (input.std(dim, **options), _mean(input, dim, **options)),
    "hypot": lambda input, other: (input.square() + other.square()).sqrt(),
    "cosine_similarity": cosine_similarity,
    "pairwise_distance": lambda x1, x2, p=2.0, eps=1e-6, keepdim=False: norm(x1 - x2 + eps, p, -1, keepdim),
    "cdist": lambda x1, x2, p=2.0, compute_mode=None: norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1),
    "addcmul": lambda input, tensor1, tensor2, value=1: input + value * tensor1 * tensor2,
    "lerp": lambda input, end, weight: input + weight * (end - input),
    "amin": lambda input, dim=None, keepdim=False: -(-input).amax(dim, keepdim),
}
