"""What tests of the engines for graphics cards have in common."""

import numpy as np

import snn


def assert_equal(network, pieces, change=None, **options):
    """Run a network on both devices, in pieces, and compare spikes, events, traces and what the neurons are in."""
    found = []
    for device in ("cpu", "cuda"):
        simulation = snn.Simulation(network, device=device, first_sample=3, **options)
        simulation.run(pieces[0])
        if change is not None:
            change(simulation)
        for piece in pieces[1:]:
            simulation.run(piece)
        found.append((simulation.recording, simulation))
    (cpu, first), (cuda, second) = found
    assert first.time == second.time
    for name, record in cpu.spikes.items():
        columns = "samples", "steps", "neurons", *(("offsets",) if record.offsets is not None else ())
        for column in columns:
            one, other = getattr(record, column), getattr(cuda.spikes[name], column)
            np.testing.assert_array_equal(one, other, err_msg=f"{name}: {column}")
            assert one.tobytes() == other.tobytes(), (name, column)
    for mine, other in zip(cpu.traces, cuda.traces, strict=True):
        assert mine.times.tobytes() == other.times.tobytes()
        assert mine.values.tobytes() == other.values.tobytes()
    np.testing.assert_array_equal(cpu.events, cuda.events)
    for population in network.populations.values():
        for variable in first._engine.variables(population.name):
            one, other = (simulation.state(population, variable) for simulation in (first, second))
            assert one.tobytes() == other.tobytes(), (population.name, variable)
    return cpu
