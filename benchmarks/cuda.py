"""The grid engine on a graphics card: the CPU's spikes, how fast, and where the time of a step goes.

One call, without network, in an environment that has numba, numba-cuda, NumPy, h5py and SciPy (and torch and snnTorch
for converted networks, which are left out where `bridge` cannot be imported):

    PYTHONPATH=. python benchmarks/cuda.py

A line of JSON for each network and seed: whether the spikes of both devices are the same (``spikes_sha256``), seconds
to build and to compile, seconds of computing a second of the network's time (``rtf``), and the shares of a step's time
that one of the card's threads spends in its phases. In CUDA's simulator, very small and slow:

    NUMBA_ENABLE_CUDASIM=1 PYTHONPATH=. python benchmarks/cuda.py --scale 0.003 --sim-ms 1 --networks brunel cuba coba

With compute-sanitizer (of the CUDA toolkit), on small networks:

    PYTHONPATH=. compute-sanitizer --tool memcheck python benchmarks/cuda.py --scale 0.02 --sim-ms 20 --seeds 1
    PYTHONPATH=. compute-sanitizer --tool racecheck python benchmarks/cuda.py --scale 0.02 --sim-ms 20 --seeds 1
"""

import argparse
import hashlib
import json
import sys
import time

import numpy as np

import snn

NETWORKS = {
    "brunel": snn.networks.brunel,
    "cuba": snn.networks.cuba,
    "coba": snn.networks.coba,
    "pd14": snn.networks.potjans_diesmann,
}
DT = 0.1  # ms
PHASES = ("arrivals", "waiting after arrivals", "updates", "waiting after updates")


def checksum(recording: snn.Recording) -> str:
    """Return a hash of all spikes, population by population."""
    digest = hashlib.sha256()
    for name, record in recording.spikes.items():
        digest.update(name.encode())
        for column in (record.samples, record.steps, record.neurons):
            digest.update(np.ascontiguousarray(column, np.int64).tobytes())
    return digest.hexdigest()


def measure(network: snn.Network, device: str, threads: int, duration: float, warm: float) -> dict:
    """Build a network on a device, run it for a while, which compiles, and then for the duration."""
    start = time.perf_counter()
    simulation = snn.Simulation(network, dt=DT, device=device, threads=threads)
    built = time.perf_counter()
    simulation.run(warm)
    ready = time.perf_counter()
    memory = getattr(simulation._engine, "memory", None)
    simulation.run(duration)
    done = time.perf_counter()
    found = {"build_s": built - start, "warm_up_s": ready - built, "rtf": 1000.0 * (done - ready) / duration}
    if device != "cpu":
        ticks = simulation._engine.device.download(memory.ticks)
        total = max(int(ticks.sum()), 1)
        found["phases"] = {name: int(tick) / total for name, tick in zip(PHASES, ticks, strict=True)}
    recording = simulation.recording
    return found | {"spikes": sum(map(len, recording.spikes.values())), "spikes_sha256": checksum(recording)}


def compare(name: str, scale: float, seed: int, options: argparse.Namespace) -> dict:
    """Measure a network on both devices."""
    found = {}
    for device in ("cpu", options.device):
        network = NETWORKS[name](scale=scale, seed=seed)
        found[device] = measure(network, device, options.threads, options.sim_ms, options.warm_ms)
    digests = {one["spikes_sha256"] for one in found.values()}
    return {"network": name, "scale": scale, "seed": seed, "simulated_ms": options.sim_ms, **found} | {
        "equal": len(digests) == 1
    }


def converted(options: argparse.Namespace) -> dict:
    """Compare a converted convolutional network, whose images are the samples of one batch, on both devices."""
    import torch

    import bridge

    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 5, padding=2), torch.nn.ReLU(), torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(16, 32, 5, padding=2), torch.nn.ReLU(), torch.nn.AvgPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(32 * 7 * 7, 10),
    ).eval()  # fmt: skip
    images = torch.rand(options.images, 1, 28, 28)
    network = bridge.convert(module, images[:16], method="rate", steps=8).network
    current, levels = next(iter(network.sources.values())), images.numpy().reshape(len(images), -1)
    found = {}
    for device in ("cpu", options.device):
        simulation = snn.Simulation(network, dt=1.0, device=device, threads=options.threads, batch=len(images))
        simulation.set(current, amplitude=levels.astype(np.float64))
        simulation.run(1.0)
        start = time.perf_counter()
        simulation.run(10.0)
        recording = simulation.recording
        seconds = time.perf_counter() - start
        found[device] = {"images_a_second": len(images) / seconds, "spikes_sha256": checksum(recording)}
    equal = len({one["spikes_sha256"] for one in found.values()}) == 1
    return {"network": "converted CNN", "images": len(images), **found, "equal": equal}


def main() -> None:
    """Print a line for each network and seed; the exit status says whether all spikes were the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--sim-ms", type=float, default=1000.0)
    parser.add_argument("--warm-ms", type=float, default=None, help="run before the clock starts; a tenth by default")
    parser.add_argument("--threads", type=int, default=8, help="of the CPU")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--images", type=int, default=0, help="of a converted CNN, in one batch; 0: leave it out")
    options = parser.parse_args()
    if options.warm_ms is None:
        options.warm_ms = max(round(options.sim_ms / 10.0 / DT), 1) * DT
    equal = True
    for name in options.networks:
        for seed in options.seeds:
            line = compare(name, options.scale, seed, options)
            equal &= line["equal"]
            print(json.dumps({"benchmark": "cuda", **line}), flush=True)
    if options.images:
        line = converted(options)
        equal &= line["equal"]
        print(json.dumps({"benchmark": "cuda", **line}), flush=True)
    sys.exit(not equal)


if __name__ == "__main__":
    main()
