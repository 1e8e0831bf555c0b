"""Sums of products of several tensors, in terms of matrix products."""

from __future__ import annotations

from math import prod
from string import ascii_uppercase

import torch
from torch.nn import functional as F

from bridge.operations.values import RefusedError


def einsum(equation, *operands):
    """Sum products of tensors by the names of their axes: two at a time, by moved axes and a matrix product."""
    operands = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (tuple, list)) else list(operands)
    if not isinstance(equation, str):
        raise RefusedError("names axes by numbers", "Name them by letters, as in 'bij,bjk->bik'")
    terms, result = _terms(equation, [operand.dim() for operand in operands])
    while len(terms) > 2:
        kept = {axis for term in (*terms[2:], result) for axis in term}
        between = "".join(dict.fromkeys(axis for axis in terms[0] + terms[1] if axis in kept))
        x, y, *others = operands
        operands = [_pair(x, y, terms[0], terms[1], between), *others]
        terms = [between, *terms[2:]]
    if len(terms) == 1:
        return _one(operands[0], terms[0], result)
    (x, y), (a, b) = operands, terms
    return _pair(x, y, a, b, result)


def _terms(equation: str, ndims: list[int]) -> tuple[list[str], str]:
    """Read the names of all axes, those that '...' stands for and those of the result among them."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    free = [letter for letter in ascii_uppercase if letter not in equation]
    widest = max(ndim - len(term.replace("...", "")) for ndim, term in zip(ndims, terms, strict=True))
    spare = "".join(free[: max(widest, 0)])
    for i, (ndim, term) in enumerate(zip(ndims, terms, strict=True)):
        own = ndim - len(term.replace("...", ""))
        terms[i] = term.replace("...", spare[len(spare) - own :])
    if not arrow:
        letters = "".join(terms)
        result = spare + "".join(sorted({axis for axis in letters if letters.count(axis) == 1 and axis not in spare}))
    result = result.replace("...", spare)
    if any(len(set(term)) < len(term) for term in (*terms, result)):
        raise RefusedError(f"is the sum {equation!r}", "Name every axis of a tensor once, as in 'bij,bjk->bik'")
    return terms, result


def _one(x, axes: str, result: str):
    """Sum over the axes that the result does not have, and bring the others into its order."""
    summed = [i for i, axis in enumerate(axes) if axis not in result]
    x = x.sum(summed) if summed else x
    left = [axis for axis in axes if axis in result]
    return x.permute([left.index(axis) for axis in result])


def _pair(x, y, a: str, b: str, result: str):
    """Sum the products of two tensors: axes that one alone has are summed before."""
    x, y = (
        _one(t, own, "".join(axis for axis in own if axis in other + result))
        for t, own, other in ((x, a, b), (y, b, a))
    )
    a, b = ("".join(axis for axis in own if axis in other + result) for own, other in ((a, b), (b, a)))
    shared = [axis for axis in result if axis in a and axis in b]
    summed = [axis for axis in a if axis in b and axis not in result]
    rows, columns = ([axis for axis in result if axis in term and axis not in shared] for term in (a, b))
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


def tensordot(a, b, dims=2, out=None):
    """Sum products over pairs of axes."""
    left, right = (range(a.dim() - dims, a.dim()), range(dims)) if isinstance(dims, int) else dims
    first, second = list(ascii_uppercase[: a.dim()]), [letter.lower() for letter in ascii_uppercase[: b.dim()]]
    for one, other in zip(left, right, strict=True):
        second[other] = first[one]
    summed = {first[one] for one in left}
    result = [axis for axis in (*first, *second) if axis not in summed]
    return einsum(f"{''.join(first)},{''.join(second)}->{''.join(result)}", a, b)


def bilinear(input1, input2, weight, bias=None):
    """Compute y[o] = x1 W[o] x2 + b[o] on the last axes."""
    out, first, second = weight.shape
    between = F.linear(input1, weight.permute(0, 2, 1).reshape(out * second, first)).unflatten(-1, (out, second))
    y = (between * input2.unsqueeze(-2)).sum(-1)
    return y if bias is None else y + bias


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """Divide by a power of k + alpha times the mean square of the channels beside each."""
    channels = input.shape[1]
    place = torch.arange(channels)
    distance = place[None, :] - place[:, None]  # of what is read from what reads it
    near = ((distance >= -(size // 2)) & (distance <= (size - 1) // 2)).double() / size
    mean = F.linear(input.square().movedim(1, -1), near).movedim(-1, 1)
    return input * (k + alpha * mean).pow(-beta)


COMPOSITES = {
    "einsum": einsum,
    "tensordot": tensordot,
    "bilinear": bilinear,
    "local_response_norm": local_response_norm,
}
