"""Activations that say levels only."""

from __future__ import annotations

from ann.quantisation import QuantisedReLU
from bridge import nodes
from bridge.operations.tracing import Traced
from bridge.operations.values import RefusedError, Value, array, emit


def quantised_relu(m: QuantisedReLU, input: Traced):
    """Take the thresholds and the number of levels."""

    def rule(input: Value):
        if input.batch or input.merged:
            raise RefusedError("has thresholds for channels that are not behind the samples", "Apply it to those")
        return emit(nodes.QuantisedReLU, input, threshold=array(m.threshold), levels=m.levels)

    return input.tracing.apply("quantised_relu", rule, m.forward, (input,), {})


MODULES = {QuantisedReLU: quantised_relu}
