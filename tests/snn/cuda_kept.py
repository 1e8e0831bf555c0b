"""Run by test_cuda_linked.py, in processes that follow one another: compiles a kernel, or finds it on disk."""

import hashlib
import json
import sys

import cuda_linked
import numba.cuda.core.config

import snn.jit

CODE, DONE = cuda_linked.install_card(), cuda_linked.count_compilations()
CASE, FOLDER, CHANGED = sys.argv[1:]
numba.cuda.core.config.CACHE_DIR = FOLDER  # of kernels only: what the host compiles it finds where it always does
if CHANGED == "sources":
    snn.jit.STAMP = 0.0, 0  # before kernels are defined, whose cache takes it; so with the constant
import snn.cuda  # noqa: E402

if CHANGED == "lanes":
    snn.cuda.LANES = 16

import test_cuda  # noqa: E402

from snn.engines.grid_cuda import engine  # noqa: E402


class Loader(test_cuda.Paper):
    """A device that compiles, links and loads what is launched, and cannot run it."""

    def launch(self, function, work, *arguments):
        from snn.engines.grid_cuda.tables import REACHED

        with snn.cuda.uncontracted():
            ready = function.compile(tuple(map(snn.cuda.signature, arguments)))
        ready.bind()
        if ready.cooperative:  # the time loop
            arguments[2].marks[REACHED] = arguments[4].last


def multiply_and_add(numbers):
    numbers.x[0] = numbers.x[1] * numbers.x[2] + numbers.x[3]


def fused():
    """Compile a kernel as it must not be."""
    snn.cuda.kernel(multiply_and_add).compile((snn.cuda.signature(cuda_linked.NUMBERS),)).bind()


def unfused():
    """Compile the same kernel as it must be."""
    with snn.cuda.uncontracted():
        fused()


def of_a_program():
    """Compile a kernel for a class that only this program knows."""
    snn.jit.never_cached(cuda_linked.Numbers)
    unfused()


def grid():
    """Run a network on the device."""
    engine.Device = Loader(cuda_linked.CARD)
    snn.Simulation(test_cuda.simple_network(), device="cuda", dt=0.1).run(0.1)


if __name__ == "__main__":
    globals()[CASE]()
    json.dump({"options": DONE, "code": [hashlib.sha256(code).hexdigest() for code in CODE]}, sys.stdout)
