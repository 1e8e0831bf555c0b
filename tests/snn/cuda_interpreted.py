"""The engines for graphics cards as they are compiled for one, run by an interpreter: the spikes and states of the CPU.

Two blocks of four threads, in teams of two, take turns as a seed says; between two barriers none may touch what another
one writes.

Collected by test_cuda.py only, in a process of its own, in which a team of threads is two of them.
"""

import re
import types

import numpy as np
import ptx
import pytest

import snn.cuda

snn.cuda.LANES = 2  # before the kernels are defined, which take it as a constant

import cuda_exact_simulated  # noqa: E402
import cuda_simulated  # noqa: E402
import cuda_staircase_simulated  # noqa: E402
import test_engine  # noqa: E402
import test_exact  # noqa: E402
import test_varying  # noqa: E402
from devices import assert_equal  # noqa: E402
from test_cuda import Paper  # noqa: E402

from snn.engines.exact_cuda import engine as exact_cuda  # noqa: E402
from snn.engines.exact_cuda import proof  # noqa: E402
from snn.engines.grid_cuda import engine as grid_cuda  # noqa: E402
from snn.engines.grid_cuda import gathering  # noqa: E402
from snn.engines.staircase_cuda import engine as staircase_cuda  # noqa: E402

CARD = 9, 0
BLOCKS, THREADS = 2, 4


class Interpreter(Paper):
    """A device whose memory is the host's, and whose processor is written in Python."""

    def __init__(self, cc):
        super().__init__(cc)
        self.launches, self.seed = 0, 0

    def upload(self, value):
        if isinstance(value, tuple):
            parts = [self.upload(one) for one in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        return value.copy() if isinstance(value, np.ndarray) else value

    download = upload

    def launch(self, function, work, *arguments):
        self.launches += 1
        seed = 1000 * self.seed + self.launches
        assert ptx.run(self.code_of(function, arguments), arguments, BLOCKS, THREADS, seed) == []


class Contracting(Interpreter):
    """One whose assembler adds to products before they are rounded, as assemblers and linkers do unless told not to."""

    def code_of(self, function, arguments):
        return "$L".join(map(contracted, super().code_of(function, arguments).split("$L")))


def contracted(stretch):
    """Contract the products and sums of some code that nothing jumps into."""
    products = dict(re.findall(r"mul\.rn\.f64\s+(%\w+), (\S+, \S+);", stretch))
    return re.sub(
        r"add\.rn\.f64(\s+%\w+), (%\w+), (\S+);",
        lambda add: f"fma.rn.f64{add[1]}, {products[add[2]]}, {add[3]};" if add[2] in products else add[0],
        stretch,
    )


DEVICE = Interpreter(CARD)  # one for all tests, which keeps what has been compiled


@pytest.fixture(autouse=True)
def interpreter(monkeypatch):
    card = types.SimpleNamespace(compute_capability=CARD)
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: card)
    for engine in (grid_cuda, exact_cuda, staircase_cuda):
        monkeypatch.setattr(engine, "Device", DEVICE)
    monkeypatch.setattr("snn.engines.exact_cuda.prove", lambda device: None)
    monkeypatch.setattr(DEVICE, "launches", 0)


def test_every_stimulus_that_varies():
    recording = assert_equal(test_varying.random_network(0), [0.7, 0.5], dt=test_varying.DT)
    assert all(len(record) for record in recording.spikes.values())


def test_plastic_synapses_and_binary_units():
    assert_equal(cuda_simulated.plastic_network(), [1.5], dt=0.1, batch=2)


@pytest.mark.parametrize("enough", [0, gathering.ENOUGH])
def test_every_pattern(enough, monkeypatch):
    monkeypatch.setattr(gathering, "ENOUGH", enough)
    recording = assert_equal(test_engine.random_network(5, "mixed"), [1.2, 0.8], dt=test_engine.DT, batch=2)
    assert any(len(record) for record in recording.spikes.values())


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("delay", [1.5, None])
def test_the_exact_engine(delay, seed, monkeypatch):
    monkeypatch.setattr(DEVICE, "seed", seed)
    recording = assert_equal(test_exact.busy(delay=delay), [18.0, 3.7], batch=2, engine="exact")
    assert len(recording.spikes["exc"]) > 20


def test_a_card_is_refused_where_the_compiler_contracts_products_and_sums(monkeypatch):
    def network():
        net = snn.Network(seed=1)
        cells = snn.LIF(synapse="exponential", i_e=600.0, tau_syn=2.0)
        exc = net.population("exc", 8, cells, initial={"v": snn.Uniform(0.0, 19.0)})
        net.connect(exc, exc, snn.FixedInDegree(3), weight=60.0, delay=snn.Uniform(1.0, 3.0))
        return net

    monkeypatch.setattr(proof, "Device", str)
    monkeypatch.setattr(proof, "_network", network)
    monkeypatch.setattr(proof, "_SAMPLES", 2)
    proof.prove.__wrapped__("cuda")
    monkeypatch.setattr(exact_cuda, "Device", Contracting(CARD))
    with pytest.raises(snn.BackendUnavailable, match=r"of \d\d+ spikes of a small network.*are not"):
        proof.prove.__wrapped__("cuda")


def test_a_larger_network_on_the_exact_engine():
    network = snn.networks.sparse(0.1, synapse="exponential", delay=snn.Uniform(1.0, 3.0), seed=1)
    assert sum(map(len, assert_equal(network, [40.0], engine="exact").spikes.values())) > 20


def test_other_models_on_the_exact_engine(monkeypatch):
    given = cuda_exact_simulated.MODELS
    others = [model for model in given if isinstance(model, snn.QIF | snn.McCullochPitts)]
    others.append(next(model for model in given if getattr(model, "synapse", "") == "alpha" and model.tau_syn_inh))
    monkeypatch.setattr(cuda_exact_simulated, "MODELS", others)
    cuda_exact_simulated.test_every_model()


def test_the_exact_engine_makes_room_and_drains(monkeypatch):
    cuda_exact_simulated.test_room_is_made_where_there_is_too_little(None, monkeypatch)


def test_runaway_activity_on_the_exact_engine():
    cuda_exact_simulated.test_runaway_activity_ends_with_an_error_and_keeps_what_was_recorded()


def test_staircase_networks():
    cuda_staircase_simulated.assert_equal(*cuda_staircase_simulated.every_fan(), 2)
