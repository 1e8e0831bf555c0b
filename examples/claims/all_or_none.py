"""Claim: all or none. A stronger stimulus raises the frequency of spikes, not their size, and that frequency is a ReLU.

The neuron is given constant currents. Its spikes are all alike; how many it fires in T steps is the rectified
current, rounded to whole spikes (E. Adrian, "The impulses produced by sensory nerve endings", 1926; what `bridge`
builds on).

Run: python examples/claims/all_or_none.py [PICTURE.png]
"""

import sys

import numpy as np

import snn
from bridge.rate.thresholds import quantise


def main(picture: str = "all_or_none.png", steps: int = 64, currents: int = 101) -> dict[str, float]:
    """Drive integrate-and-fire and Hodgkin-Huxley neurons; returns the errors of both halves of the claim."""
    import matplotlib.pyplot as plt

    # Frequency: neurons with a soft reset, as a converted ReLU.
    drive, net = np.linspace(-0.5, 1.2, currents), snn.Network()
    model = snn.IF(v_threshold=1.0, v_reset=0.0, reset="soft")
    cells = net.population("cells", currents, model, initial={"v": 0.5})
    net.connect(net.current("drive", drive), cells, snn.OneToOne(), weight=1.0)
    rates = snn.Simulation(net, dt=1.0).run(float(steps)).spikes["cells"].counts()[0] / steps
    off = np.abs(rates - quantise(np.maximum(drive, 0.0), 1.0, steps)).max()

    # Size: a membrane with its ion currents.
    net, strengths = snn.Network(), np.array([700.0, 1000.0, 1500.0])  # pA
    membrane = net.population("membrane", 3, snn.HodgkinHuxley(i_e=strengths))
    net.record(membrane, "v", every=0.05)
    recording = snn.Simulation(net, dt=0.05).run(200.0)
    v, times = recording.trace("membrane").values[0], recording.trace("membrane").times
    late = v[times > 50.0]
    heights, counts = late.max(axis=0), recording.spikes["membrane"].counts()[0]
    found = {
        "largest difference from a ReLU of so many steps": float(off),
        "frequency, strongest over weakest": float(counts[-1] / counts[0]),
        "height, strongest over weakest": float((heights[-1] + 65.0) / (heights[0] + 65.0)),
    }
    for name, value in found.items():
        print(f"{name}: {value:.3g}")
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    axes[0].plot(drive, np.maximum(drive, 0.0), "k--", label="ReLU")
    axes[0].plot(drive, rates, label=f"spikes a step, T = {steps}")
    axes[0].set(
        xlabel="current (thresholds a step)", ylabel="rate (spikes a step)", title="Frequency is a ReLU, up to 1"
    )
    axes[0].legend()
    for i, strength in enumerate(strengths):
        axes[1].plot(times, v[:, i] + 130 * i, label=f"{strength:g} pA: {counts[i] / 0.2:.0f} Hz")
    axes[1].set(xlabel="time (ms)", ylabel="v (mV, one above the other)", title="Spikes are all alike")
    axes[1].set(xlim=(0, 100), ylim=(-100, 380))
    axes[1].legend(loc="upper center", ncols=3)
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
