"""Which engine is likely the faster for a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn.errors import ValidationError
from snn.network import Network, Projection
from snn.program import draw, flow_model
from snn.program.streams import streams_of
from snn.stimuli import Source

# Measured by benchmarks/break_even.py, see docs/engines.md.
BREAK_EVEN = 600.0  # arrivals a neuron and second
_USUAL = 2.0  # Hz: what neurons are taken to fire, which only running them would tell


def choose(network: Network) -> tuple[str, str]:
    """Return the engine, "exact" or "grid", and why.

    What arrives at a neuron in a second is estimated from the number of its synapses, the rates of stimuli, and a rate
    of 2 Hz of other neurons. With less than some 600 arrivals the exact engine is the faster.
    """
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
