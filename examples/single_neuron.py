"""A single neuron: a stronger current makes it fire more often, never harder.

Run: python examples/single_neuron.py [--show]
"""

import sys

import numpy as np

import snn


def main(duration: float = 300.0) -> np.ndarray:
    """Drive a leaky neuron with three currents; returns its rates in Hz."""
    net = snn.Network()
    currents = np.array([200.0, 300.0, 600.0])  # pA; the first is below rheobase
    cells = net.population("cells", 3, snn.LIF(tau_m=20.0, c_m=250.0, v_threshold=20.0, t_ref=2.0, i_e=currents))
    net.record(cells, "v", every=0.1)

    recording = snn.Simulation(net, dt=0.1).run(duration)

    rates = recording.spikes["cells"].counts()[0] / duration * 1000.0
    for current, rate in zip(currents, rates, strict=True):
        print(f"{current:5.0f} pA: {rate:5.1f} Hz")
    if "--show" in sys.argv:
        import matplotlib.pyplot as plt

        recording.plot_trace("cells")
        plt.show()
    return rates


if __name__ == "__main__":
    main()
