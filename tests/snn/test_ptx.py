"""The interpreter of PTX: its arithmetic where it is unlike Python's, and the races that it finds."""

import math
import re

import numpy as np
import ptx
import pytest

PARAMETERS = ", ".join(f".param .u64 kernel_param_{i}" for i in range(7))  # of one array
BEGIN = """
    mov.u32 %r1, %tid.x;
    ld.param.u64 %rd1, [kernel_param_4];
    mul.wide.u32 %rd3, %r1, 8;
    add.s64 %rd2, %rd1, %rd3;
"""
MEET = "call.uni (retval0), cudaCGSynchronize, (param0, param1);"


def run(body, array, threads=1, seed=0):
    """Run instructions as a kernel; %rd1 is the array's address, and %rd2 that of a thread's own element."""
    return ptx.run(f".visible .entry kernel({PARAMETERS})\n{{\n{BEGIN}{body}\nret;\n}}", [array], 1, threads, seed)


@pytest.mark.parametrize(
    ("instruction", "x", "y", "expected"),
    [
        ("min.f64 %fd3, %fd1, %fd2", 0.0, -0.0, -0.0),
        ("max.f64 %fd3, %fd1, %fd2", -0.0, 0.0, 0.0),
        ("max.f64 %fd3, %fd1, %fd2", math.nan, -1.0, -1.0),
        ("min.f64 %fd3, %fd1, %fd2", 2.0, math.nan, 2.0),
        ("cvt.rmi.f64.f64 %fd3, %fd1", -0.0, 0.0, -0.0),
        ("cvt.rpi.f64.f64 %fd3, %fd1", -0.5, 0.0, -0.0),
        ("cvt.rni.f64.f64 %fd3, %fd1", 2.5, 0.0, 2.0),
        ("cvt.rmi.f64.f64 %fd3, %fd1", -math.inf, 0.0, -math.inf),
        ("add.rn.f64 %fd3, %fd1, %fd2", -0.0, 0.0, 0.0),
        ("fma.rn.f64 %fd3, %fd1, %fd2, 0d0000000000000000", -0.0, 1.0, 0.0),
        ("fma.rn.f64 %fd3, %fd1, %fd1, 0dBFF0000000000000", 1.0 + 2.0**-30, 0.0, 2.0**-29 + 2.0**-60),
        ("mul.rn.f64 %fd3, %fd1, %fd2", 1e300, -1e300, -math.inf),
        ("div.rn.f64 %fd3, %fd1, %fd2", 1.0, -0.0, -math.inf),
        ("div.rn.f64 %fd3, %fd1, %fd2", 0.0, 0.0, math.nan),
        ("rcp.rn.f64 %fd3, %fd1", -0.0, 0.0, -math.inf),
        ("sqrt.rn.f64 %fd3, %fd1", -0.0, 0.0, -0.0),
        ("sqrt.rn.f64 %fd3, %fd1", -1.0, 0.0, math.nan),
        ("neg.f64 %fd3, %fd1", 0.0, 0.0, -0.0),
    ],
)
def test_floats_are_rounded_and_signed_as_the_isa_says(instruction, x, y, expected):
    array = np.array([x, y, 7.0])
    loads = "ld.global.f64 %fd1, [%rd1];\nld.global.f64 %fd2, [%rd1+8];\n"
    run(f"{loads}{instruction};\nst.global.f64 [%rd1+16], %fd3;", array)
    assert array[2:].tobytes() == np.array([expected]).tobytes() or (array[2] != array[2] and expected != expected)


@pytest.mark.parametrize(
    ("instruction", "x", "expected"),
    [
        ("cvt.rzi.s64.f64 %rd5, %fd1", -2.7, -2),
        ("cvt.rmi.s64.f64 %rd5, %fd1", -2.2, -3),
        ("cvt.rzi.s64.f64 %rd5, %fd1", 1e30, 2**63 - 1),
        ("cvt.rzi.s64.f64 %rd5, %fd1", -math.inf, -(2**63)),
        ("cvt.rzi.s64.f64 %rd5, %fd1", math.nan, -(2**63)),
        ("cvt.rzi.u64.f64 %rd5, %fd1", -1.0, 0),
        ("cvt.rzi.u64.f64 %rd5, %fd1", 2.0**63, -(2**63)),
        ("mov.b64 %rd5, %fd1", -0.0, -(2**63)),
        ("selp.b64 %rd5, 1, 0, %p1", math.nan, 1),  # p1 is "less or unordered"
        ("selp.b64 %rd5, 1, 0, %p2", math.nan, 0),  # p2 is "unequal and ordered"
    ],
)
def test_floats_become_integers_as_the_isa_says(instruction, x, expected):
    array = np.array([x])
    compare = "setp.ltu.f64 %p1, %fd1, 0d0000000000000000;\nsetp.ne.f64 %p2, %fd1, 0d0000000000000000;\n"
    run(f"ld.global.f64 %fd1, [%rd1];\n{compare}{instruction};\nst.global.u64 [%rd1], %rd5;", array)
    assert int(array.view(np.int64)[0]) == expected


@pytest.mark.parametrize(
    ("instruction", "x", "y", "expected"),
    [
        ("mul.hi.s64 %rd7, %rd5, %rd6", -3, 2**62, -1),
        ("mul.hi.u64 %rd7, %rd5, %rd6", -1, 2, 1),
        ("div.s64 %rd7, %rd5, %rd6", -7, 2, -3),
        ("rem.s64 %rd7, %rd5, %rd6", -7, 2, -1),
        ("shr.s64 %rd7, %rd5, 70", -7, 0, -1),
        ("shr.u64 %rd7, %rd5, 63", -7, 0, 1),
        ("shl.b64 %rd7, %rd5, 64", 5, 0, 0),
        ("max.u64 %rd7, %rd5, %rd6", -1, 5, -1),
        ("max.s64 %rd7, %rd5, %rd6", -1, 5, 5),
        ("not.b64 %rd7, %rd5", 5, 0, -6),
        ("atom.global.exch.b64 %rd7, [%rd1], %rd6", 4, 9, 4),
    ],
)
def test_integers(instruction, x, y, expected):
    array = np.array([x, y, 0])
    loads = "ld.global.u64 %rd5, [%rd1];\nld.global.u64 %rd6, [%rd1+8];\n"
    run(f"{loads}{instruction};\nst.global.u64 [%rd1+16], %rd7;", array)
    assert array[2] == expected


WRITE_ONE, READ_NEXT = "st.global.u64 [%rd2], %rd3;", "ld.global.u64 %rd5, [%rd2+8];"


@pytest.mark.parametrize(
    ("body", "races"),
    [
        (f"{WRITE_ONE}\n{READ_NEXT}", True),
        (f"{WRITE_ONE}\n{MEET}\n{READ_NEXT}", False),
        (f"{READ_NEXT}\n{MEET}\n{WRITE_ONE}", False),
        ("ld.global.u64 %rd5, [%rd1];", False),
        ("st.global.u64 [%rd1], 3;", True),  # all write the same, which still is for the reader to judge
        ("atom.global.add.u64 %rd5, [%rd1], 1;", False),
        ("atom.global.add.u64 %rd5, [%rd1], 1;\nld.global.u64 %rd6, [%rd1];", True),
        ("ld.global.u64 %rd6, [%rd1];\natom.global.add.u64 %rd5, [%rd1], 1;", True),
        (f"atom.global.add.u64 %rd5, [%rd1], 1;\n{MEET}\nld.global.u64 %rd6, [%rd1];", False),
    ],
)
def test_races_are_found(body, races):
    found = [run(body, np.zeros(5, np.int64), threads=4, seed=seed) for seed in range(5)]
    assert any(found) == races
    for race in found[0]:
        assert race.array == "0"
        assert re.match(r"line \d+: (ld|st|atom)", race.second)


def test_threads_come_in_an_order_that_the_seed_says():
    body = "atom.global.add.u64 %rd5, [%rd1], 1;\nst.global.u64 [%rd2+8], %rd5;"
    orders = set()
    for seed in range(20):
        array = np.zeros(5, np.int64)
        assert run(body, array, threads=4, seed=seed) == []
        assert sorted(array[1:]) == [0, 1, 2, 3]
        orders.add(array.tobytes())
    assert len(orders) > 5


def test_a_thread_that_ends_while_others_wait_is_an_error():
    body = f"setp.eq.s32 %p1, %r1, 0;\n@%p1 bra DONE;\n{MEET}\nDONE:"
    with pytest.raises(RuntimeError, match=r"threads \[0\] end"):
        run(body, np.zeros(5, np.int64), threads=4)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("st.global.u64 [%rd2], %rd9;", KeyError),  # a register that nothing was written to
        ("ld.global.u64 %rd5, [%rd1+40];", IndexError),
        ("ld.global.u64 %rd5, [%rd1+4];", IndexError),  # not aligned
        ("shfl.sync.bfly.b32 %r5, %r1, 1, 31, -1;", NotImplementedError),
        ("bar.sync 0;", NotImplementedError),
        ("div.approx.f64 %fd1, %fd1, %fd1;", NotImplementedError),
        ("ld.global.nc.u64 %rd5, [%rd1];", NotImplementedError),
    ],
)
def test_what_is_not_there_or_not_known_is_an_error(body, error):
    with pytest.raises(error):
        run(body, np.zeros(5, np.int64))
