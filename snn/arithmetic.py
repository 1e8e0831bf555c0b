"""Arithmetic that gives the same bits on every target, compiled or not.

Whether ``a * b + c`` is rounded once or twice is a compiler's choice, and compilers for processors and graphics cards
choose differently. `fma` always rounds once; no product may feed a sum except through it. Libraries differ in the last
bits of exponentials and logarithms, so `exp`, `expm1`, `log` and `log1p` are built here from + - * /, `fma`,
comparisons and the bits of numbers, in a fixed order and without branches, so that loops that call them vectorise.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction

from llvmlite import ir
from numba.core import types
from numba.extending import overload

from snn.jit import inlined, intrinsic


def fma(a: float, b: float, c: float) -> float:
    """Return ``a * b + c``, rounded once."""
    a, b, c = float(a), float(b), float(c)  # NumPy's would warn of inf and nan
    if math.isfinite(a) and math.isfinite(b) and math.isfinite(c):
        exact = Fraction(a) * Fraction(b) + Fraction(c)
        try:
            return float(exact) if exact else a * b + c
        except OverflowError:
            return math.inf if exact > 0 else -math.inf
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


def bits(x: float) -> int:
    """Return the 64 bits of a float as a signed integer."""
    return struct.unpack("<q", struct.pack("<d", x))[0]


def from_bits(i: int) -> float:
    """Return the float with these 64 bits."""
    return struct.unpack("<d", struct.pack("<q", i))[0]


@intrinsic
def _bits(typing_context, x):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def _from_bits(typing_context, i):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@overload(bits)
def _bits_compiled(x):
    return lambda x: _bits(x)


@overload(from_bits)
def _from_bits_compiled(i):
    return lambda i: _from_bits(i)


_LOG2_E = 1.4426950408889634
_LN2 = 0.6931471805599453  # its last bit is worth 2^-53, so that x - k ln2 is exact for the nearest integer k
_LN2_REST = 2.3190468138462996e-17  # ln2 - _LN2
_ROUNDER = 6755399441055744.0  # 1.5 x 2^52: a float near it is an integer, which its lowest bits hold
_ROUNDER_BITS = 0x4338000000000000
_ONE_BITS = 0x3FF0000000000000  # an exponent's unit is bit 52
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD


@inlined
def product(a: float, b: float) -> float:
    """Return ``a * b`` where it is to be added to something: no compiler can take it into an fma."""
    return fma(a, b, 0.0)


@inlined
def rint(x: float) -> float:
    """Return the integer nearest to x, the even one of two, for |x| < 2^51."""
    return (x + _ROUNDER) - _ROUNDER


@inlined
def _reduce(x):
    """Return k and r with x = k ln2 + r and |r| <= ln2 / 2, for |x| < 2^30."""
    shifted = fma(x, _LOG2_E, _ROUNDER)
    whole = shifted - _ROUNDER
    return bits(shifted) - _ROUNDER_BITS, fma(-_LN2_REST, whole, fma(-_LN2, whole, x))


@inlined
def _series(r):
    """Return (exp(r) - 1) / r for |r| <= ln2 / 2: the sum of r^k / (k + 1)!, to less than 2^-57.

    Summed in pairs, then pairs of these (Estrin's scheme): what waits for what is half as long as in Horner's.
    """
    z = r * r
    a = fma(z, fma(r, 1 / 120, 1 / 24), fma(r, 1 / 6, 0.5))
    b = fma(z, fma(r, 1 / 362880, 1 / 40320), fma(r, 1 / 5040, 1 / 720))
    c = fma(z, fma(r, 1 / 6227020800, 1 / 479001600), fma(r, 1 / 39916800, 1 / 3628800))
    w = z * z
    return fma(r, fma(w, fma(w, c, b), a), 1.0)


@inlined
def exp(x: float) -> float:
    """Return e^x to within one unit in the last place: inf above 709.78, 0 below -745.13."""
    bounded = x if x > -746.0 else -746.0
    bounded = bounded if bounded < 710.0 else 710.0
    k, r = _reduce(bounded)
    half = k >> 1  # 2^k itself may be too large or too small for a float
    y = fma(r, _series(r), 1.0) * from_bits(_ONE_BITS + (half << 52))
    y = y * from_bits(_ONE_BITS + ((k - half) << 52))
    return y if x == x else x


@inlined
def expm1(x: float) -> float:
    """Return e^x - 1 to within three units in the last place, also near 0."""
    bounded = x if x > -40.0 else -40.0  # where e^x - 1 is -1
    bounded = bounded if bounded < 710.0 else 710.0
    k, r = _reduce(bounded)
    half = from_bits(_ONE_BITS + ((k - 1) << 52))  # 2^k / 2
    y = 2.0 * fma(half, r * _series(r), half - 0.5)
    return y if abs(x) >= 2.0**-54 else x  # which is where nan goes, too


@inlined
def decay(x: float) -> tuple[float, float]:
    """Return e^x and e^x - 1 for x <= 0, as `exp` and `expm1` do, for little more than one of them.

    Below -700 both are what they are there: 1e-304 and -1.
    """
    k, r = _reduce(x if x > -700.0 else -700.0)
    series, half = _series(r), from_bits(_ONE_BITS + ((k - 1) << 52))  # 2^k / 2
    return fma(r, series, 1.0) * (2.0 * half), 2.0 * fma(half, r * series, half - 0.5)


@inlined
def log(x: float) -> float:
    """Return the natural logarithm of x to within one unit in the last place: -inf at 0, nan below.

    With x = 2^k (1 + f) and s = f / (2 + f), log(1 + f) = 2 artanh(s), whose series is taken to s^21 (after fdlibm's
    e_log.c, with its way of adding the parts).
    """
    scaled = x * 2.0**54 if x < 2.0**-1022 else x
    shift = 54 if x < 2.0**-1022 else 0
    offset = bits(scaled) - _SQRT_HALF_BITS
    k = offset >> 52
    f = from_bits(bits(scaled) - (k << 52)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = fma(z, 2 / 21, 2 / 19)
    p = fma(z, p, 2 / 17)
    p = fma(z, p, 2 / 15)
    p = fma(z, p, 2 / 13)
    p = fma(z, p, 2 / 11)
    p = fma(z, p, 2 / 9)
    p = fma(z, p, 2 / 7)
    p = fma(z, p, 2 / 5)
    p = fma(z, p, 2 / 3)
    whole = from_bits(k - shift + _ROUNDER_BITS) - _ROUNDER
    half_square = product(0.5 * f, f)
    small = fma(s, fma(z, p, half_square), whole * _LN2_REST)
    y = fma(whole, _LN2, f - (half_square - small))
    y = y if x > 0.0 else (-math.inf if x == 0.0 else math.nan)
    return y if x < math.inf else x


@inlined
def log1p(x: float) -> float:
    """Return log(1 + x) to within two units in the last place, also near 0: -inf at -1, nan below.

    What is lost where 1 + x is rounded is put back by the logarithm's derivative there.
    """
    y = 1.0 + x
    inside = y > 0.0 and y < math.inf
    return log(y) + ((x - (y - 1.0)) / y if inside else 0.0)


_TWO_PI = 6.283185307179586


@inlined
def sine(x: float) -> float:
    """Return sin(2 pi x) to within 4e-16, for |x| < 2^51: the Taylor series to x^21, after exact reduction."""
    r = x - ((x + _ROUNDER) - _ROUNDER)
    r = r if r <= 0.25 else 0.5 - r
    r = r if r >= -0.25 else -0.5 - r
    y = _TWO_PI * r
    z = y * y
    p = fma(z, 1 / 51090942171709440000, -1 / 121645100408832000)
    p = fma(z, p, 1 / 355687428096000)
    p = fma(z, p, -1 / 1307674368000)
    p = fma(z, p, 1 / 6227020800)
    p = fma(z, p, -1 / 39916800)
    p = fma(z, p, 1 / 362880)
    p = fma(z, p, -1 / 5040)
    p = fma(z, p, 1 / 120)
    p = fma(z, p, -1 / 6)
    return fma(y, z * p, y)


_QUARTER_PI = 0.7853981633974483
_TAN_EIGHTH_PI = 0.41421356237309503


@inlined
def angle(x: float, y: float) -> float:
    """Return the angle in [0, pi] of the point (x, y), y >= 0, to within 4e-16, and 4e-16 of itself near 0.

    The point is reflected into the first eighth of the circle, and its upper half is turned by pi / 4; then follows the
    series of the arcus tangent to z^45.
    """
    across = abs(x)
    long, short = (across, y) if across > y else (y, across)
    ratio = short / long if long > 0.0 else 0.0
    turned = ratio > _TAN_EIGHTH_PI
    z = (short - long) / (short + long) if turned else ratio
    square = z * z
    p = 1 / 45
    for odd in range(43, 1, -2):
        p = fma(-square, p, 1.0 / odd)
    y_axis = fma(-square * z, p, z)
    first = _QUARTER_PI + y_axis if turned else y_axis
    upper = first if across > y else 2.0 * _QUARTER_PI - first
    return upper if x >= 0.0 else 4.0 * _QUARTER_PI - upper
