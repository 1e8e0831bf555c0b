"""The brain of a fruit-fly larva, from its wiring diagram: which neurons fire when the senses do, and after how long.

The edge list has lines "source target synapses"; beside it, neurons.csv.gz has columns skeleton_id, class and sensory.
Both are in data/elife of github.com/neurodata/bilateral-connectome; the reconstruction is M. Winding et al., "The
connectome of an insect brain", Science 379, 2023. It does not tell the strength of synapses or which of them inhibit.
Here a synapse adds 7 pA, and only local neurons (LNs) inhibit, so that activity grows once it has reached the mushroom
body: look at the order in which it spreads, not at its rates.

Run: python examples/larva.py EDGELIST.txt.gz [PICTURE.png]
"""

import csv
import gzip
import sys
from pathlib import Path

import numpy as np

import snn


def brain(edges: Path) -> tuple[snn.Network, np.ndarray]:
    """Return the network and the class of each neuron; sensory neurons fire at 50 Hz, by chance."""
    with gzip.open(edges.parent / "neurons.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    classes = np.array([row["class"] for row in rows])
    number = {row["skeleton_id"]: i for i, row in enumerate(rows)}
    with gzip.open(edges, "rt") as file:
        listed = [line.split() for line in file]
    known = [(number[a], number[b], float(n)) for a, b, n in listed if a in number and b in number]
    source, target, synapses = np.array(known).T
    source, target = source.astype(int), target.astype(int)

    net = snn.Network(seed=1)
    neuron = snn.LIF(tau_m=20.0, v_rest=-52.0, v_threshold=-45.0, v_reset=-52.0, synapse="exponential", tau_syn=5.0)
    neurons = net.population("neurons", len(rows), neuron)
    weight = 7.0 * synapses * np.where(classes[source] == "LNs", -1.0, 1.0)
    net.connect(neurons, neurons, snn.Edges(source, target), weight=weight, delay=1.8)
    senses = np.flatnonzero([row["sensory"] == "True" for row in rows])
    world = net.poisson("world", 50.0, shape=len(senses))
    net.connect(world, neurons, snn.Edges(np.arange(len(senses)), senses), weight=600.0)  # pA: each makes one spike
    return net, classes


def main(edges: str = "", picture: str = "larva.png", duration: float = 100.0) -> dict[str, float] | None:
    """Simulate and draw; returns the share of each class that has fired, the first to fire first."""
    if not Path(edges).is_file():
        print("Give the path of the edge list; examples/larva.py says where it is from.")
        return None
    import matplotlib.pyplot as plt

    net, classes = brain(Path(edges))
    spikes = snn.Simulation(net, threads=2).run(duration).spikes["neurons"]
    first = np.full(len(classes), np.inf)
    np.minimum.at(first, spikes.neurons, spikes.times)
    tenth = {name: np.sort(first[classes == name])[np.sum(classes == name) // 10] for name in np.unique(classes)}
    order = sorted(tenth, key=tenth.__getitem__)
    fired = {name: float(np.isfinite(first[classes == name]).mean()) for name in order}
    for name in order:
        when = "" if np.isinf(tenth[name]) else f", a tenth of them within {tenth[name]:.1f} ms"
        print(f"{name:10} {np.sum(classes == name):4} neurons, {fired[name]:4.0%} fire{when}")

    place = np.empty(len(classes), int)
    place[np.argsort([order.index(name) for name in classes], kind="stable")] = np.arange(len(classes))
    figure, axes = plt.subplots(figsize=(9, 8), layout="constrained")
    for i, name in enumerate(order):
        mine = classes[spikes.neurons] == name
        axes.plot(spikes.times[mine], place[spikes.neurons[mine]], ".", color=f"C{i % 10}", markersize=2)
    axes.set(xlabel="time (ms)", xlim=(0, duration), ylim=(len(classes), 0))
    axes.tick_params(axis="y", labelsize=8)
    axes.set_yticks([place[classes == name].mean() for name in order], [f"{n}, {fired[n]:.0%}" for n in order])
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return fired


if __name__ == "__main__":
    main(*sys.argv[1:3])
