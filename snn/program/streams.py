"""Streams of random numbers, numbered by kind and order, so that adding a part leaves what the others draw."""

from __future__ import annotations

from snn.network import Network

STREAMS = 64  # set aside for each thing in a network
# Of those of a population, the first ones are for its parameters, then from
INITIAL = 32  # on for its initial values, and
UPDATES = 63  # for the times when its units update themselves


def streams_of(network: Network) -> dict[str, int]:
    """Return the first stream of each population and stimulus."""
    streams = {name: STREAMS * (3 * i + 1) for i, name in enumerate(network.populations)}
    return streams | {name: STREAMS * (3 * i + 2) for i, name in enumerate(network.sources)}


def projection_streams(network: Network) -> list[int]:
    """Return the first stream of each projection."""
    return [STREAMS * (3 * i + 3) for i in range(len(network.projections))]
