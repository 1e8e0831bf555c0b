"""Conversion to staircase neurons, which are asynchronous and say exactly what the quantised network computes."""

from bridge.event.converted import EventConverted, convert_graph
from bridge.event.emit import emit
from bridge.event.quantised import Neurons, Quantised, Rounding, Table, quantised
from bridge.event.twin import twin

__all__ = [
    "EventConverted",
    "Neurons",
    "Quantised",
    "Rounding",
    "Table",
    "convert_graph",
    "emit",
    "quantised",
    "twin",
]
