"""Networks converted by event against their quantised twin, over many random modules, inputs and schedules; JSON lines.

A module is a random graph of all kinds of nodes that can be converted (`tests/reference_graphs.py`: activations,
dense and convolutional layers, branches, products, pools, normalisations, softmax, masks, RNN, LSTM, GRU), or one that
is sure to hold an LSTM or a GRU. It is quantised on random samples with a random number of levels, its projections get
random delays, and random counts of both signs are given to it at once or in windows at random times. A trial is one
sample by one schedule, and a mismatch one in which the level of any neuron, or a sum of the output, is not the twin's,
which `bridge.event.twin` computes in integers without the engine.

Run: python benchmarks/event_twin.py --trials 100000
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

import snn
from bridge import nodes
from bridge.event import Quantised, emit, quantised, twin
from bridge.graph import Graph
from bridge.passes import absorb_masks, decompose, unroll
from bridge.plan import plan

sys.path.append(str(Path(__file__).parent.parent / "tests"))
import reference_graphs as reference

SAMPLES = 100  # a module
CALIBRATION = 10
LARGEST_COUNT = 40
SCHEDULES = ("phased", "coalescing", "free")


def module(rng: np.random.Generator, number: int) -> Graph:
    """Return a random graph; every fifth is an LSTM on a sequence, every fifth a GRU."""
    kind = {0: nodes.LSTM, 1: nodes.GRU}.get(number % 5)
    if kind is None:
        return reference.random_graph(rng)
    time_steps, features, hidden = (int(size) for size in rng.integers(2, 6, 3))
    cell = reference.recurrent(rng, kind, "x", features, hidden)
    out = nodes.Dense(("flat",), rng.normal(size=(2, time_steps * hidden)), rng.normal(size=2))
    graph = {"x": nodes.Input((), (time_steps, features)), "cell": cell, "flat": nodes.Flatten(("cell",)), "out": out}
    return Graph(graph, "out")


def mismatches(network: Quantised, settled: snn.Settled, levels: dict, sums: np.ndarray) -> np.ndarray:
    """Say for every sample whether any level, or a sum of the output, is not the twin's."""
    wrong = np.zeros(len(sums), bool)
    for name, neurons in network.neurons.items():
        found = settled.levels[name].reshape(len(sums), -1)[:, neurons.layer.layout.neuron]
        wrong |= (found != levels[name]).any(axis=1)
    output = network.neurons[network.output]
    if output.layer.kind == "readout":
        found = settled.sums[network.output].reshape(len(sums), -1)[:, output.layer.layout.neuron]
        wrong |= (found != sums * output.quantum).any(axis=1)
    return wrong


def trials(wanted: int, seed: int) -> dict:
    """Compare random modules with their twins."""
    done, wrong, number, kinds, refused = Counter(), 0, 0, Counter(), 0
    begun = time.process_time()
    while sum(done.values()) < wanted:
        rng = np.random.default_rng([seed, number])
        graph = module(rng, number)
        number += 1
        x = rng.normal(size=(CALIBRATION, *graph.shapes()[graph.input]))
        network = quantised(plan(decompose(unroll(absorb_masks(graph)))), x, int(rng.choice([2, 4, 8, 16, 32])))
        layout = network.neurons[graph.input].layer.layout
        counts = rng.integers(-LARGEST_COUNT, LARGEST_COUNT + 1, (SAMPLES, layout.size))
        levels, sums = twin(network, counts)
        spiking = reference.delayed(rng, emit(network))
        kinds.update({type(node).__name__ for node in graph.nodes.values()})
        for schedule in SCHEDULES:
            part = SAMPLES if schedule != "free" else 2  # every unit of every event by itself: slow
            windows = 1 if schedule == "free" else int(rng.integers(1, 4))
            inputs = counts[:part, layout.order].reshape(part, *layout.image)
            given = {graph.input: reference.in_windows(rng, inputs, windows)}
            times = np.sort(rng.uniform(0.0, 6.0, windows))
            try:
                simulation = snn.Simulation(spiking, engine="exact", batch=part)
                settled = simulation.settle(given, schedule=schedule, times=times)
            except snn.ValidationError:  # sums that could overflow
                refused += part
                continue
            chosen = {name: level[:part] for name, level in levels.items()}
            wrong += int(mismatches(network, settled, chosen, sums[:part]).sum())
            done[schedule] += part
    return {
        "what": "trials",
        "modules": number,
        "trials": sum(done.values()),
        "by_schedule": dict(done),
        "mismatches": wrong,
        "refused": refused,
        "modules_with": {kind: kinds[kind] for kind in sorted(kinds)},
        "processor_seconds": round(time.process_time() - begun, 1),
    }


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(json.dumps(trials(given.trials, given.seed)), flush=True)


if __name__ == "__main__":
    main()
