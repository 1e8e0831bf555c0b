"""Our own exponentials, logarithm and sine: the same bits compiled and not, and close to the truth."""

import math
import re

import mpmath
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn.arithmetic import angle, bits, decay, exp, expm1, fma, from_bits, log, log1p, sine

FUNCTIONS = {"exp": exp, "expm1": expm1, "log": log, "log1p": log1p, "sine": sine}
UNITS = {"exp": 1.0, "expm1": 3.0, "log": 1.0, "log1p": 2.0}  # in the last place


def compile_loop(function):
    @numba.njit(error_model="numpy")
    def loop(x, y):
        for i in range(len(x)):
            y[i] = function(x[i])

    return loop


LOOPS = {name: compile_loop(function) for name, function in FUNCTIONS.items()}


def compiled(name, x):
    y = np.empty_like(x)
    LOOPS[name](x, y)
    return y


def arguments(name):
    rng = np.random.default_rng(1)
    small = rng.normal(size=3000) * 10.0 ** rng.uniform(-20, 0, 3000)
    if name == "log":
        everywhere = np.ldexp(rng.uniform(0.5, 1.0, 3000), rng.integers(-1073, 1024, 3000))
        return np.concatenate([everywhere, rng.uniform(0.3, 3.0, 3000), 1.0 + small[np.abs(small) < 0.9]])
    if name == "log1p":
        large = 10.0 ** rng.uniform(-3.0, 300.0, 3000)
        return np.concatenate([large, rng.uniform(-1.0, 3.0, 3000), small[small > -1.0]])
    if name == "sine":
        return np.concatenate([rng.uniform(-1000.0, 1000.0, 3000), np.arange(-2.0, 2.0, 0.125), small])
    everywhere = rng.uniform(-746.0, 709.78, 3000) if name == "exp" else rng.uniform(-45.0, 709.78, 3000)
    if name == "sine":
        return np.concatenate([rng.uniform(-1000.0, 1000.0, 3000), np.arange(-2.0, 2.0, 0.125), small])
    return np.concatenate([everywhere, rng.uniform(-1.0, 1.0, 3000), small])


@pytest.mark.parametrize("name", UNITS)
def test_results_are_near_the_truth(name):
    x = arguments(name)
    with mpmath.workprec(200):
        for at, y in zip(x, compiled(name, x), strict=True):
            truth = getattr(mpmath, name)(mpmath.mpf(float(at)))
            assert abs(mpmath.mpf(float(y)) - truth) <= UNITS[name] * math.ulp(float(truth)), at


def test_sines_are_near_the_truth():
    x = arguments("sine")
    with mpmath.workprec(200):
        for at, y in zip(x, compiled("sine", x), strict=True):
            assert abs(mpmath.mpf(float(y)) - mpmath.sinpi(2 * mpmath.mpf(float(at)))) <= 4e-16, at


@numba.njit(error_model="numpy")
def compiled_decay(x):
    return decay(x)


@given(st.floats(-800.0, 0.0))
def test_decays_are_exponentials(x):
    pair = compiled_decay(x)
    assert tuple(map(bits, pair)) == tuple(map(bits, decay(x)))
    assert pair[0] == exp(max(x, -700.0))
    assert bits(pair[1] + 0.0) == bits(expm1(x) + 0.0) or abs(x) < 2.0**-1000


@numba.njit(error_model="numpy")
def compiled_angle(x, y):
    return angle(x, y)


def test_angles_are_near_the_truth():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(3000, 2)) * 10.0 ** rng.uniform(-20, 20, (3000, 2))
    points = np.concatenate([points, rng.normal(size=(2000, 2)), [(1, 0), (-1, 0), (0, 1), (1, 1), (-1, 1)]])
    with mpmath.workprec(200):
        for x, y in np.abs(points) * [1, 1] * np.where(rng.random((len(points), 1)) < 0.5, [1, 1], [-1, 1]):
            truth = mpmath.atan2(mpmath.mpf(float(y)), mpmath.mpf(float(x)))
            found = compiled_angle(x, y)
            assert abs(mpmath.mpf(float(found)) - truth) <= min(8e-16, 4e-16 * max(abs(truth), 5e-324)), (x, y)
            assert bits(found) == bits(angle(float(x), float(y)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_and_plain_give_the_same_bits(name):
    x = arguments(name)[::5]
    np.testing.assert_array_equal(compiled(name, x).view(np.int64), [bits(FUNCTIONS[name](float(at))) for at in x])


@given(st.floats(allow_subnormal=True), st.sampled_from(sorted(FUNCTIONS)))
def test_compiled_and_plain_give_the_same_bits_anywhere(x, name):
    plain, fast = FUNCTIONS[name](x), float(compiled(name, np.array([x]))[0])
    assert bits(plain) == bits(fast) or (math.isnan(plain) and math.isnan(fast))


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        *(("exp", x, y) for x, y in [(-math.inf, 0.0), (-745.1332191019412, 0.0), (-745.1332191019411, 5e-324)]),
        *(("exp", x, y) for x, y in [(709.7827128933841, math.inf), (710.0, math.inf)]),
        *(("exp", x, y) for x, y in [(math.inf, math.inf), (0.0, 1.0), (-0.0, 1.0), (math.nan, math.nan)]),
        *(("expm1", x, y) for x, y in [(-math.inf, -1.0), (0.0, 0.0), (-0.0, -0.0), (1e-310, 1e-310)]),
        *(("expm1", x, y) for x, y in [(math.inf, math.inf), (709.7827128933841, math.inf), (math.nan, math.nan)]),
        *(("log", x, y) for x, y in [(0.0, -math.inf), (-0.0, -math.inf), (1.0, 0.0), (math.inf, math.inf)]),
        *(("log", x, y) for x, y in [(-5e-324, math.nan), (-math.inf, math.nan), (math.nan, math.nan)]),
        *(("log1p", x, y) for x, y in [(-1.0, -math.inf), (-2.0, math.nan), (0.0, 0.0), (5e-324, 5e-324)]),
        *(("log1p", x, y) for x, y in [(math.inf, math.inf), (math.nan, math.nan), (1e-300, 1e-300)]),
    ],
)
def test_ends_of_the_range(name, x, expected):
    for found in (FUNCTIONS[name](x), compiled(name, np.array([x]))[0]):
        np.testing.assert_array_equal(found, expected)
        assert math.copysign(1.0, found) == math.copysign(1.0, expected) or math.isnan(expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_loops_vectorise(name):
    compiled(name, np.ones(1))
    assembly = "".join(LOOPS[name].inspect_asm().values())
    if "vfmadd" not in assembly:
        pytest.skip("this processor has no vector fma")
    assert re.search(r"vfn?madd\w+pd", assembly)


@given(st.floats())
def test_bits_of_a_float_and_back(x):
    assert from_bits(bits(x)) == x or math.isnan(x)


@given(st.floats(), st.floats(), st.floats())
def test_fma_rounds_once_compiled_and_plain(a, b, c):
    fast = FMA(a, b, c)
    plain = fma(a, b, c)
    assert bits(plain) == bits(fast) or (math.isnan(plain) and math.isnan(fast))


@numba.njit
def FMA(a, b, c):
    return fma(a, b, c)
