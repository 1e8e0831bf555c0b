"""How fast the simulator runs the networks of `snn.networks`; what ``allornone bench`` measures."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import snn
from bridge.errors import ValidationError
from snn import checks
from snn.recording import SpikeRecord

DT = 0.1  # ms, in all of them

# With uniform delays the mean is that of the others.
_SPARSE: dict[str, dict[str, Any]] = {
    "delta": {},
    "exponential": {"synapse": "exponential"},
    "two": {"synapse": "exponential", "tau_syn_inh": 5.0},
    "delays": {"synapse": "exponential", "delay": snn.Uniform(1.0, 2.0)},
    "two-delays": {"synapse": "exponential", "tau_syn_inh": 5.0, "delay": snn.Uniform(1.0, 2.0)},
}

# The names of the networks on the command line; Brunel's with the reset that other simulators' versions of it have.
NETWORKS: dict[str, Callable[..., snn.Network]] = {
    "brunel": lambda scale, seed: snn.networks.brunel(scale, v_reset=0.0, seed=seed),
    "coba": lambda scale, seed: snn.networks.coba(scale, seed=seed),
    "cuba": lambda scale, seed: snn.networks.cuba(scale, seed=seed),
    "fly": lambda scale, seed: snn.networks.fly(scale, seed=seed),
    "pd14": lambda scale, seed, drive="poisson": snn.networks.potjans_diesmann(scale, drive=drive, seed=seed),
    "sparse": lambda scale, seed, variant="delta": snn.networks.sparse(scale, seed=seed, **_SPARSE[variant]),
}


def measure(
    name: str,
    *,
    threads: int = 1,
    scale: float = 1.0,
    warm_ms: float = 100.0,
    sim_ms: float = 1_000.0,
    seed: int = 1,
    engine: str = "grid",
    drive: str | None = None,
    variant: str | None = None,
    weight_bits: int = 32,
) -> dict[str, Any]:
    """Build, compile, warm up and run a network.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`.
    threads : int
    scale : float
        Of the network, as its function says.
    warm_ms, sim_ms : float
        Simulated time in ms before the measurement (one step of it is the compilation's) and during it.
    seed : int
        Of the network and of its input.
    engine : str
        As `snn.Simulation` takes it.
    drive : str, optional
        Input of pd14, "poisson" (the default) or "dc".
    variant : str, optional
        Synapses of sparse: "delta" (the default), "exponential", "two" (inhibition slower), "delays" (exponential, with
        delays from 1 to 2 ms) or "two-delays".
    weight_bits : int
        As `snn.Simulation` takes it.

    Returns
    -------
    dict
        Settings, the seconds spent on each part (``rtf`` is wall seconds for a second of biological time), what the
        network did during `sim_ms`, memory, and `checksum` of the spikes.

    Raises
    ------
    ValidationError
        If there is no such network, or `drive` is given to one that has none.
    snn.SnnError
        If another argument is refused, or the engine is not available.
    """
    if name not in NETWORKS:
        raise ValidationError(f"network = {name!r} is not one of {', '.join(NETWORKS)}")
    if drive is not None and name != "pd14":
        raise ValidationError(f"drive = {drive!r} is for pd14; {name} has no choice of input")
    for option, value in (("warm_ms", warm_ms), ("sim_ms", sim_ms)):
        checks.steps("bench", option, checks.number("bench", option, value), DT, minimum=1)
    if variant is not None and (name != "sparse" or variant not in _SPARSE):
        raise ValidationError(f"variant = {variant!r} is not accepted; sparse has {', '.join(_SPARSE)}")
    choices = {"pd14": {"drive": drive or "poisson"}, "sparse": {"variant": variant or "delta"}}.get(name, {})
    begun = time.perf_counter()
    network = NETWORKS[name](scale=scale, seed=seed, **choices)
    dt = None if engine == "exact" else DT
    simulation = snn.Simulation(network, dt=dt, engine=engine, threads=threads, weight_bits=weight_bits)
    built = time.perf_counter()
    simulation.run(DT)
    compiled = time.perf_counter()
    simulation.run(round(warm_ms - DT, 9))
    warmed = time.perf_counter()
    recording = simulation.run(sim_ms)
    seconds = time.perf_counter() - warmed
    records = {name: recording.spikes[name] for name in network.populations}
    neurons = sum(population.size for population in network.populations.values())
    spikes = sum(len(record) for record in records.values())
    synapses = sum(int(recording.fan_out[name].sum()) for name in records)
    events = sum(int(recording.fan_out[name][record.neurons].sum()) for name, record in records.items())
    return {
        "simulator": "allornone",
        "network": name,
        **choices,
        "engine": simulation.engine,
        "scale": scale,
        "seed": seed,
        "threads": threads,
        "weight_bits": weight_bits,
        "neurons": neurons,
        "synapses": synapses,
        "build_s": round(built - begun, 3),
        "compile_s": round(compiled - built, 3),
        "warm_s": round(warmed - compiled, 3),
        "sim_s": round(seconds, 6),
        "simulated_ms": sim_ms,
        "rtf": round(seconds / sim_ms * 1e3, 5),
        "mean_rate_hz": round(spikes / neurons / sim_ms * 1e3, 3),
        "rates_hz": {name: round(record.rate(), 3) for name, record in records.items()},
        "spikes": spikes,
        "synaptic_events": events,
        "events_per_s": round(events / seconds),
        "peak_rss_mb": _peak_memory(),
        "bytes_per_synapse": round(_bytes(_tables(simulation.program)) / synapses, 2) if synapses else None,
        "spikes_sha256": checksum(records.values()),
    }


def checksum(records: Iterable[SpikeRecord]) -> str:
    """Return the SHA-256 of all spikes as hexadecimal text.

    Of the little-endian int64 pairs (step, neuron), sorted by step, then neuron, with the neurons numbered through the
    populations in their order. Spikes of the exact engine are triples (window, bits of the offset, neuron). Equal texts
    are equal spikes.
    """
    times, neurons, first = [], [], 0
    for record in records:
        exact = (
            [] if record.offsets is None else [record.offsets.astype("<f8").view("<i8")]
        )  # ordered as the floats are
        times.append(np.stack([record.steps, *exact]))
        neurons.append(record.neurons.astype(np.int64) + first)
        first += int(np.prod(record.shape))
    columns = np.concatenate([np.concatenate(times, axis=1), np.concatenate(neurons)[None]])
    order = np.lexsort(columns[::-1])
    return hashlib.sha256(columns[:, order].T.astype("<i8").tobytes()).hexdigest()


def print_measurement(result: dict[str, Any]) -> None:
    """Print what `measure` returned as a table."""
    from rich.console import Console
    from rich.table import Table

    memory, size = result["peak_rss_mb"], result["bytes_per_synapse"]
    rates = ", ".join(f"{name} {rate:g}" for name, rate in result["rates_hz"].items())
    rows = {
        "network": f"{result['network']} at scale {result['scale']:g}, seed {result['seed']}",
        "neurons, synapses": f"{result['neurons']:,}, {result['synapses']:,}",
        "engine": f"{result['engine']}, {result['threads']} thread{'' if result['threads'] == 1 else 's'}",
        "built in": f"{result['build_s']:.2f} s",
        "compiled in": f"{result['compile_s']:.2f} s",
        "simulated": f"{result['simulated_ms']:g} ms in {result['sim_s']:.3f} s",
        "real-time factor": f"{result['rtf']:.3f}",
        "spikes": f"{result['spikes']:,}, {result['mean_rate_hz']:.2f} Hz a neuron",
        "rates in Hz": rates,
        "synaptic events": f"{result['synaptic_events']:,}, {result['events_per_s']:,} a second",
        "memory": "unknown" if memory is None else f"{memory:,} MB at most",
        "bytes a synapse": "–" if size is None else f"{size:.2f}",
        "spikes' SHA-256": result["spikes_sha256"],
    }
    table = Table(show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for title, text in rows.items():
        table.add_row(title, text)
    Console(soft_wrap=True).print(table)


def _peak_memory() -> int | None:
    """Return the most memory this process has had at any time in MB, or None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    # Kilobytes, but bytes on macOS.
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024))


def _tables(program: Any) -> Any:
    """Return the arrays that hold a program's synapses."""
    return program.runs if isinstance(program, snn.ExactProgram) else program.synapses


def _bytes(tables: Any) -> int:
    """Return the size of all arrays in nested tuples."""
    return tables.nbytes if isinstance(tables, np.ndarray) else sum(_bytes(part) for part in tables)
