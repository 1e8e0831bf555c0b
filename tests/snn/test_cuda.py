"""The engines for graphics cards: in the simulator of CUDA, compiled for two generations of cards, and on one."""

import functools
import importlib
import importlib.util
import os
import re
import runpy
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import snn
from snn.program import lower_exact
from snn.program.building import build_rows

HERE = Path(__file__).parent
PATHS = os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parent.parent)))
COMPILER = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed: pip install 'allornone[cuda]'"
)


def in_simulator(*command, **environment):
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": PATHS, **environment}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, cwd=HERE)


@pytest.mark.parametrize("name", ["cuda_simulated.py", "cuda_exact_simulated.py", "cuda_staircase_simulated.py"])
def test_in_the_simulator_spikes_and_states_are_those_of_the_cpu(name):
    options = "-q", "-p", "no:cacheprovider", "-c", str(HERE.parent.parent / "pyproject.toml")
    done = in_simulator("-m", "pytest", *options, str(HERE / name), NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d passed", done.stdout), done.stdout


def test_the_compiled_cpu_engines_have_the_spikes_of_the_simulator():
    code = """
import cuda_staircase_simulated
import test_engine
import test_exact
from devices import assert_equal
assert_equal(test_engine.random_network(7, "delta"), [1.0, 1.0], dt=test_engine.DT)
assert_equal(test_exact.busy(delay=1.5), [4.0, 3.7], engine="exact")
cuda_staircase_simulated.assert_equal(*cuda_staircase_simulated.every_fan(), 2)
"""
    done = in_simulator("-c", code)
    assert done.returncode == 0, done.stderr


@COMPILER
@pytest.mark.slow
def test_kernels_as_they_are_compiled_for_a_card_give_the_spikes_of_the_cpu():
    options = "-q", "-p", "no:cacheprovider", "-c", str(HERE.parent.parent / "pyproject.toml")
    environment = {**os.environ, "PYTHONPATH": PATHS}
    command = [sys.executable, "-m", "pytest", *options, str(HERE / "cuda_interpreted.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=HERE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d passed", done.stdout), done.stdout


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", 1, None])
def test_what_is_no_device_is_refused(device):
    net = snn.Network()
    net.population("cell", 1, snn.LIF())
    with pytest.raises(snn.ValidationError, match="device"):
        snn.Simulation(net, device=device)


def test_without_a_card_the_error_says_what_to_do():
    net = snn.Network()
    net.population("cell", 1, snn.LIF())
    for engine in ("grid", "exact"):
        with pytest.raises(snn.BackendUnavailable, match=r"device='cpu'"):
            snn.Simulation(net, engine=engine, device="cuda:99")


def numbers_in(kind):
    """Return how many numbers numba-cuda hands to a kernel for an argument; it knows no None."""
    from numba import types as kinds

    if isinstance(kind, kinds.BaseTuple):
        return sum(map(numbers_in, kind))
    assert isinstance(kind, kinds.Array | kinds.Number | kinds.Boolean), kind
    return 5 + 2 * kind.ndim if isinstance(kind, kinds.Array) else 1


class Paper:
    """A device of which only the compiler is there: what is launched is compiled and kept."""

    def __init__(self, cc):
        self.cc, self.compiled = cc, {}

    def __call__(self, name):
        return self

    def require(self, needed, what):
        assert needed > 0

    def upload(self, value):
        return value

    download = upload

    def empty(self, size, kind):
        return np.empty(size, kind)

    def overwrite(self, array, values):
        array[...] = values

    def code_of(self, function, arguments):
        """Return the PTX code of a kernel for arguments of such types."""
        from numba import cuda
        from numba.cuda.typing.typeof import typeof

        from snn.cuda import signature, uncontracted

        kinds = tuple(map(signature, arguments))
        if (function, kinds) not in self.compiled:
            assert kinds == tuple(map(typeof, arguments))  # so that what a launch calls is what was compiled for it
            with uncontracted():
                code = cuda.compile_ptx(function.py_func, kinds, cc=self.cc)[0]
            entry = code[code.index(".entry") :]
            assert entry[: entry.index(")")].count(".param") == sum(map(numbers_in, kinds))
            self.compiled[function, kinds] = code
        return self.compiled[function, kinds]

    def launch(self, function, work, *arguments):
        from snn.engines.grid_cuda.tables import REACHED

        self.code_of(function, arguments)
        if hasattr(arguments[2], "marks"):
            arguments[2].marks[REACHED] = arguments[4].last


def paper_of(cc, engine, monkeypatch):
    """Let an engine believe in a card; what it launches is compiled for it, but synapses are drawn by the host."""
    paper = Paper(cc)
    monkeypatch.setattr("snn.engines.grid_cuda.builder", lambda *network: functools.partial(build_rows, sort=False))
    card = types.SimpleNamespace(compute_capability=cc)
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: card)
    monkeypatch.setattr(engine, "Device", paper)
    monkeypatch.setattr("snn.engines.exact_cuda.prove", lambda device: None)
    return paper


def compiled(network, cc, monkeypatch, **options):
    """Compile the kernel of a network for a compute capability, as a card of it would."""
    if options:
        from snn.engines.exact_cuda import engine
    else:
        from snn.engines.grid_cuda import engine

    paper = paper_of(cc, engine, monkeypatch)
    snn.Simulation(network, device="cuda", **(options or {"dt": 0.1})).run(0.1)
    (code,) = paper.compiled.values()
    return code


def simple_network():
    net = snn.Network(seed=1)
    cells = net.population("cells", 5, snn.LIF(synapse="delta"))
    net.connect(cells, cells, snn.FixedInDegree(2), weight=1.0, delay=0.3)
    return net


def assert_sound(code, cc):
    """One kernel for a compute capability, with a barrier of the grid, atomic sums, and nothing to be contracted."""
    assert f".target sm_{cc[0]}{cc[1]}" in code
    assert len(re.findall(r"\.entry", code)) == 1
    assert "cudaCGSynchronize" in code
    assert "atom.global.add.u64" in code or "atom.add.u64" in code
    assert not re.search(r"(mul|add|sub)\.f64", code)  # only .rn, which the assembler may not contract


@COMPILER
@pytest.mark.parametrize("cc", [(8, 0), (9, 0)])
def test_the_kernel_compiles_without_a_card(cc, monkeypatch):
    code = compiled(simple_network(), cc, monkeypatch)
    assert_sound(code, cc)
    assert "%clock64" in code


@COMPILER
@pytest.mark.parametrize("cc", [(8, 0), (9, 0)])
def test_the_exact_engine_s_kernel_compiles_without_a_card(cc, monkeypatch):
    code = compiled(simple_network(), cc, monkeypatch, engine="exact")
    assert_sound(code, cc)
    assert not re.search(r"(sqrt|div)\.(approx|full)", code)


@COMPILER
@pytest.mark.parametrize("cc", [(8, 0), (9, 0)])
def test_kernels_of_staircase_networks_compile_without_a_card(cc, monkeypatch):
    from snn.engines.staircase_cuda import engine

    monkeypatch.syspath_prepend(HERE)
    from cuda_staircase_simulated import every_fan

    paper = paper_of(cc, engine, monkeypatch)
    net, (counts, _) = every_fan()
    snn.Simulation(net, engine="exact", device="cuda", batch=2).settle(counts)
    for code in paper.compiled.values():
        assert f".target sm_{cc[0]}{cc[1]}" in code
        assert not re.search(r"(mul|add|sub)\.f64", code)


@COMPILER
def test_kernels_compile_with_a_numpy_that_has_no_row_stack():
    code = """
import numpy
vars(numpy).pop("row_stack", None)
from numba import types
from snn.cuda import cuda
assert not hasattr(numpy, "row_stack")
def kernel(array):
    cuda.atomic.add(array, 0, 1)
print(cuda.compile_ptx(kernel, (types.int64[::1],), cc=(9, 0))[0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, cwd=HERE)
    assert done.returncode == 0, done.stderr
    assert re.search(r"(atom|red)\S*\.add\.u64", done.stdout), done.stdout


@COMPILER
def test_arrays_go_to_a_card_as_the_type_that_kernels_are_compiled_for(monkeypatch):
    from numba.cuda.cudadrv import dummyarray

    from snn.cuda import Device

    taken = []
    monkeypatch.setattr("numba.cuda.to_device", taken.append)
    given = (
        np.zeros(5)[None],
        np.zeros((4, 10))[:, :3],
        np.zeros((4, 10))[:1, :3],
        np.zeros((2, 0)),
        np.zeros(2)[:, None],
    )
    object.__new__(Device).upload((*given, np.broadcast_to(1.0, (3, 2))))
    for array in taken:
        assert dummyarray.Array.from_desc(0, array.shape, array.strides, array.itemsize).flags["C_CONTIGUOUS"]
        assert all(array.strides) or not array.size  # else the layout is any
    assert [array.shape for array in taken] == [(1, 5), (4, 3), (1, 3), (2, 0), (2, 1), (3, 2)]


@COMPILER
@pytest.mark.slow
@pytest.mark.parametrize(("models", "options"), [("cuda_simulated", {}), ("cuda_exact_simulated", {"engine": "exact"})])
def test_every_model_compiles_without_a_card(models, options, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    net = snn.Network(seed=1)
    for i, model in enumerate(importlib.import_module(models).MODELS):
        net.population(f"cells{i}", 2, model)
    assert_sound(compiled(net, (9, 0), monkeypatch, **options), (9, 0))


@COMPILER
def test_a_card_whose_spikes_are_one_bit_off_is_refused(monkeypatch):
    from snn.engines.exact_cpu import ExactCpu
    from snn.engines.exact_cuda import proof

    class Card(ExactCpu):
        """The CPU, whose last spike may be late by a rounding."""

        off = False

        def __init__(self, program, batch, seed, first_sample, device):
            super().__init__(program, batch, 1, seed, first_sample)

        def take_spikes(self):
            found = super().take_spikes()
            if self.off:
                found["exc"].offsets[-1] = np.nextafter(found["exc"].offsets[-1], 100.0)
            return found

    monkeypatch.setattr(proof, "ExactCuda", Card)
    monkeypatch.setattr(proof, "Device", str)
    proof.prove.__wrapped__("cuda")
    monkeypatch.setattr(Card, "off", True)
    with pytest.raises(snn.BackendUnavailable, match=r"2 are not; choose device='cpu', or engine='grid'"):
        proof.prove.__wrapped__("cuda")


def test_benchmarks_say_where_two_devices_part():
    benchmark = runpy.run_path(str(HERE.parent.parent / "benchmarks" / "devices.py"))
    net = snn.Network(seed=1)
    for name, i_e in (("quiet", 0.0), ("cells", snn.Uniform(400.0, 600.0))):
        net.population(name, 3, snn.LIF(i_e=i_e))
    one, other = (snn.Simulation(net, engine="exact", batch=2).run(60.0) for _ in range(2))
    total = len(one.spikes["cells"])
    same = {"only_there": {"cpu": 0, "cuda": 0}, "same_before": total, "first": {}}
    assert benchmark["difference"]({"cpu": one, "cuda": other}) == same
    record = other.spikes["cells"]
    last = int(np.lexsort((record.offsets, record.steps, record.samples))[-1])
    before = float(record.offsets[last])
    record.offsets[last] = np.nextafter(before, 100.0)
    found = benchmark["difference"]({"cpu": one, "cuda": other})
    assert found["only_there"] == {"cpu": 1, "cuda": 1}
    assert found["same_before"] == total - 1 > 4
    assert found["first"]["cpu"]["sample"] == 1
    assert found["first"]["cuda"]["population"] == "cells"
    assert float.fromhex(found["first"]["cpu"]["offset"]) == before
    assert float.fromhex(found["first"]["cuda"]["offset"]) == record.offsets[last]
    sums = benchmark["checksum_of"]
    assert sums(lower_exact(net, 1)) == sums(lower_exact(net, 1)) != sums(lower_exact(snn.networks.sparse(0.01), 1))


def on_a_card():
    """Return why nothing can be run on a card here, or None."""
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed"
    from numba import cuda

    return None if cuda.is_available() else "no graphics card can be reached"


@pytest.mark.skipif(on_a_card() is not None, reason=f"on a graphics card: {on_a_card()}")
@pytest.mark.parametrize("case", ["patterns", "stimuli", "plastic"])
def test_on_a_card_spikes_and_states_are_those_of_the_cpu(case, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    import cuda_simulated
    import devices
    import test_engine
    import test_varying

    network = {
        "patterns": lambda: test_engine.random_network(5, "mixed"),
        "stimuli": lambda: test_varying.random_network(0),
        "plastic": cuda_simulated.plastic_network,
    }[case]()
    devices.assert_equal(network, [3.0, 5.0], dt=0.1, batch=2)


@pytest.mark.skipif(on_a_card() is not None, reason=f"on a graphics card: {on_a_card()}")
@pytest.mark.parametrize("delay", [1.5, None])
def test_on_a_card_exact_spikes_and_states_are_those_of_the_cpu(delay, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    import devices
    import test_exact

    devices.assert_equal(test_exact.busy(delay=delay), [30.0, 3.7, 40.0], batch=2, engine="exact")


@pytest.mark.skipif(on_a_card() is not None, reason=f"on a graphics card: {on_a_card()}")
def test_on_a_card_staircase_networks_say_what_they_say_on_the_cpu(monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    import cuda_staircase_simulated

    cuda_staircase_simulated.assert_equal(*cuda_staircase_simulated.every_fan(), 2)
