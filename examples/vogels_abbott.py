"""Activity that keeps itself going: Vogels and Abbott's networks, which receive no input that varies.

In one a spike adds a current, in the other it opens a conductance; neither is told when to fire, yet both go on firing
irregularly. After T. P. Vogels and L. F. Abbott, J. Neurosci. 25, 2005.

Run: python examples/vogels_abbott.py [PICTURE.png]
"""

import sys

import snn


def main(picture: str = "vogels_abbott.png", scale: float = 1.0, duration: float = 500.0) -> dict[str, float]:
    """Simulate and draw both networks; returns their rates in Hz over the second half."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 6), height_ratios=[2, 1], sharex=True, layout="constrained")
    rates = {}
    for i, (name, make) in enumerate({"currents": snn.networks.cuba, "conductances": snn.networks.coba}.items()):
        net = make(scale, seed=1)
        exc = net.populations["exc"]
        net.record(exc[:1], "v", every=0.1)
        simulation = snn.Simulation(net, dt=0.1, threads=2)
        simulation.run(duration / 2)
        rates[name] = simulation.run(duration / 2).spikes["exc"].rate()
        print(f"{name:12} {rates[name]:5.1f} Hz")

        raster, trace = axes[:, i]
        recording = simulation.recording
        recording.plot_raster("exc", "inh", axes=raster)
        recording.plot_trace("exc", axes=trace)
        raster.set(title=f"synaptic {name}: {rates[name]:.1f} Hz", xlabel="")
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return rates


if __name__ == "__main__":
    main(*sys.argv[1:2])
