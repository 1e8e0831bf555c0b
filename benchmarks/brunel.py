"""Brunel's network of sparsely connected neurons (J. Comput. Neurosci. 8, 2000), asynchronous irregular; one JSON line.

12,500 neurons, 15.6 million delta synapses, delays of 1.5 ms, at scale 1.

Run: python benchmarks/brunel.py --threads 1 --sim-ms 1000
"""

import argparse
import hashlib
import json
import resource
import sys
import time

import numpy as np

import snn


def network(scale: float, seed: int) -> snn.Network:
    """Return the network; in-degrees scale with its size, weights inversely."""
    order = round(2_500 * scale)
    weight, ratio = 0.1 * 1_000 / (0.4 * order), 5.0
    net = snn.Network(seed=seed)
    neuron = snn.LIF(tau_m=20.0, v_threshold=20.0, v_reset=0.0, t_ref=2.0)
    exc, inh = net.population("exc", 4 * order, neuron), net.population("inh", order, neuron)
    degree = round(0.4 * order)
    # Twice the rate at which excitatory input alone would bring the mean potential to the threshold.
    rate = 2.0 * 20.0 / (weight * degree * 20.0) * degree * 1000.0
    net.connect(net.poisson("noise", rate), exc + inh, weight=weight)
    net.connect(exc, exc + inh, snn.FixedInDegree(degree), weight=weight, delay=1.5)
    net.connect(inh, exc + inh, snn.FixedInDegree(degree // 4), weight=-ratio * weight, delay=1.5)
    return net


def main() -> None:
    """Build, warm up, run, and print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sim-ms", type=float, default=1000.0)
    parser.add_argument("--warm-ms", type=float, default=100.0)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    begun = time.perf_counter()
    simulation = snn.Simulation(network(options.scale, options.seed), dt=0.1, threads=options.threads)
    built = time.perf_counter() - begun
    begun = time.perf_counter()
    simulation.run(options.warm_ms)
    warmed = time.perf_counter() - begun
    begun = time.perf_counter()
    recording = simulation.run(options.sim_ms)
    seconds = time.perf_counter() - begun
    records = recording.spikes
    sizes = {name: int(np.prod(record.shape)) for name, record in records.items()}
    steps = np.concatenate([records["exc"].steps, records["inh"].steps])
    neurons = np.concatenate([records["exc"].neurons, records["inh"].neurons + sizes["exc"]])
    order = np.lexsort((neurons, steps))
    pairs = np.stack([steps[order], neurons[order]], axis=1).astype("<i8")
    events, spikes = int(recording.synaptic_events()[0]), len(pairs)
    line = {
        "simulator": "allornone",
        "network": "brunel",
        "neurons": sum(sizes.values()),
        "synapses": int(sum(fan.sum() for fan in recording.fan_out.values())),
        "threads": options.threads,
        "build_s": round(built, 3),
        "warm_s": round(warmed, 3),
        "sim_s": round(seconds, 4),
        "simulated_ms": options.sim_ms,
        "rtf": round(seconds / options.sim_ms * 1000.0, 4),
        "mean_rate_hz": round(spikes / sum(sizes.values()) / options.sim_ms * 1000.0, 3),
        "spikes": spikes,
        "synaptic_events": events,
        "events_per_s": round(events / seconds),
        "spikes_sha256": hashlib.sha256(pairs.tobytes()).hexdigest(),
    }
    # Kilobytes, but bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
    print(json.dumps(line | {"peak_rss_mb": round(peak)}))


if __name__ == "__main__":
    main()
