"""The grid engine on a graphics card: the CPU's spikes, how fast, and where the time of a step goes.

In an environment that has numba, numba-cuda, NumPy, h5py and SciPy, without network:

    PYTHONPATH=. python benchmarks/cuda_grid.py

Where time on a card is short, the CPU's part can be done before, on any machine:

    PYTHONPATH=. python benchmarks/cuda_grid.py --devices cpu > cpu.jsonl
    PYTHONPATH=. python benchmarks/cuda_grid.py --devices cuda --against cpu.jsonl

A line of JSON for each network and seed: whether the spikes of both devices are the same (``spikes_sha256``), seconds
to build and to compile, seconds of computing a second of the network's time (``rtf``), and the shares of a step's time
that one of the card's threads spends in its phases. ``build_parts_s`` says how long kernels that draw synapses took,
the first time with what compiling them or finding them on disk takes, and how long all else, on the host;
``--drawn-by host`` is for comparison. In CUDA's simulator, very small and slow:

    NUMBA_ENABLE_CUDASIM=1 PYTHONPATH=. python benchmarks/cuda_grid.py --scale 0.003 --sim-ms 1 --networks brunel cuba

With compute-sanitizer, on small networks: see docs/cuda.md.
"""

import argparse
import contextlib
import functools
import hashlib
import sys
import time
from collections.abc import Iterator
from typing import Any

import devices
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


@contextlib.contextmanager
def drawing(by_host: bool) -> Iterator[list[float]]:
    """Have synapses drawn by the host, if so; yields a list that gets the seconds of every launch of a kernel."""
    from snn.cuda import Device
    from snn.engines import grid_cuda
    from snn.program.building import build_rows

    launch, builder, seconds = Device.launch, grid_cuda.builder, []

    def launch_by_the_clock(self, function, work, *arguments):
        start = time.perf_counter()
        launch(self, function, work, *arguments)
        seconds.append(time.perf_counter() - start)

    Device.launch = launch_by_the_clock
    if by_host:
        grid_cuda.builder = lambda *network: functools.partial(build_rows, sort=False)
    try:
        yield seconds
    finally:
        Device.launch, grid_cuda.builder = launch, builder


def measure(network: snn.Network, device: str, duration: float, options: argparse.Namespace) -> dict:
    """Build a network on a device, run it for a while, which compiles, and then for the duration."""
    with contextlib.nullcontext([]) if device == "cpu" else drawing(options.drawn_by == "host") as launches:
        start = time.perf_counter()
        simulation = snn.Simulation(network, dt=DT, device=device, threads=options.threads)
        built = time.perf_counter()
    warm, in_kernels = options.warm_ms, sum(launches)
    simulation.run(warm)
    ready = time.perf_counter()
    memory: Any = getattr(simulation._engine, "memory", None)
    simulation.run(duration)
    done = time.perf_counter()
    found: dict[str, Any] = {
        "build_s": built - start,
        "warm_up_s": ready - built,
        "rtf": 1000.0 * (done - ready) / duration,
    }
    if device != "cpu":
        found["build_parts_s"] = {"host": built - start - in_kernels, "device": in_kernels}
        from snn.engines.grid_cuda.tables import TICKS

        ticks = simulation._engine.device.download(memory.marks)[TICKS : TICKS + 4]
        total = max(int(ticks.sum()), 1)
        found["phases"] = {name: round(int(tick) / total, 3) for name, tick in zip(PHASES, ticks, strict=True)}
    recording = simulation.recording
    return found | {"spikes": sum(map(len, recording.spikes.values())), "spikes_sha256": checksum(recording)}


def line_of(name: str, seed: int, known: list[dict], options: argparse.Namespace) -> dict:
    """Measure a network on all devices."""
    case = {"network": name, "scale": options.scale, "seed": seed, "simulated_ms": options.sim_ms}
    found = {}
    for device in options.devices:
        network = NETWORKS[name](scale=options.scale, seed=seed)
        # The first time includes the compilation of what draws synapses.
        for _ in range(options.builds):
            found[device] = measure(network, device, options.sim_ms, options)
    return devices.compare(case, found, known, "spikes_sha256")


def main() -> None:
    """Print a line for each network and seed; the exit status says whether all spikes were the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--sim-ms", type=float, default=1000.0)
    parser.add_argument("--warm-ms", type=float, default=None, help="run before the clock starts; a tenth by default")
    parser.add_argument("--builds", type=int, default=1, help="so often each is built and run; the last is told of")
    parser.add_argument("--drawn-by", choices=("device", "host"), default="device", help="who draws a card's synapses")
    devices.add_options(parser)
    options = parser.parse_args()
    if options.warm_ms is None:
        options.warm_ms = max(round(options.sim_ms / 10.0 / DT), 1) * DT
    known, equal = devices.known_lines(options), True
    for name in options.networks:
        for seed in options.seeds:
            equal &= devices.tell(line_of(name, seed, known, options), "cuda")
    sys.exit(not equal)


if __name__ == "__main__":
    main()
