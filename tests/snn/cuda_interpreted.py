"""The engines for graphics cards as they are compiled for one, run by an interpreter: the spikes and states of the CPU.

Collected by test_cuda.py only, in a process of its own, in which a team of threads is one thread.
"""

import types

import numpy as np
import ptx
import pytest

import snn.cuda

snn.cuda.LANES = 1  # before the kernels are defined, which take it as a constant

import test_exact  # noqa: E402
import test_varying  # noqa: E402
from cuda_simulated import plastic_network  # noqa: E402
from devices import assert_equal  # noqa: E402
from test_cuda import Paper  # noqa: E402

from snn.engines.exact_cuda import engine as exact_cuda  # noqa: E402
from snn.engines.grid_cuda import engine as grid_cuda  # noqa: E402

CARD = 9, 0


class Interpreter(Paper):
    """A device whose memory is the host's, and whose processor is written in Python."""

    def upload(self, value):
        if isinstance(value, tuple):
            parts = [self.upload(one) for one in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        return value.copy() if isinstance(value, np.ndarray) else value

    download = upload

    def launch(self, function, work, *arguments):
        ptx.run(self.code_of(function, arguments), arguments)


@pytest.fixture(autouse=True)
def interpreter(monkeypatch):
    device = Interpreter(CARD)
    card = types.SimpleNamespace(compute_capability=CARD)
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: card)
    for engine in (grid_cuda, exact_cuda):
        monkeypatch.setattr(engine, "Device", device)
    monkeypatch.setattr(exact_cuda, "TRUSTED", True)


def test_every_stimulus_that_varies():
    recording = assert_equal(test_varying.random_network(0), [0.7, 0.5], dt=test_varying.DT)
    assert all(len(record) for record in recording.spikes.values())


def test_plastic_synapses_and_binary_units():
    assert_equal(plastic_network(), [1.5], dt=0.1)


@pytest.mark.parametrize("delay", [1.5, None])
def test_the_exact_engine(delay):
    recording = assert_equal(test_exact.busy(delay=delay), [8.0, 3.7], engine="exact")
    assert len(recording.spikes["exc"]) > 5
