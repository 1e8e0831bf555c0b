"""An interpreter of PTX: runs a kernel as numba-cuda compiles it for a graphics card, as one thread, without a card.

CUDA's simulator runs Python, and so does not show what types make of it on a card: there `math.ceil` returns a float,
and a conditional expression of a float and a large integer rounds the latter. One thread suffices for kernels whose
loops stride over the grid; at barriers it waits for nobody. What nothing has written cannot be read, be it a register
or memory: both raise an error, which on a card would go unseen.

Only what such kernels consist of is known: see the PTX ISA, https://docs.nvidia.com/cuda/parallel-thread-execution/.
"""

import math
import operator
import re
import struct

import numpy as np

from snn.arithmetic import fma

_SIZES = {"64": 8, "32": 4, "16": 2}
_ORDERS = {"eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt}
_ORDERS |= {"ge": operator.ge, "lo": operator.lt, "ls": operator.le, "hi": operator.gt, "hs": operator.ge}
_ROUNDED = {"rmi": math.floor, "rpi": math.ceil, "rzi": math.trunc, "rni": round}
_INTEGERS = {"add": operator.add, "sub": operator.sub, "and": operator.and_, "or": operator.or_, "xor": operator.xor}
_INTEGERS |= {"mul": operator.mul, "min": min, "max": max}
_FLOATS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}


class Memory:
    """What is at an address: arrays, each at a place of its own."""

    def __init__(self):
        self.arrays, self.free = [], 1 << 40

    def add(self, array):
        """Give an array a place, and return its address."""
        place = self.free
        self.arrays.append((place, place + array.nbytes, array.reshape(-1).view(np.uint8) if array.nbytes else None))
        self.free += array.nbytes // 256 * 256 + 512  # with a gap in which there is nothing
        return place

    def bytes_at(self, address, size):
        """Return the bytes at an address, to be read or written."""
        for begin, end, content in self.arrays:
            if begin <= address and address + size <= end:
                return content[address - begin : address - begin + size]
        raise IndexError(f"there is nothing at address {address:#x}")


def numbers_of(memory, value):
    """Return what numba-cuda hands to a kernel for an argument; arrays are put into memory."""
    if isinstance(value, tuple):
        return [number for one in value for number in numbers_of(memory, one)]
    if isinstance(value, np.ndarray):
        return [0, 0, value.size, value.itemsize, memory.add(value), *value.shape, *value.strides]
    return [float(value) if isinstance(value, float | np.floating) else int(value)]


def _instructions(code):
    """Return the instructions of the only kernel, as (predicate, operation, operands), and where each label points."""
    body, found, labels, whole = code[code.index(".entry") :], [], {}, ""
    for line in body[body.index("{") + 1 :].splitlines():
        line = line.split("//")[0].strip().strip("{}").strip()
        if line.endswith(":"):
            labels[line[:-1]] = len(found)
            continue
        whole = f"{whole} {line}".strip()
        if whole.endswith(";"):
            match = re.fullmatch(r"(?:@(!?)(%p\d+)\s+)?([\w.]+)\s*(.*);", whole)
            if match and not whole.startswith("."):
                no, predicate, operation, operands = match.groups()
                found.append((predicate, no == "!", operation.split("."), re.split(r"\s*,\s*", operands)))
            whole = ""
    return found, labels


def _bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def _float(x):
    return struct.unpack("<d", struct.pack("<Q", x & (2**64 - 1)))[0]


def _as(x, kind):
    """Return an integer as one of a type: s64, u32, ..."""
    width = int(kind[1:])
    x &= 2**width - 1
    return x - 2**width if kind[0] == "s" and x >> width - 1 else x


class _Thread:
    def __init__(self, code, arguments):
        self.memory, self.registers = Memory(), {}
        self.parameters = numbers_of(self.memory, arguments)
        self.instructions, self.labels = _instructions(code)

    def value(self, operand, kind):
        """Return what an operand stands for: an integer as the type wants it, a float, or a truth."""
        if operand.startswith(("%tid", "%ctaid", "%clock")):
            return 0
        if operand.startswith(("%ntid", "%nctaid")):
            return 1
        x = self.registers[operand] if operand[0] == "%" else None
        if x is None:
            x = _float(int(operand[2:], 16)) if operand.startswith("0d") else int(operand)
        return x if kind == "pred" or kind[0] == "f" or isinstance(x, float) else _as(x, kind)

    def address(self, operand):
        register, _, offset = operand.strip("[]").partition("+")
        return self.registers[register] + int(offset or 0)

    def load(self, address, kind):
        found = int.from_bytes(self.memory.bytes_at(address, _SIZES[kind[-2:]]).tobytes(), "little")
        return _float(found) if kind == "f64" else _as(found, kind)

    def store(self, address, kind, x):
        size = _SIZES[kind[-2:]]
        bits = _bits(x) if kind == "f64" else _as(x, f"u{8 * size}")
        self.memory.bytes_at(address, size)[:] = np.frombuffer(bits.to_bytes(size, "little"), np.uint8)

    def run(self):
        at = 0
        while True:
            predicate, no, operation, operands = self.instructions[at]
            at += 1
            if predicate and bool(self.registers[predicate]) == no:
                continue
            if operation[0] == "bra":
                at = self.labels[operands[0]]
            elif operation[0] == "ret":
                return
            elif operation[0] not in ("call", "bar"):  # which wait for other threads
                self.step(operation, operands)

    def step(self, operation, operands):
        name, kind = operation[0], operation[-1]
        if name == "st":
            if operation[1] != "param":  # for calls
                self.store(self.address(operands[0]), kind, self.value(operands[1], kind))
            return
        into, *others = operands
        x = self.result(name, operation, kind, others)
        if isinstance(x, float) != into.startswith("%fd") and name == "mov":  # which moves bits, whatever they mean
            x = _bits(x) if isinstance(x, float) else _float(x)
        self.registers[into] = x

    def result(self, name, operation, kind, operands):
        if name == "ld":
            if operation[1] != "param":
                return self.load(self.address(operands[0]), kind)
            place = re.search(r"_param_(\d+)\]", operands[0])
            return self.parameters[int(place.group(1))] if place else 1  # that of a call is the grid, or nothing
        if name == "atom":
            return self.exchange(operation, kind, operands)
        if name == "cvt":
            return self.converted(operation, kind, operands[0])
        if name == "setp":
            return self.compared(operation[1], *(self.value(x, kind) for x in operands))
        if name == "selp":
            return self.value(operands[0 if self.registers[operands[2]] else 1], kind)
        values = [self.value(x, "u32" if name in ("shl", "shr") and i == 1 else kind) for i, x in enumerate(operands)]
        if kind == "pred":
            return {"not": lambda x: not x, "mov": bool}.get(name, _INTEGERS.get(name))(*values)
        if name in ("mov", "cvta"):
            return values[0]
        return self.of_floats(name, values) if kind[0] == "f" else self.of_integers(name, operation, kind, values)

    def exchange(self, operation, kind, operands):
        address, signed = self.address(operands[0]), "s" + kind[1:]
        before, x = self.load(address, signed), self.value(operands[1], signed)
        change = next(part for part in operation if part in ("add", "exch", "max"))
        self.store(address, kind, {"add": before + x, "exch": x, "max": max(before, x)}[change])
        return before

    def converted(self, operation, kind, operand):
        into = operation[-2]
        x = self.value(operand, kind)
        if kind[0] == "f":
            if into[0] == "f":
                return float(_ROUNDED[operation[1]](x)) if math.isfinite(x) else x
            low, high = -(2 ** (int(into[1:]) - 1)), 2 ** (int(into[1:]) - 1) - 1
            return 0 if x != x else int(max(low, min(high, _ROUNDED[operation[1]](x) if math.isfinite(x) else x)))
        return float(x) if into[0] == "f" else _as(x, into)

    @staticmethod
    def compared(order, x, y):
        unordered = x != x or y != y
        if order == "num":
            return not unordered
        if order.endswith("u") and order != "u":  # true of what is no number, too
            return unordered or _ORDERS[order[:-1]](x, y)
        return not unordered and _ORDERS[order](x, y)

    @staticmethod
    def of_floats(name, values):
        if name in ("min", "max"):
            there = [x for x in values if x == x]
            return {"min": min, "max": max}[name](there) if there else math.nan
        if name == "div":
            x, y = values
            return x / y if y else math.nan if x == 0 or x != x else math.copysign(math.inf, x) * math.copysign(1.0, y)
        if name == "sqrt":
            return math.sqrt(values[0]) if values[0] >= 0.0 else math.nan
        others = {"fma": fma, "neg": operator.neg, "abs": abs, "rcp": lambda x: 1.0 / x}
        return (_FLOATS | others)[name](*values)

    @staticmethod
    def of_integers(name, operation, kind, values):
        width = int(kind[1:]) * (2 if "wide" in operation else 1)
        if name in ("div", "rem"):
            x, y = values
            quotient = abs(x) // abs(y) * (-1 if (x < 0) != (y < 0) else 1)
            found = quotient if name == "div" else x - quotient * y
        elif name in ("shl", "shr"):
            x, by = values
            found = (x << by if by < width else 0) if name == "shl" else x >> min(by, width)
        elif name == "mad":
            found = values[0] * values[1] + values[2]
        else:
            found = (_INTEGERS | {"neg": operator.neg, "not": operator.invert, "abs": abs})[name](*values)
        return _as(found, f"{kind[0] if kind[0] == 's' else 'u'}{width}")


def run(code, arguments):
    """Run the only kernel in PTX code with arguments as a launch would give them; arrays are written."""
    _Thread(code, arguments).run()
