"""Synapses drawn on a graphics card are those that the host draws: in the simulator, or compiled and interpreted.

Collected by test_cuda_drawing.py only, in processes of their own.
"""

import re
import types

import numpy as np
import ptx
import pytest
import test_cuda
from drawn_networks import RULES, assert_drawn_alike, network

import snn.cuda
from snn.engines.grid_cuda import building, engine
from snn.program import lowering

CARD = 9, 0
SEEDS = range(3 if snn.cuda.SIMULATED else 1)


class Interpreter(test_cuda.Paper):
    """A device whose memory is the host's, and whose processor is written in Python."""

    launches = 0

    def upload(self, value):
        if isinstance(value, tuple):
            return type(value)(*map(self.upload, value))
        return value.copy() if isinstance(value, np.ndarray) else value

    def launch(self, function, work, *arguments):
        """Run a kernel by two blocks of four threads, in random turns, of which none may touch what another writes."""
        self.launches += 1
        assert ptx.run(self.code_of(function, arguments), arguments, 2, 4, self.launches) == []


INTERPRETER = Interpreter(CARD)  # one for all tests: it keeps what is compiled


@pytest.fixture(autouse=True)
def device(monkeypatch):
    if not snn.cuda.SIMULATED:
        card = types.SimpleNamespace(compute_capability=CARD)
        monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: card)
        monkeypatch.setattr(engine, "Device", INTERPRETER)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule(rule):
    found = [assert_drawn_alike(network(seed, rule)) for seed in SEEDS]
    assert max(found) > 5 or rule in ("pairwise, rare", "pairwise, never")


@pytest.mark.parametrize("rule", ["in", "number", "pairwise", "near"])
def test_rows_that_depend_on_the_sign_of_weights(rule, monkeypatch):
    given = lowering.lay_out

    def lay_out(stages, windows, sizes, ports, *others):  # banks of 7 slots: a neuron's two ports are in two of them
        slots = int((sizes * ports).sum())
        return given(stages, windows, sizes, ports, *others)._replace(bank_slots=np.arange(0, slots, 7))

    monkeypatch.setattr(lowering, "lay_out", lay_out)
    for seed in SEEDS:
        net = network(seed, rule)
        assert_drawn_alike(net)
        assert len(snn.lower(net, 0.1).banks.slot) > 3


def test_few_threads_draw_distinct_partners_one_after_the_other(monkeypatch):
    monkeypatch.setattr(building, "_TABLE_BYTES", 0)
    assert assert_drawn_alike(network(1, "in, distinct")) > 5


def test_what_the_host_draws_is_brought_by_many_portions(monkeypatch):
    monkeypatch.setattr(building, "_MANY", 0)
    monkeypatch.setattr("snn.connectivity.rules.PORTION", 4)
    assert assert_drawn_alike(network(1, "near"), threads=2) > 5
    assert assert_drawn_alike(network(1, "edges"), threads=2) > 5


@pytest.mark.skipif(not snn.cuda.SIMULATED, reason="in the simulator")
def test_what_would_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(snn.cuda.Device, "free", lambda device: 100.0)
    with pytest.raises(snn.ResourceError, match=r"\d+ listed synapses need .* GB on cuda"):
        assert_drawn_alike(network(1, "all"))


@pytest.mark.skipif(snn.cuda.SIMULATED, reason="compiled for a card")
@pytest.mark.parametrize("cc", [(8, 0), (9, 0)])
def test_nothing_is_contracted(cc, monkeypatch):
    class Reader(Interpreter):
        def launch(self, function, work, *arguments):
            assert not re.search(r"(mul|add|sub)\.f64|(sqrt|div)\.(approx|full)", self.code_of(function, arguments))
            INTERPRETER.launch(function, work, *arguments)

    monkeypatch.setattr(engine, "Device", Reader(cc))
    assert assert_drawn_alike(network(1, "in")) > 5
    assert assert_drawn_alike(network(1, "edges")) > 5
