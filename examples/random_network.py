"""A small random network of excitatory and inhibitory neurons (after Brunel, J. Comput. Neurosci. 8, 2000).

Run: python examples/random_network.py [--show]
"""

import sys

import snn


def main(size: int = 1_000, duration: float = 500.0) -> snn.Recording:
    """Simulate four fifths excitatory, one fifth inhibitory neurons; returns the recording."""
    net = snn.Network(seed=42)
    neuron = snn.LIF(tau_m=20.0, v_threshold=20.0, v_reset=10.0, t_ref=2.0)
    start = {"v": snn.Uniform(0.0, 20.0)}
    exc = net.population("exc", size * 4 // 5, neuron, initial=start)
    inh = net.population("inh", size // 5, neuron, initial=start)
    net.connect(net.poisson("noise", rate=10_000.0), exc + inh, weight=0.15)  # a train of its own for every neuron
    net.connect(exc, exc + inh, snn.FixedInDegree(80), weight=0.15, delay=1.5)  # mV, ms
    net.connect(inh, exc + inh, snn.FixedInDegree(20), weight=-0.9, delay=1.5)

    simulation = snn.Simulation(net, dt=0.1, threads=2)
    recording = simulation.run(duration, report="bar" if sys.stderr.isatty() else None)

    for name, spikes in recording.spikes.items():
        print(f"{name}: {len(spikes):,} spikes, {spikes.rate():.1f} Hz")
    if "--show" in sys.argv:
        import matplotlib.pyplot as plt

        recording.plot_raster("exc", "inh")
        plt.show()
    return recording


if __name__ == "__main__":
    main()
