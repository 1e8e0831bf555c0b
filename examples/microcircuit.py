"""The cortical microcircuit at a tenth of its size: spikes by layer, and rates beside those of the full network.

Fewer neurons with fewer, stronger synapses keep the mean of their input, but not how it is correlated: the rates come
near the full network's and stay below most of them. After T. C. Potjans and M. Diesmann, Cereb. Cortex 24, 2014.

Run: python examples/microcircuit.py [PICTURE.png]
"""

import sys

import numpy as np

import snn
from snn.networks.potjans_diesmann import POPULATIONS, RATES


def main(picture: str = "microcircuit.png", scale: float = 0.1, duration: float = 1_000.0) -> np.ndarray:
    """Simulate and draw; returns the rates of the eight populations in Hz."""
    import matplotlib.pyplot as plt

    simulation = snn.Simulation(snn.networks.potjans_diesmann(scale, seed=1), dt=0.1, threads=2)
    simulation.run(200.0)  # until the start is forgotten
    recording = simulation.run(duration, report="bar" if sys.stderr.isatty() else None)
    rates = np.array([recording.spikes[name].rate() for name in POPULATIONS])
    for name, rate, published in zip(POPULATIONS, rates, RATES, strict=True):
        print(f"{name:5} {rate:5.2f} Hz, full network {published:5.2f} Hz")

    figure, (raster, bars) = plt.subplots(1, 2, figsize=(11, 6), width_ratios=[2, 1], layout="constrained")
    base, middles = 0, []
    for i, name in reversed(list(enumerate(POPULATIONS))):  # the deepest layer at the bottom
        spikes = recording.spikes[name]
        late = spikes.times > recording.stop - 400.0
        colour = "tab:blue" if name.endswith("E") else "tab:red"
        raster.plot(spikes.times[late], spikes.neurons[late] + base, ".", color=colour, markersize=2)
        bars.barh(i - 0.2, rates[i], 0.4, color=colour)
        bars.barh(i + 0.2, RATES[i], 0.4, color=colour, alpha=0.35)
        size = spikes.counts().size
        middles.append(base + size / 2)
        base += size
    raster.set(xlabel="time (ms)", xlim=(recording.stop - 400.0, recording.stop), ylim=(0, base))
    raster.set_yticks(middles, reversed(POPULATIONS))
    bars.set(xlabel="rate (Hz); light: full network", ylim=(7.6, -0.6))
    bars.set_yticks(range(8), POPULATIONS)
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return rates


if __name__ == "__main__":
    main(*sys.argv[1:2])
