"""Staircase networks against their quantised twin, and how fast they are; JSON lines.

Trials: random networks (convolutions, pooling, dense, listed, residual, product connections, with delays of their own),
random counts, which come in a random number of windows at random times, settled by each of the three schedules. A trial
is one sample by one schedule, and a mismatch one in which any level or sum is not the twin's, which
`tests/reference_staircase.py` computes by integer matrix products.

Windows: a convolutional network as one converted from an artificial one, whose image arrives in so many windows: events
under coalescing, as a ratio to those of phased neurons with the whole image at once, the fewest there can be.

Speed: the same network, events a second and images a second by each schedule.

Run: python benchmarks/staircase.py --trials 100000
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

import snn

sys.path.append(str(Path(__file__).parent.parent / "tests"))
import reference_staircase as reference

SCHEDULES = ("phased", "coalescing", "free")
SAMPLES = 16  # a network
IMAGES = 100


def trials(wanted: int, seed: int, threads: int) -> dict:
    """Compare random networks with their twins."""
    done = mismatches = events = least = networks = refused = 0
    begun = time.perf_counter()
    while done < wanted:
        rng = np.random.default_rng([seed, networks])
        networks += 1
        net = reference.random_network(rng)
        counts = reference.random_counts(rng, net, SAMPLES)
        levels, sums = reference.twin(net, counts)
        windows = int(rng.integers(1, 6))
        inputs, times = reference.in_windows(rng, counts, windows), np.sort(rng.uniform(0.0, 6.0, windows))
        for schedule in SCHEDULES:
            options = {"window": float(rng.choice([0.0, 0.7]))} if schedule == "coalescing" else {}
            sim = snn.Simulation(net, engine="exact", batch=SAMPLES, threads=threads)
            try:
                settled = sim.settle(inputs, schedule=schedule, times=times, **options)
            except snn.ValidationError:  # sums that could overflow
                refused += SAMPLES
                continue
            wrong = np.zeros(SAMPLES, bool)
            for found, expected in ((settled.levels, levels), (settled.sums, sums)):
                for name, values in expected.items():
                    wrong |= (found[name].reshape(values.shape) != values).reshape(SAMPLES, -1).any(axis=1)
            done += SAMPLES
            mismatches += int(wrong.sum())
            events += sum(int(settled.events[name].sum()) for name in net.populations)
            for name, p in net.populations.items():
                said = np.abs(settled.levels[name])
                least += int((said > 0).sum() if isinstance(p.model, snn.Product) else said.sum())
    return {
        "what": "trials",
        "networks": networks,
        "trials": done,
        "mismatches": mismatches,
        "refused": refused,
        "events": events,
        "minimum": least,
        "seconds": round(time.perf_counter() - begun, 1),
    }


class Scale(NamedTuple):
    """What one event of a layer stands for, and the bias of its neurons."""

    step: float
    bias: float


def build(kernels: list[np.ndarray], scales: list[Scale], levels: int) -> snn.Network:
    """Return a convolutional network on images of 28 x 28; a layer whose scale is not known is silent, and the last."""
    net = snn.Network()
    layer = net.counts("image", (28, 28, 1))
    for number, kernel in enumerate(kernels[:2]):
        rule = snn.Conv2d(kernel)
        source, shape = layer, rule.target_shape(layer.shape)
        if number == len(scales):
            net.connect(source, net.population("silent", shape, snn.Staircase([])), rule)
            return net
        step, bias = scales[number]
        model = snn.Quantizer(step, low=0, high=levels)
        layer = net.population(f"conv{number}", shape, model, initial={"u": bias})
        net.connect(source, layer, rule)
        pool = snn.MaxPool2d(2)
        pooled = net.population(f"pool{number}", pool.target_shape(shape), snn.Quantizer())
        net.connect(layer, pooled, pool)
        layer = pooled
    out = net.population("out", 10, snn.Staircase([]))
    net.connect(layer, out, snn.Dense(kernels[2]))
    return net


def converted(rng: np.random.Generator, levels: int, counts: np.ndarray) -> snn.Network:
    """Return a network like a converted one: random weights, and in both layers a quarter of the neurons active.

    The largest level is what one of a thousand activations reaches, as where steps are chosen by least squares.
    """
    shapes = [(5, 5, 1, 16), (5, 5, 16, 32), (10, 512)]
    kernels, scales = [rng.normal(0.0, 1.0, shape) for shape in shapes], []
    for _ in range(2):
        sim = snn.Simulation(build(kernels, scales, levels), engine="exact", batch=len(counts))
        sums = sim.settle({"image": counts}).sums["silent"]
        bias = -float(np.quantile(sums, 0.75))
        scales.append(Scale((float(np.quantile(sums, 0.999)) + bias) / levels, bias))
    return build(kernels, scales, levels)


def images(rng: np.random.Generator, number: int) -> np.ndarray:
    """Return smooth blobs on a dark ground, 0 to 255, about as much of them bright as of a handwritten digit."""
    y, x = np.mgrid[0:28, 0:28]
    found = np.zeros((number, 28, 28))
    for image in found:
        for _ in range(4):
            cy, cx = rng.uniform(6.0, 22.0, 2)
            image += np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2.0 * rng.uniform(1.5, 3.0) ** 2))
    return np.clip(255.0 * found - 40.0, 0.0, 255.0).astype(np.int64)[..., None]


def neurons_events(net: snn.Network, settled: snn.Settled) -> int:
    """Return how many events the populations have emitted."""
    return sum(int(settled.events[name].sum()) for name in net.populations)


def windows(levels: int, threads: int) -> dict:
    """Let an image arrive in several windows, each pixel in one of its own."""
    rng = np.random.default_rng(1)
    counts = images(rng, IMAGES)
    net = converted(rng, levels, counts)
    sim = snn.Simulation(net, engine="exact", batch=IMAGES, threads=threads)
    whole = sim.settle({"image": counts})
    least, ratios = neurons_events(net, whole), {}
    for number in (2, 4, 8):
        inputs = reference.in_windows(rng, {"image": counts}, number)
        sim.reset()
        parts = sim.settle(inputs, times=10.0 * np.arange(number), schedule="coalescing")
        same = all(np.array_equal(parts.levels[name], whole.levels[name]) for name in whole.levels)
        ratios[number] = round(neurons_events(net, parts) / least, 3) if same else None
    return {"what": "windows", "levels": levels, "minimum_an_image": least / IMAGES, "ratio_by_windows": ratios}


def speed(levels: int, threads: int, repeats: int) -> list[dict]:
    """Time each schedule on the network that is like a converted one."""
    rng = np.random.default_rng(1)
    counts = images(rng, IMAGES)
    net = converted(rng, levels, counts)
    lines = []
    for schedule, batch in (("phased", IMAGES), ("phased", 1), ("coalescing", IMAGES), ("free", 4)):
        sim = snn.Simulation(net, engine="exact", batch=batch, threads=min(threads, batch))
        took = []
        for _ in range(1 + (repeats if schedule != "free" else 1)):  # the first compiles
            sim.reset()
            begun = time.perf_counter()
            settled = sim.settle({"image": counts[:batch]}, schedule=schedule)
            took.append(time.perf_counter() - begun)
        seconds, events = float(np.median(took[1:])), neurons_events(net, settled)
        lines.append(
            {
                "what": "speed",
                "schedule": schedule,
                "levels": levels,
                "batch": batch,
                "threads": min(threads, batch),
                "events_an_image": events / batch,
                "images_a_second": round(batch / seconds, 1),
                "events_a_second": round(events / seconds),
                "operations_a_second": round(int(settled.operations.sum()) / seconds),
            }
        )
    return lines


def main() -> None:
    """Print one JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--levels", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    for line in speed(given.levels, given.threads, given.repeats):
        print(json.dumps(line), flush=True)
    print(json.dumps(windows(given.levels, given.threads)), flush=True)
    print(json.dumps(trials(given.trials, given.seed, given.threads)), flush=True)


if __name__ == "__main__":
    main()
