"""An interpreter of PTX: runs a kernel as numba-cuda compiles it for a graphics card, without a card.

CUDA's simulator runs Python, and so does not show what types make of it on a card: there `math.ceil` returns a float,
and a conditional expression of a float and a large integer rounds the latter. Many threads share one memory, take turns
as a seed says, and wait for each other at barriers of the grid; where two of them race, it is said. What nothing has
written cannot be read, be it a register or memory: both raise an error, which on a card would go unseen.

Each stretch of instructions without a branch becomes a function of Python. Registers hold integers without a sign, of
their width, and floats; only what the kernels consist of is known, and they use nothing that threads of a warp do
together (shuffles, votes, barriers of a block). See the PTX ISA, https://docs.nvidia.com/cuda/parallel-thread-execution/.
"""

import functools
import math
import random
import re
import struct

import numba
import numpy as np
from ptx_memory import Memory

from snn.arithmetic import fma

_WIDTHS = {"rs": 16, "r": 32, "rd": 64}  # of registers
_FORMATS = {"64": "Qq", "32": "Ii", "16": "Hh", "u8": "Bb", "s8": "Bb", "b8": "Bb"}
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^"}
_ORDERS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_ORDERS |= {"lo": "<", "ls": "<=", "hi": ">", "hs": ">="}
_UNLESS = {"ltu": ">=", "leu": ">", "gtu": "<=", "geu": "<"}  # true of what is no number, too
_CHANGES = {"add": "x + {0}", "exch": "{0}", "max": "max(x, {0})", "min": "min(x, {0})"}
_CHANGES |= {"cas": "{1} if x == {0} else x", "or": "x | {0}"}
_MOST_AT_ONCE = 12  # a thread goes on for at most so many powers of two of stretches


@numba.njit
def _fused(a, b, c):
    return fma(a, b, c)


def _bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def _float(x):
    return struct.unpack("<d", struct.pack("<Q", x))[0]


def _quotient(x, y):
    return abs(x) // abs(y) * (-1 if (x < 0) != (y < 0) else 1)


def _divided(x, y):
    if y or y != y:
        return x / y
    return math.nan if x == 0 or x != x else math.copysign(math.inf, x) * math.copysign(1.0, y)


def _least(x, y):
    """The other one where one is no number; -0 is less than +0."""
    if x != x or y != y:
        return y if x != x else x
    return min((x, y), key=lambda z: (z, math.copysign(1.0, z)))


def _largest(x, y):
    return -_least(-x, -y)


def _whole(x, way):
    """Round to an integer, a float, which keeps its sign."""
    return math.copysign(float(way(x)), x) if math.isfinite(x) else x


def _integer(x, way, width, signed):
    """Round to an integer of a type, its ends where it is beyond; NaN becomes its highest bit."""
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    if x != x:
        return 1 << width - 1
    return max(low, min(high, way(x))) if math.isfinite(x) else low if x < 0 else high


_NAMES = {"bits": _bits, "number": _float, "quotient": _quotient, "divided": _divided, "fma": _fused, "least": _least}
_NAMES |= {"largest": _largest, "whole": _whole, "integer": _integer, "floor": math.floor, "ceil": math.ceil}
_NAMES |= {"trunc": math.trunc, "nearest": round, "sqrt": math.sqrt, "inf": math.inf, "nan": math.nan}
_ROUNDED = {"rmi": "floor", "rpi": "ceil", "rzi": "trunc", "rni": "nearest"}


def _width(kind):
    return int(kind[1:])


def _mask(x, width):
    return f"({x}) & {(1 << width) - 1:#x}"


def _register(operand):
    return f'r["{operand[1:]}"]'


def _read(operand, kind):
    """Return an expression for an operand: an integer as the type wants it, a float, or a truth."""
    if operand == "%clock64":
        return "0"
    if operand[0] == "%":
        x = _register(operand)
        if kind == "pred" or kind[0] == "f" or operand.startswith("%fd"):
            return x
        name = re.match("%([a-z]+)", operand).group(1)
        if _WIDTHS.get(name, 32) > _width(kind):
            x = f"({_mask(x, _width(kind))})"
        top = 1 << _width(kind) - 1
        return f"(({x} ^ {top:#x}) - {top:#x})" if kind[0] == "s" else x
    if operand.startswith("0d"):
        return f"({_float(int(operand[2:], 16))!r})"
    value = int(operand)
    if kind == "pred":
        return str(bool(value))
    value &= (1 << _width(kind)) - 1
    return str(value - (1 << _width(kind)) if kind[0] == "s" and value >> _width(kind) - 1 else value)


def _of_floats(name, values):
    if name in ("add", "sub", "mul"):
        return f"{values[0]} {_SIGNS[name]} {values[1]}"
    forms = {"fma": "fma({0}, {1}, {2})", "div": "divided({0}, {1})", "rcp": "divided(1.0, {0})", "neg": "-{0}"}
    forms |= {"sqrt": "sqrt({0}) if {0} >= 0.0 else nan", "abs": "abs({0})"}
    forms |= {"min": "least({0}, {1})", "max": "largest({0}, {1})"}
    return forms[name].format(*values)


def _of_integers(name, operation, kind, values):
    width = _width(kind) * (2 if "wide" in operation else 1)
    forms = {key: f"{{0}} {sign} {{1}}" for key, sign in _SIGNS.items()}
    forms |= {"mad": "{0} * {1} + {2}", "min": "min({0}, {1})", "max": "max({0}, {1})", "neg": "-{0}", "not": "~{0}"}
    forms |= {"clz": f"{width} - ({{0}}).bit_length()"}
    forms |= {"div": "quotient({0}, {1})", "rem": "{0} - quotient({0}, {1}) * {1}", "abs": "abs({0})"}
    forms |= {"shl": f"{{0}} << min({{1}}, {width})", "shr": f"{{0}} >> min({{1}}, {width})"}
    found = forms[name].format(*values)
    return _mask(f"{found} >> {width}" if "hi" in operation else found, width)


def _compared(order, kind, x, y):
    if kind[0] != "f":
        return f"{x} {_ORDERS[order]} {y}"
    if order in ("num", "nan"):
        return f"{'not ' if order == 'nan' else ''}({x} == {x} and {y} == {y})"
    if order in _UNLESS:
        return f"not {x} {_UNLESS[order]} {y}"
    if order in ("ne", "equ"):  # unlike numbers, and what is not that
        return f"{'not ' if order == 'equ' else ''}({x} < {y} or {x} > {y})"
    return f"{x} {'!=' if order == 'neu' else _ORDERS[order]} {y}"


def _converted(operation, kind, operand):
    into, x = operation[-2], _read(operand, kind)
    if kind[0] != "f":
        return f"float({x})" if into[0] == "f" else x
    way = _ROUNDED[operation[1]]
    return f"whole({x}, {way})" if into[0] == "f" else f"integer({x}, {way}, {_width(into)}, {into[0] == 's'})"


def _format(kind):
    """Return the letter by which memory knows a type."""
    return "d" if kind == "f64" else _FORMATS[kind[-2:]][kind[0] == "s"]


def _address(operand):
    base, _, offset = operand.strip("[]").partition("+")
    return f"{_register(base)} + {int(offset or 0)}"


def _result(name, operation, kind, operands, number):
    """Return an expression for what an instruction puts into its first operand."""
    if name == "ld":
        if "nc" in operation:
            raise NotImplementedError(f"{'.'.join(operation)}, which may read what stood there before")
        if operation[1] != "param":
            return f'm.load("{_format(kind)}", {_address(operands[0])}, t, {number})'
        place = re.search(r"_param_(\d+)\]", operands[0])
        return f"parameters[{place.group(1)}]" if place else "1"  # that of a call is the grid, or nothing
    if name == "atom":
        values = [_read(x, kind) for x in operands[1:]]
        change = next(_CHANGES[part] for part in operation if part in _CHANGES).format(*values)
        if kind[0] != "s":
            change = _mask(change, _width(kind))
        return f'm.exchange("{_format(kind)}", {_address(operands[0])}, lambda x: {change}, t, {number})'
    if name == "cvt":
        return _converted(operation, kind, operands[0])
    if name == "setp":
        return _compared(operation[1], kind, *(_read(x, kind) for x in operands))
    if name == "selp":
        return f"{_read(operands[0], kind)} if {_register(operands[2])} else {_read(operands[1], kind)}"
    values = [_read(x, "u32" if name in ("shl", "shr") and i == 1 else kind) for i, x in enumerate(operands)]
    if name in ("mov", "cvta"):
        return values[0]
    if kind == "pred":
        return f"not {values[0]}" if name == "not" else f"{values[0]} {_SIGNS[name]} {values[1]}"
    return _of_floats(name, values) if kind[0] == "f" else _of_integers(name, operation, kind, values)


def _statement(operation, operands, number):
    """Return the Python of an instruction that is no branch, or None where it does nothing."""
    name, kind = operation[0], operation[-1]
    if name in ("div", "rcp", "sqrt") and kind == "f64" and "rn" not in operation:
        raise NotImplementedError(f"{'.'.join(operation)}, which rounds as it likes")
    if operation[:2] == ["st", "param"]:  # for calls
        return None
    if name == "st":
        x = _read(operands[1], kind)
        x = x if kind == "f64" or operands[1].startswith("%fd") else _mask(x, _width(kind))
        form = "d" if operands[1].startswith("%fd") else _format(kind).upper()
        return f'm.store("{form}", {_address(operands[0])}, {x}, t, {number})'
    if name == "red":
        return _result("atom", operation, kind, operands, number)
    x = _result(name, operation, kind, operands[1:], number)
    into, wide = operands[0], _WIDTHS.get(re.match("%([a-z]+)", operands[0]).group(1))
    if name == "mov" and operands[1].startswith("%fd") != into.startswith("%fd") and operands[1][0] == "%":
        x = f"number({x})" if into.startswith("%fd") else f"bits({x})"  # which moves bits, whatever they mean
    signed = kind[0] == "s" or (name == "cvt" and operation[-2][0] == "s")
    return f"{_register(into)} = {_mask(x, wide) if wide and (signed or name == 'cvt') else x}"


def _instructions(code):
    """Return the instructions of the only kernel, as (predicate, operation, operands, text), and labels' places."""
    body, found, labels, whole = code[code.index(".entry") :], [], {}, ""
    line_number = code[: code.index(".entry")].count("\n") + body[: body.index("{") + 1].count("\n") + 1
    for at, line in enumerate(body[body.index("{") + 1 :].splitlines(), line_number):
        line = line.split("//")[0].strip().strip("{}").strip()
        if line.endswith(":"):
            labels[line[:-1]] = len(found)
            continue
        whole = f"{whole} {line}".strip()
        if whole.endswith(";"):
            match = re.fullmatch(r"(?:@(!?%p\d+)\s+)?([\w.:]+)\s*(.*);", whole)
            if match and not whole.startswith("."):
                predicate, operation, operands = match.groups()
                split = re.split(r"\s*,\s*", operands) if operands else []
                found.append((predicate, operation.split("."), split, f"line {at}: {whole}"))
            whole = ""
    return found, labels


@functools.lru_cache
def _stretches(code):
    """Return the functions that PTX consists of, in their order, and the texts of its instructions.

    Each returns the number of the one to go on with; -1 minus that where threads wait for each other before; or None.
    """
    instructions, labels = _instructions(code)
    begins = {0, *labels.values()}
    begins |= {i + 1 for i, (_, operation, _, _) in enumerate(instructions) if operation[0] in ("bra", "ret", "call")}
    order = sorted(begins - {len(instructions)})
    number_of = {begin: number for number, begin in enumerate(order)}
    source = []
    for number, begin in enumerate(order):
        source.append(f"def stretch{number}(r, m, parameters, t):")
        end = order[number + 1] if number + 1 < len(order) else len(instructions)
        following = f" return {number + 1}"
        for i in range(begin, end):
            predicate, operation, operands, text = instructions[i]
            guard = (
                "" if predicate is None else f"if {'not ' * (predicate[0] == '!')}{_register(predicate.strip('!'))}: "
            )
            if operation[0] == "bra":
                done = f"return {number_of[labels[operands[0]]]}"
            elif operation[0] == "ret":
                done = "return None"
            elif operation[0] == "call":
                if not re.search("cudaCG(Synchronize|GetIntrinsicHandle)", text):
                    raise NotImplementedError(text)
                done = f"return {-2 - number if 'Synchronize' in text else number + 1}"
            else:
                try:
                    done = _statement(operation, operands, i)
                except (KeyError, ValueError, StopIteration, AttributeError) as error:
                    raise NotImplementedError(text) from error
            if done:
                source.append(f" {guard}{done}")
        source.append(following)
    names = dict(_NAMES)
    exec("\n".join(source), names)
    return [names[f"stretch{number}"] for number in range(len(order))], [text for *_, text in instructions]


def _numbers_of(memory, value, name):
    """Return what numba-cuda hands to a kernel for an argument; arrays are put into memory."""
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", range(len(value)))
        parts = (_numbers_of(memory, one, f"{name}.{field}") for field, one in zip(fields, value, strict=True))
        return [number for part in parts for number in part]
    if isinstance(value, np.ndarray):
        wide = (1 << 64) - 1
        return [
            0,
            0,
            value.size,
            value.itemsize,
            memory.add(value, name),
            *value.shape,
            *(s & wide for s in value.strides),
        ]
    return [float(value) if isinstance(value, float | np.floating) else int(value) & ((1 << 64) - 1)]


def run(code, arguments, blocks=1, threads=1, seed=0):
    """Run the only kernel in PTX code with arguments as a launch would give them; arrays are written.

    Parameters
    ----------
    blocks, threads : int
        Blocks of the grid, and threads in each.
    seed : int
        Of the order in which threads take turns.

    Returns
    -------
    list of Race
        What races; threads that never meet at a barrier at which others wait are an error.
    """
    stretches, texts = _stretches(code)
    memory, rng = Memory(blocks * threads > 1), random.Random(seed)
    parameters = [number for i, one in enumerate(arguments) for number in _numbers_of(memory, one, str(i))]
    grid = {"ntid.x": threads, "nctaid.x": blocks}
    own = [grid | {"tid.x": t % threads, "ctaid.x": t // threads} for t in range(blocks * threads)]
    places, going = [0] * len(own), list(range(len(own)))
    while going:
        waiting, rest = [], list(going)
        while rest:
            chosen = rng.randrange(len(rest))
            thread, at = rest[chosen], places[rest[chosen]]
            registers = own[thread]
            for _ in range(1 << rng.randrange(_MOST_AT_ONCE)):
                at = stretches[at](registers, memory, parameters, thread)
                if at is None or at < 0:
                    del rest[chosen]
                    break
            if at is not None:
                places[thread] = at if at >= 0 else -1 - at
                if at < 0:
                    waiting.append(thread)
        if 0 < len(waiting) < len(going):
            raise RuntimeError(
                f"threads {sorted(set(going) - set(waiting))} end, and others wait for them at a barrier"
            )
        going = waiting
        memory.meet()
    return memory.found(texts)
