"""Whether networks of the literature give the same spikes however they are run; a JSON line a network.

Each runs on 1, 2, 3 and 4 threads: in uneven pieces, after a reset in one piece, and so again. `equal` says whether the
spikes of all runs have the same SHA-256, that of ``allornone bench`` (for the whole of the time simulated), and
`blocks` into how many parts the work was cut for each number of threads; small networks stay in one. The exit status
is 1 if any network's runs differ.

Run: python benchmarks/same_spikes.py --networks brunel sparse --sim-ms 200
     python benchmarks/same_spikes.py --networks pd14_poisson pd14_dc --scale 0.1
"""

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial

import numpy as np

import snn
from bridge.bench import DT, NETWORKS, checksum

VARIANTS: dict[str, Callable[..., snn.Network]] = {
    **{name: make for name, make in NETWORKS.items() if name != "pd14"},
    **{f"pd14_{drive}": partial(NETWORKS["pd14"], drive=drive) for drive in ("poisson", "dc")},
}
THREADS = 1, 2, 3, 4


def uneven(duration: float) -> list[float]:
    """Cut a duration in ms into a step, three tenths, seven steps, and what is left."""
    steps = round(duration / DT)
    cuts = np.clip([0, 1, 1 + steps * 3 // 10, 8 + steps * 3 // 10, steps], 0, steps)
    return [round(piece * DT, 9) for piece in np.diff(cuts).tolist()]


def digests(simulation: snn.Simulation, duration: float) -> tuple[dict[str, str], int]:
    """Run a simulation in three ways; returns the spikes' SHA-256 by the way, and their number."""
    found, spikes = {}, 0
    for way, pieces in (("in pieces", uneven(duration)), ("in one", [duration]), ("again", [duration])):
        simulation.reset()
        for piece in pieces:
            simulation.run(piece)
        records = [simulation.recording.spikes[name] for name in simulation.network.populations]
        found[way], spikes = checksum(records), sum(map(len, records))
    return found, spikes


def examine(name: str, scale: float, duration: float, seed: int) -> dict:
    """Run a network in all ways."""
    network = VARIANTS[name](scale=scale, seed=seed)
    found, blocks, spikes = {}, [], 0
    for threads in THREADS:
        simulation = snn.Simulation(network, dt=DT, threads=threads)
        blocks.append(int(np.diff(simulation.program.stages.first_block).max()))
        ways, spikes = digests(simulation, duration)
        found |= {f"{threads} threads, {way}": digest for way, digest in ways.items()}
    different = sorted(set(found.values()))
    return {
        "benchmark": "same_spikes",
        "network": name,
        "scale": scale,
        "seed": seed,
        "simulated_ms": duration,
        "neurons": sum(population.size for population in network.populations.values()),
        "spikes": spikes,
        "threads": THREADS,
        "blocks": blocks,
        "runs": len(found),
        "equal": len(different) == 1,
        "spikes_sha256": different[0] if len(different) == 1 else found,
    }


def main() -> None:
    """Print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--sim-ms", type=float, default=200.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    equal = True
    for name in options.networks:
        line = examine(name, options.scale, options.sim_ms, options.seed)
        equal &= line["equal"]
        print(json.dumps(line), flush=True)
    sys.exit(not equal)


if __name__ == "__main__":
    main()
