"""Staircase networks on graphics cards in the simulator of CUDA: they say what they say on the CPU.

Collected by test_cuda.py only, as cuda_simulated.py is.
"""

import numpy as np
import pytest
import reference_staircase as reference
import test_staircase
from hypothesis import given, settings
from hypothesis import strategies as st

import snn


def assert_equal(network, all_counts, batch):
    """Settle a network on both devices with one input after the other, and compare all that came of it."""
    found = []
    for device in ("cpu", "cuda"):
        simulation = snn.Simulation(network, engine="exact", device=device, batch=batch)
        settled = [simulation.settle(counts, list_events=True) for counts in all_counts]
        settled += [simulation.settle({})]
        simulation.reset()
        found.append([*settled, simulation.settle(all_counts[-1])])
    for cpu, cuda in zip(*found, strict=True):
        test_staircase.equal(cpu, cuda)
        for name in cpu.levels:
            np.testing.assert_array_equal(cpu.totals[name], cuda.totals[name])
            np.testing.assert_array_equal(cpu.emitted[name], cuda.emitted[name])
            for column in ("samples", "neurons", "times", "changes"):
                if cpu.changes is not None:
                    mine, other = getattr(cpu.changes[name], column), getattr(cuda.changes[name], column)
                    np.testing.assert_array_equal(mine, other)
    return found[0][0]


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31))
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    net = reference.random_network(rng, 3)
    assert_equal(net, [reference.random_counts(rng, net, 2) for _ in range(2)], 2)


def every_fan():
    """A network with every kind of projection, and two inputs for two samples."""
    rng = np.random.default_rng(5)
    net = snn.Network()
    image = net.counts("image", (6, 5, 2))
    rule = snn.Conv2d(rng.normal(size=(3, 3, 2, 4)), stride=(1, 2), padding=1)
    layer = net.population("layer", rule.target_shape((6, 5, 2)), snn.Quantizer(rng.uniform(0.5, 1.5, 4), low=-4))
    net.connect(image, layer, rule)
    pooled = []
    for name, pool in (("largest", snn.MaxPool2d(2, padding=1)), ("summed", snn.SumPool2d(2))):
        pooled.append(net.population(name, pool.target_shape(layer.shape), snn.Quantizer()))
        net.connect(layer, pooled[-1], pool, weight=0.5)
    out = net.population("out", 7, snn.Staircase([-1.0, 0.5, 2.0]))
    net.connect(pooled[0], out, snn.Dense(rng.normal(size=(7, pooled[0].size))))
    net.connect(pooled[1], out, snn.FixedInDegree(5), weight=snn.Uniform(-1.0, 1.0))
    both = net.population("both", 7, snn.Product())
    net.connect(out, both, snn.OneToOne(), port="a")
    net.connect(out, both, snn.OneToOne(), weight=-2.0, port="b")
    return net, [{"image": counts} for counts in rng.integers(-3, 9, (2, 2, 6, 5, 2))]


def test_every_projection_and_model():
    net, counts = every_fan()
    settled = assert_equal(net, counts, 2)
    assert all(settled.emitted[name].min() > 0 for name in ("layer", "largest", "summed", "out", "both"))


def test_what_does_not_run_there_is_refused():
    net, (counts, _) = every_fan()
    simulation = snn.Simulation(net, engine="exact", device="cuda", batch=2)
    with pytest.raises(snn.BackendUnavailable, match=r"choose schedule='phased', or device='cpu'"):
        simulation.settle(counts, schedule="free")
    assert simulation.settle(counts).emitted["out"].min() > 0


def test_too_many_events_are_reported():
    net, (counts, _) = every_fan()
    simulation = snn.Simulation(net, engine="exact", device="cuda", batch=2)
    with pytest.raises(snn.ResourceError, match=r"sample 0 .* after 3 events"):
        simulation.settle(counts, max_events=3)
    with pytest.raises(snn.ValidationError, match="reset"):
        simulation.settle(counts)
    simulation.reset()
    assert simulation.settle(counts).emitted["out"].min() > 0


def test_memory_is_estimated_before_anything_is_allocated(monkeypatch):
    monkeypatch.setattr(snn.cuda.Device, "free", lambda device: 1e3)
    with pytest.raises(snn.ResourceError, match=r"2 samples of .* staircase neurons need .* GB on cuda"):
        snn.Simulation(every_fan()[0], engine="exact", device="cuda", batch=2)
