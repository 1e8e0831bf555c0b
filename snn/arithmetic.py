"""The one multiplication that may feed a sum.

Whether ``a * b + c`` is rounded once or twice is a compiler's choice, and compilers for processors and graphics cards
choose differently. `fma` always rounds once, so that every target computes the same bits.
"""

from __future__ import annotations

import math
from fractions import Fraction

from llvmlite import ir
from numba.core import types
from numba.extending import overload

from snn.jit import intrinsic


def fma(a: float, b: float, c: float) -> float:
    """Return ``a * b + c``, rounded once."""
    if math.isfinite(a) and math.isfinite(b) and math.isfinite(c):
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        try:
            return float(exact) if exact else a * b + c
        except OverflowError:
            return math.copysign(math.inf, exact)
    return a * b + c


@intrinsic
def _fma(typing_context, a, b, c):
    def generate(context, builder, signature, arguments):
        double = ir.DoubleType()
        function = builder.module.declare_intrinsic("llvm.fma", (double,), ir.FunctionType(double, [double] * 3))
        return builder.call(function, arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@overload(fma)
def _fma_compiled(a, b, c):
    return lambda a, b, c: _fma(a, b, c)
