"""Which engine is the faster: cost against arrivals, and where the exact engine and the grid engine break even.

10,000 leaky neurons with exponential currents, each with 100 synapses from 1,000 trains of random spikes, half of
them inhibitory; the rate of the trains says how much arrives at a neuron. One JSON line for each rate and engine, and a
picture.

    python benchmarks/break_even.py --picture docs/break_even.png
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

import snn

NEURONS, TRAINS, IN_DEGREE = 10_000, 1_000, 100
RATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # Hz: arrivals a neuron and second are a hundred times as many


def network(rate: float, seed: int) -> snn.Network:
    """Return the network with trains of this rate in Hz."""
    net = snn.Network(seed=seed)
    cells = net.population("cells", NEURONS, snn.LIF(synapse="exponential", tau_syn=2.0, i_e=190.0))
    weight = 150.0 / (1.0 + rate / 3.0) ** 0.5  # pA: so that neurons fire now and then at every rate
    for name, sign in (("exc", 1.0), ("inh", -1.0)):
        trains = net.poisson(name, rate=rate, shape=TRAINS // 2)
        net.connect(trains, cells, snn.FixedInDegree(IN_DEGREE // 2), weight=sign * weight, delay=1.5)
    net.connect(cells, cells, snn.FixedInDegree(1), weight=0.0, delay=1.5)  # so that windows are those of a network
    return net


def measure(net: snn.Network, engine: str, dt: float, threads: int) -> tuple[float, snn.Recording]:
    """Return wall seconds for a second of biological time, and what was recorded meanwhile."""
    simulation = snn.Simulation(net, engine=engine, threads=threads, **({"dt": dt} if engine == "grid" else {}))
    simulation.run(100.0)
    seconds, passed, recording = 0.0, 0.0, None
    while seconds < 0.5 and passed < 5_000.0:
        begun = time.perf_counter()
        recording = simulation.run(500.0)
        seconds, passed = seconds + time.perf_counter() - begun, passed + 500.0
    return seconds / passed * 1e3, recording  # pyright: ignore[reportReturnType]


def crossing(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Return where two curves meet, in log-log coordinates; nan if they do not."""
    gap = np.log(a / b)
    turn = np.flatnonzero((gap[:-1] < 0) & (gap[1:] >= 0))
    if not len(turn):
        return float("nan")
    i = turn[0]
    return float(np.exp(np.interp(0.0, gap[i : i + 2], np.log(x[i : i + 2]))))


def draw(path: str, arrivals: np.ndarray, cost: dict[str, np.ndarray], even: float, dt: float) -> None:
    """Draw the cost of both engines."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.subplots()
    for engine, label in (("exact", "exact"), ("grid", f"grid, dt = {dt:g} ms")):
        axes.loglog(arrivals, cost[engine], "o-", label=label)
    if np.isfinite(even):
        axes.axvline(even, color="grey", linestyle=":", label=f"break-even: {even:,.0f}")
    axes.set_xlabel("arrivals a neuron and second")
    axes.set_ylabel("wall seconds a biological second")
    axes.set_title(f"{NEURONS:,} leaky neurons with exponential currents, one thread")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dt", type=float, default=0.1, help="step of the grid engine in ms")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", help="where to draw the curves, a PNG file")
    options = parser.parse_args()
    cost: dict[str, list[float]] = {"exact": [], "grid": []}
    for rate in RATES:
        net = network(rate, options.seed)
        for engine, costs in cost.items():
            rtf, recording = measure(net, engine, options.dt, options.threads)
            costs.append(rtf)
            line = {
                "simulator": "allornone",
                "network": "break_even",
                "engine": engine,
                "threads": options.threads,
                "neurons": NEURONS,
                "arrivals_hz": rate * IN_DEGREE,
                "mean_rate_hz": round(recording.spikes["cells"].rate(), 3),
                "rtf": round(rtf, 5),
                "ns_per_arrival": round(rtf / (NEURONS * rate * IN_DEGREE) * 1e9, 2),
            }
            print(json.dumps(line), flush=True)
    arrivals = np.array(RATES) * IN_DEGREE
    columns = {engine: np.array(costs) for engine, costs in cost.items()}
    even = crossing(arrivals, columns["exact"], columns["grid"])
    print(json.dumps({"network": "break_even", "break_even_hz": round(even, 1)}))
    if options.picture:
        draw(options.picture, arrivals, columns, even, options.dt)


if __name__ == "__main__":
    main()
