"""Which engine runs a network: the one asked for, or the one that is likely the faster; and the engine made ready."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from snn import checks
from snn.engines.exact_cpu import ExactCpu
from snn.engines.grid_cpu import GridCpu
from snn.errors import ValidationError
from snn.network import Network, Projection
from snn.neurons import McCullochPitts
from snn.program import ExactProgram, draw, flow_model, lower, lower_exact
from snn.program.building import build_rows
from snn.program.neurons import require_room
from snn.program.streams import streams_of
from snn.stimuli import Source

# Measured by benchmarks/break_even.py, see docs/engines.md.
BREAK_EVEN = 400.0  # arrivals a neuron and second
_USUAL = 2.0  # Hz: what neurons are taken to fire, which only running them would tell


class Started(NamedTuple):
    """An engine at time 0.

    Attributes
    ----------
    name : {"grid", "exact"}
    reason : str
        Why it is this one.
    program : Program or ExactProgram
    engine
        See `snn.engines.contract`.
    counting : bool
        Whether it lists no spikes, but counts them.
    """

    name: str
    reason: str
    program: Any
    engine: Any
    counting: bool


def check_device(device: Any) -> bool:
    """Return whether a device is a graphics card; it is refused if it is nothing at all."""
    if isinstance(device, str) and re.fullmatch(r"cuda(:\d+)?", device):
        return True
    checks.choice("Simulation", "device", device, ("cpu", "cuda", "cuda:1"))
    return False


def start(
    network: Network,
    engine: str,
    dt: Any,
    device: str,
    threads: int,
    batch: int,
    seed: int,
    first_sample: int,
    weight_bits: int,
    counting: bool,
) -> Started:
    """Lower a network, and make an engine of it; the arguments are those of `snn.Simulation`.

    An engine that "auto" likes, but that refuses the network, is not taken.
    """
    if engine == "exact" and (dt is not None or weight_bits != 32):
        given = ("dt", dt) if dt is not None else ("weight_bits", weight_bits)
        raise ValidationError("Simulation", *given, 'nothing, or engine="grid"')
    on_card, name, reason = check_device(device), engine, "asked for"
    if engine == "auto":
        name, reason = ("grid", f"device={device!r}") if on_card else choose(network)
    if name == "exact":
        try:
            return Started(name, reason, *_exact(network, device, threads, batch, seed, first_sample), False)
        except ValidationError as error:
            if engine == "exact":
                raise
            reason = str(error)
    dt = 0.1 if dt is None else checks.number("Simulation", "dt", dt, minimum=0.0, exclusive=True, unit="ms")
    binary = any(isinstance(p.model, McCullochPitts) for p in network.populations.values())
    counting = counting and not binary  # what binary units send says how they change
    if on_card:
        from snn.engines.grid_cuda import GridCuda, builder  # which needs numba-cuda

        program = lower(network, dt, threads, weight_bits, builder(network, device))
        made: Any = GridCuda(program, batch, threads, seed, first_sample, device, counting=counting)
    else:
        program = lower(network, dt, threads, weight_bits, build_rows)
        made = GridCpu(program, batch, threads, seed, first_sample)
    return Started("grid", reason, program, made, counting)


def _exact(
    network: Network, device: str, threads: int, batch: int, seed: int, first_sample: int
) -> tuple[ExactProgram, Any]:
    """Return what the exact engine runs, and the engine."""
    if not check_device(device):
        program = lower_exact(network, threads)
        return program, ExactCpu(program, batch, threads, seed, first_sample)
    from snn.engines.exact_cuda import ExactCuda, prove  # which needs numba-cuda

    prove(device)
    program = lower_exact(network)
    return program, ExactCuda(program, batch, seed, first_sample, device)


def choose(network: Network) -> tuple[str, str]:
    """Return the engine, "exact" or "grid", and why.

    What arrives at a neuron in a second is estimated from the number of its synapses, the rates of stimuli, and a rate
    of 2 Hz of other neurons. With less than some 400 arrivals the exact engine is the faster.
    """
    require_room(network)
    streams = streams_of(network)
    for population in network.populations.values():
        try:
            flow_model(population, draw(population, network.seed, streams[population.name]))
        except ValidationError as error:
            return "grid", str(error)
    arrivals = sum(_arrivals(projection) for projection in network.projections)
    neurons = sum(population.size for population in network.populations.values())
    each = arrivals / max(neurons, 1)
    engine = "exact" if each < BREAK_EVEN else "grid"
    return engine, f"an estimated {each:,.0f} arrivals a neuron and second; they break even at {BREAK_EVEN:,.0f}"


def _arrivals(projection: Projection) -> float:
    """Return how many events a second come through a projection, about."""
    source: Any = projection.source
    if isinstance(source, Source) and source.flows:
        return 0.0
    rule: Any = projection.rule
    if rule is None:
        synapses = projection.target_size
    elif hasattr(rule, "count"):
        ends = projection.source_size, projection.target_size, projection.same
        count = rule.count(*ends)
        synapses = rule.expected(*ends) if count is None else count
    else:
        synapses = float(rule.fan_out(source.shape).sum())
    rate = getattr(getattr(source, "stimulus", None), "rate", _USUAL)
    return synapses * float(np.mean(rate))
