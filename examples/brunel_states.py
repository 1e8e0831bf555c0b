"""The four states of Brunel's network: whether neurons fire in step, and whether each fires regularly.

Stronger inhibition (g) or weaker input (eta) turns the clockwork of an excited network into noise, with one and the
same kind of neuron. After figure 8 of N. Brunel, J. Comput. Neurosci. 8, 2000.

Run: python examples/brunel_states.py [PICTURE.png]
"""

import sys

import numpy as np

import snn

STATES = {
    "synchronous regular": {"g": 3.0, "eta": 2.0},
    "fast, synchronous irregular": {"g": 6.0, "eta": 4.0},
    "asynchronous irregular": {"g": 5.0, "eta": 2.0},
    "slow, synchronous irregular": {"g": 4.5, "eta": 0.9},
}


def regularity(spikes: snn.recording.SpikeRecord) -> float:
    """Return the mean coefficient of variation of the intervals between spikes: 0 for a clock, 1 for chance."""
    trains = [np.diff(spikes.train(neuron)) for neuron in range(100)]
    return float(np.mean([train.std() / train.mean() for train in trains if len(train) > 3] or [np.nan]))


def main(
    picture: str = "brunel_states.png", scale: float = 1.0, duration: float = 600.0
) -> dict[str, tuple[float, float]]:
    """Simulate and draw each state; returns its mean rate in Hz and the irregularity of single neurons."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(4, 2, figsize=(11, 9), height_ratios=[2, 1, 2, 1], layout="constrained")
    found = {}
    for i, (name, parameters) in enumerate(STATES.items()):
        # A smaller network has as many synapses a neuron.
        simulation = snn.Simulation(snn.networks.brunel(scale, epsilon=0.1 / scale, **parameters, seed=1), threads=2)
        simulation.run(200.0)  # until the state is reached
        spikes = simulation.run(duration).spikes["exc"]
        found[name] = spikes.rate(), regularity(spikes)
        print(f"{name:28} {parameters}: {found[name][0]:6.1f} Hz, CV {found[name][1]:.2f}")

        raster, rate = axes[2 * (i // 2) : 2 * (i // 2) + 2, i % 2]
        shown = (spikes.neurons < 50) & (spikes.times > spikes.stop - 200.0)
        raster.plot(spikes.times[shown], spikes.neurons[shown], "k.", markersize=3)
        raster.set(title=f"{name} (g = {parameters['g']:g}, eta = {parameters['eta']:g})", ylabel="neuron")
        late = spikes.times[spikes.times > spikes.stop - 200.0]
        counts, edges = np.histogram(late, np.linspace(spikes.stop - 200.0, spikes.stop, 401))
        rate.fill_between(edges[:-1], counts / spikes.counts().size / 0.5e-3, step="post")
        rate.set(xlabel="time (ms)", ylabel="rate (Hz)", ylim=(0, None))
        for axis in (raster, rate):
            axis.set_xlim(spikes.stop - 200.0, spikes.stop)
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
