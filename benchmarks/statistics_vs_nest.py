"""Rates, irregularity and correlations of networks of the literature against NEST, over seeds; JSON lines.

NEST draws its own connections, initial states and input from the same distributions, so the two give different spikes,
and their statistics must agree within what seeds change. A line a run, then a line a figure that compares the means
over seeds: `within` says whether snn's mean lies within two standard deviations (over seeds) of NEST's, `p` is that of
Welch's t test. Of many figures one in twenty has p < 0.05 by chance. NEST (nest-simulator on PyPI) is not among this
project's requirements.

Run: python benchmarks/statistics_vs_nest.py --networks potjans_diesmann cuba coba --seeds 10
"""

import argparse
import json
import math
import time
from collections.abc import Callable

import nest
import numpy as np
from scipy import stats

import snn
from snn.recording import SpikeRecord

DT, BIN = 0.1, 5.0  # ms
BRUNEL = {"scale": 0.2, "epsilon": 0.5}  # a fifth of the neurons, as many synapses a neuron

NETWORKS: dict[str, Callable[[int], snn.Network]] = {
    "potjans_diesmann": lambda seed: snn.networks.potjans_diesmann(0.1, seed=seed),
    "cuba": lambda seed: snn.networks.cuba(seed=seed),
    "coba": lambda seed: snn.networks.coba(seed=seed),
    "coba_gauss": lambda seed: snn.networks.coba(integrator="gauss", seed=seed),
    "brunel_sr": lambda seed: snn.networks.brunel(g=3.0, eta=2.0, seed=seed, **BRUNEL),
    "brunel_si_fast": lambda seed: snn.networks.brunel(g=6.0, eta=4.0, seed=seed, **BRUNEL),
    "brunel_ai": lambda seed: snn.networks.brunel(g=5.0, eta=2.0, seed=seed, **BRUNEL),
    "brunel_si_slow": lambda seed: snn.networks.brunel(g=4.5, eta=0.9, seed=seed, **BRUNEL),
}


def in_snn(network: snn.Network, warm_up: float, duration: float) -> dict[str, SpikeRecord]:
    """Simulate with snn; returns the spikes after the warm-up."""
    simulation = snn.Simulation(network, dt=DT)
    simulation.run(warm_up)
    return simulation.run(duration).spikes


def in_nest(network: snn.Network, warm_up: float, duration: float) -> dict[str, SpikeRecord]:
    """Simulate the same description with NEST, which draws for itself."""
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(resolution=DT, rng_seed=network.seed + 1)
    cells = {name: _population(population) for name, population in network.populations.items()}
    for projection in network.projections:
        target = cells[projection.target.name]
        if projection.rule is None:
            noise = nest.Create("poisson_generator", params={"rate": projection.source.stimulus.rate})
            nest.Connect(noise, target, syn_spec={"weight": projection.weight, "delay": 1.5})
            continue
        if isinstance(projection.rule, snn.FixedInDegree):
            rule = {"rule": "fixed_indegree", "indegree": projection.rule.degree}
        else:
            rule = {"rule": "fixed_total_number", "N": projection.rule.number}
        synapse = {"weight": _parameter(projection.weight), "delay": _parameter(projection.delay)}
        nest.Connect(cells[projection.source.name], target, rule, synapse)
    recorders = {name: nest.Create("spike_recorder", params={"start": warm_up}) for name in cells}
    for name, recorder in recorders.items():
        nest.Connect(cells[name], recorder)
    nest.Simulate(warm_up + duration + 10.0)  # recorders lag behind by a delay
    return {name: _record(cells[name], recorders[name], warm_up, duration) for name in cells}


def _population(population):
    """Create a population's neurons."""
    model, initial = population.model, dict(population.initial)
    values = {
        "E_L": "v_rest",
        "V_th": "v_threshold",
        "V_reset": "v_reset",
        "C_m": "c_m",
        "t_ref": "t_ref",
        "I_e": "i_e",
    }
    if isinstance(model, snn.ConductanceLIF):
        name = "iaf_cond_exp"
        values |= {"g_L": "g_l", "E_ex": "e_ex", "E_in": "e_in", "tau_syn_ex": "tau_syn", "tau_syn_in": "tau_syn_inh"}
    elif model.synapse == "delta":
        name, values = "iaf_psc_delta", values | {"tau_m": "tau_m"}
    else:
        name, values = "iaf_psc_exp", values | {"tau_m": "tau_m", "tau_syn_ex": "tau_syn", "tau_syn_in": "tau_syn_inh"}
    chosen = {theirs: getattr(model, ours) for theirs, ours in values.items()}
    if chosen.get("tau_syn_in", 0.0) is None:
        chosen["tau_syn_in"] = model.tau_syn
    cells = nest.Create(name, population.size, params=chosen)
    initial = {"v": model.v_rest} | initial
    for variable, value in initial.items():
        setattr(cells, {"v": "V_m"}.get(variable, variable), _parameter(value))
    return cells


def _parameter(value):
    """Return a number as it is, and a distribution as NEST's."""
    if isinstance(value, snn.Uniform):
        return nest.random.uniform(value.low, value.high)
    if not isinstance(value, snn.Normal):
        return value
    drawn = nest.random.normal(value.mean, value.std)
    if not math.isinf(value.low) or not math.isinf(value.high):
        drawn = nest.math.redraw(drawn, max(value.low, -1e9), min(value.high, 1e9))
    return drawn


def _record(cells, recorder, warm_up: float, duration: float) -> SpikeRecord:
    """Return what a recorder holds, as snn would."""
    steps = np.rint(np.asarray(recorder.events["times"]) / DT).astype(np.int64)
    neurons = np.asarray(recorder.events["senders"]).astype(np.int32) - cells[0].global_id
    kept = np.flatnonzero((steps > round(warm_up / DT)) & (steps <= round((warm_up + duration) / DT)))
    kept = kept[np.lexsort((neurons[kept], steps[kept]))]
    size = len(cells)
    return SpikeRecord(
        samples=np.zeros(len(kept), np.int32),
        steps=steps[kept],
        neurons=neurons[kept],
        shape=(size,),
        batch=1,
        dt=DT,
        start=warm_up,
        stop=warm_up + duration,
        recorded=np.arange(size),
    )


def mean_correlation(record: SpikeRecord) -> float:
    """Return the mean correlation coefficient of all pairs of neurons that fire, of spike counts in bins.

    Of rows z with mean 0 and variance 1, all products summed are those of the sum with itself: r is their mean without
    a row's own. Some drawn pairs would add more noise than there is between seeds.
    """
    width = round(BIN / DT)
    bins = round((record.stop - record.start) / DT) // width
    at = (record.steps - round(record.start / DT) - 1) // width
    flat = record.rows[at < bins] * bins + at[at < bins]
    counts = np.bincount(flat, minlength=len(record.recorded) * bins).reshape(-1, bins)
    counts = counts[counts.std(axis=1) > 0]
    z = (counts - counts.mean(axis=1, keepdims=True)) / counts.std(axis=1, keepdims=True)
    return float(((z.sum(axis=0) ** 2).mean() - len(z)) / (len(z) * (len(z) - 1)))


def figures_of(spikes: dict[str, SpikeRecord]) -> dict[str, float]:
    """Return rate in Hz, mean CV of inter-spike intervals and mean pairwise correlation of each population."""
    found = {}
    for name, record in spikes.items():
        found[f"rate {name}"] = record.rate()
        found[f"cv {name}"] = record.cv()
        found[f"correlation {name}"] = mean_correlation(record)
    return found


def compare(mine: np.ndarray, theirs: np.ndarray) -> dict[str, float | bool]:
    """Return means and standard deviations over seeds, whether they agree, and a p-value; nan is no value."""
    mine, theirs = mine[np.isfinite(mine)], theirs[np.isfinite(theirs)]
    difference = abs(mine.mean() - theirs.mean())
    return {
        "snn": mine.mean(),
        "snn_sd": mine.std(ddof=1),
        "nest": theirs.mean(),
        "nest_sd": theirs.std(ddof=1),
        "within": bool(difference <= 2.0 * theirs.std(ddof=1)),
        "p": float(stats.ttest_ind(mine, theirs, equal_var=False).pvalue),
    }


def main() -> None:
    """Print a line for each run and one for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--warm-up", type=float, default=300.0, help="in ms")
    parser.add_argument("--duration", type=float, default=1000.0, help="in ms")
    options = parser.parse_args()
    setting = {"warm_up_ms": options.warm_up, "duration_ms": options.duration}
    for name in options.networks:
        found = {"snn": [], "nest": []}
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            for simulator, simulate in (("snn", in_snn), ("nest", in_nest)):
                begun = time.perf_counter()
                figures = figures_of(simulate(NETWORKS[name](seed), options.warm_up, options.duration))
                found[simulator].append(figures)
                run = {"network": name, "simulator": simulator, "seed": seed, "took_s": time.perf_counter() - begun}
                print(json.dumps({"benchmark": "statistics_vs_nest", **run, **setting, **figures}), flush=True)
        for figure in found["snn"][0]:
            both = (np.array([one[figure] for one in found[simulator]]) for simulator in ("snn", "nest"))
            line = {"benchmark": "statistics_vs_nest", "network": name, "seeds": options.seeds, **setting}
            print(json.dumps({**line, "figure": figure, **compare(*both)}), flush=True)


if __name__ == "__main__":
    main()
