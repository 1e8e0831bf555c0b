"""Cost models."""

import pytest

from bridge.comparison.energy import COMPUTE, MEMORY, MODELS, QUANTISED, Work, bits


def test_bits_say_zero_to_t_spikes():
    assert [bits(t) for t in (1, 2, 3, 4, 7, 8, 32)] == [1, 2, 2, 3, 3, 4, 6]


def test_arithmetic_only_is_horowitz_s_figures():
    assert COMPUTE.artificial(Work(1e6), 4) == pytest.approx(4.6e-6)
    assert COMPUTE.spiking(Work(1000.0, 1e6, 1e9), 4) == pytest.approx(4.6e-9 + 0.9e-6)


def test_memory_costs_reads_and_writes():
    assert MEMORY.artificial(Work(1.0), 4) == pytest.approx(14.6e-12)
    assert MEMORY.spiking(Work(0.0, 1.0, 0.0), 4) == pytest.approx(15.9e-12)
    assert MEMORY.spiking(Work(0.0, 0.0, 1.0), 4) == pytest.approx(10.9e-12)


def test_the_quantised_twin_costs_more_the_more_it_can_say():
    costs = [QUANTISED.artificial(Work(1.0), t) for t in (1, 3, 15, 255)]
    assert costs == sorted(costs)
    assert costs[-1] == pytest.approx((0.2 + 0.1 + 2.5) * 1e-12)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_at_break_even_both_cost_the_same(model):
    artificial, spiking = Work(1e6), Work(1e4, 5e4, 2e3)
    factor = model.break_even(artificial, spiking, 8)
    scaled = Work(spiking.macs, spiking.synaptic_operations * factor, spiking.neuron_updates)
    assert model.spiking(scaled, 8) == pytest.approx(model.artificial(artificial, 8))
    assert model.break_even(artificial, Work(1e9, 1.0), 8) == 0.0
    assert model.assumptions
