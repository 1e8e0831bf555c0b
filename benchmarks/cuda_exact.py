"""The exact engine and staircase networks on a graphics card: what the CPU says, to the last bit, and how fast.

In an environment that has numba, numba-cuda, NumPy, h5py and SciPy, without network:

    PYTHONPATH=. python benchmarks/cuda_exact.py

Where time on a card is short, the CPU's part can be done before, on any machine:

    PYTHONPATH=. python benchmarks/cuda_exact.py --devices cpu > cpu.jsonl
    PYTHONPATH=. python benchmarks/cuda_exact.py --devices cuda --against cpu.jsonl

A line of JSON for each network: whether the spikes of both devices are the same (``spikes_sha256``, of their windows,
offsets and neurons), seconds to build, to compile and warm up, and of computing (``seconds``), and ``rtf``, seconds of
computing a second of the network's time. ``lowered_sha256`` is of the arrays that the card's engine is given; where it
differs between two machines, so will the spikes. Where the spikes of two devices of one call are not the same,
``difference`` says how many each has for itself, and shows the first: its window, neuron, and offset to the last bit.
And where a card's are not the CPU's, it simulates the network once more: ``repeated`` says whether its spikes are then
those of the first time, which they are not if its threads race. The last line is of a convolutional network of
staircase neurons, whose images are the samples of one batch: whether the levels of all neurons are the same, and images
a second. In CUDA's simulator, very small and slow:

    NUMBA_ENABLE_CUDASIM=1 PYTHONPATH=. python benchmarks/cuda_exact.py --scale 0.01 --networks sparse --images 1
"""

import argparse
import hashlib
import json
import sys
import time

import devices
import numpy as np

import snn
from snn.program import lower_exact

NETWORKS = {
    "sparse": lambda scale, seed: snn.networks.sparse(scale, synapse="exponential", seed=seed),
    "sparse, 10 times": lambda scale, seed: snn.networks.sparse(10.0 * scale, synapse="exponential", seed=seed),
    "sparse, delays drawn": lambda scale, seed: snn.networks.sparse(scale, delay=snn.Uniform(1.0, 3.0), seed=seed),
    "fly": lambda scale, seed: snn.networks.fly(scale, seed=seed),
    "brunel": lambda scale, seed: snn.networks.brunel(scale, seed=seed),
}
BATCHES = {"sparse": 32}  # of which one more line is printed


def look_anyway() -> str | None:
    """Have a card prove itself, and let the exact engine run there if it does not; returns why it would be refused."""
    from snn.engines import exact_cuda

    reason = None
    try:
        exact_cuda.prove("cuda")
    except snn.BackendUnavailable as error:
        reason = str(error)
    exact_cuda.prove = lambda device: None
    return reason


def checksum(recording: snn.Recording) -> str:
    """Return a hash of all spikes, population by population."""
    digest = hashlib.sha256()
    for name, record in recording.spikes.items():
        digest.update(name.encode())
        for column in (record.samples, record.steps, record.offsets, record.neurons):
            digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def measure(
    network: snn.Network, device: str, batch: int, options: argparse.Namespace
) -> tuple[dict, snn.Simulation, snn.Recording]:
    """Build a network on a device, run it for a while, which compiles, and then for the duration."""
    start = time.perf_counter()
    simulation = snn.Simulation(network, engine="exact", device=device, threads=options.threads, batch=batch)
    built = time.perf_counter()
    simulation.run(options.warm_ms)
    ready = time.perf_counter()
    simulation.run(options.sim_ms)
    seconds = time.perf_counter() - ready
    recording = simulation.recording
    lowered = simulation.program if device != "cpu" or options.threads == 1 else lower_exact(network, 1)
    found = {
        "build_s": round(built - start, 4),
        "warm_up_s": round(ready - built, 4),
        "seconds": round(seconds, 5),
        "rtf": round(1000.0 * seconds / options.sim_ms, 5),
        "spikes": sum(map(len, recording.spikes.values())),
        "arrivals": int(recording.events.sum()),
        "lowered_sha256": devices.checksum_of(lowered),
        "spikes_sha256": checksum(recording),
    }
    return found, simulation, recording


def repeated(simulation: snn.Simulation, digest: str, options: argparse.Namespace) -> bool:
    """Simulate once more from the beginning, and say whether the spikes are the same again."""
    simulation.reset()
    simulation.run(options.warm_ms)
    simulation.run(options.sim_ms)
    return checksum(simulation.recording) == digest


def line_of(name: str, batch: int, known: list[dict], options: argparse.Namespace) -> dict:
    """Measure a network on all devices."""
    case = {"network": name, "scale": options.scale, "samples": batch, "simulated_ms": options.sim_ms}
    network = NETWORKS[name](options.scale, options.seed)
    measured = {device: measure(network, device, batch, options) for device in options.devices}
    line = devices.compare(case, {device: found for device, (found, *_) in measured.items()}, known, "spikes_sha256")
    if line["equal"] is False:
        if len(measured) == 2:
            line["difference"] = devices.difference({device: one[-1] for device, one in measured.items()})
        for device, (found, simulation, _) in measured.items():
            if device != "cpu":
                line[device]["repeated"] = repeated(simulation, found["spikes_sha256"], options)
    return line


def staircase(known: list[dict], options: argparse.Namespace) -> dict:
    """Settle a convolutional network of staircase neurons on all devices, twice; the second time counts."""
    rng, net = np.random.default_rng(options.seed), snn.Network()
    side = 28 if options.scale >= 1.0 else 8
    last = net.counts("image", (side, side, 1))
    for i, channels in enumerate((16, 32)):
        rule = snn.Conv2d(rng.normal(size=(5, 5, last.shape[-1], channels)), padding=2)
        layer = net.population(f"layer{i}", rule.target_shape(last.shape), snn.Quantizer(8.0, low=0, high=15))
        net.connect(last, layer, rule)
        pool = snn.MaxPool2d(2)
        last = net.population(f"pool{i}", pool.target_shape(layer.shape), snn.Quantizer())
        net.connect(layer, last, pool)
    out = net.population("out", 10, snn.Quantizer(1.0))
    net.connect(last, out, snn.Dense(rng.normal(size=(10, last.size))))
    images, found = rng.integers(0, 16, (2, options.images, side, side, 1)), {}
    for device in options.devices:
        simulation = snn.Simulation(net, engine="exact", device=device, threads=options.threads, batch=options.images)
        simulation.settle({"image": images[0]})
        start = time.perf_counter()
        settled = simulation.settle({"image": images[1]})
        seconds = time.perf_counter() - start
        digest = hashlib.sha256()
        for name in net.populations:
            digest.update(np.ascontiguousarray(settled.levels[name]).tobytes())
        found[device] = {
            "seconds": round(seconds, 5),
            "images_a_second": round(options.images / seconds, 1),
            "events": int(sum(settled.emitted[name].sum() for name in net.populations)),
            "levels_sha256": digest.hexdigest(),
        }
    return devices.compare({"network": "staircase", "images": options.images}, found, known, "levels_sha256")


def main() -> None:
    """Print a line for each network; the exit status says whether all was the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--sim-ms", type=float, default=200.0)
    parser.add_argument("--warm-ms", type=float, default=20.0, help="run before the clock starts")
    parser.add_argument(
        "--images", type=int, default=1024, help="of a staircase network, in one batch; 0: leave it out"
    )
    devices.add_options(parser)
    options = parser.parse_args()
    if options.devices != ["cpu"]:
        print(json.dumps({"benchmark": "cuda_exact", "refused": look_anyway()}), flush=True)
    known, equal = devices.known_lines(options), True
    for name in options.networks:
        for batch in (1, *([BATCHES[name]] if name in BATCHES else [])):
            equal &= devices.tell(line_of(name, batch, known, options), "cuda_exact")
    if options.images:
        equal &= devices.tell(staircase(known, options), "cuda_exact")
    sys.exit(not equal)


if __name__ == "__main__":
    main()
