"""Spiking neurons of snnTorch, and those of `ann` in its style."""

from __future__ import annotations

from typing import Any

import numpy as np
import snntorch
from torch import nn
from torch.nn import functional as F

from ann.models import AdaptiveLeaky, SelfConnected, SoftResetLeaky
from bridge.nodes import Leaky
from bridge.operations.tracing import Traced
from bridge.operations.values import RefusedError, Value, array, emit


def leaky(m: snntorch.Leaky, input: Traced, *state: Any):
    """Take neurons that keep their own state and tell their spikes alone."""
    if state:
        remedy = "Use init_hidden=True and let forward be one time step: the neuron then keeps its own state"
        raise RefusedError("is given its state", remedy)
    return _spiking(m, m, input)


def self_connected(m: SelfConnected, input: Traced):
    """Take neurons that hear themselves."""
    if type(m.neurons) not in (SoftResetLeaky, AdaptiveLeaky):
        raise RefusedError(f"is made of {type(m.neurons).__name__}", "Use SoftResetLeaky or AdaptiveLeaky")
    return _spiking(m, m.neurons, input, recurrent=array(m.recurrent.weight))


def _spiking(whole: nn.Module, m: snntorch.Leaky, input: Traced, **more: Any):
    """Take neurons, of a module that is called, with more of what their node has."""
    probe = m.threshold.double().new_tensor(np.linspace(-2.0, 2.0, 41))
    heaviside = (m.spike_grad(probe) == (probe > 0)).all().item()
    for wrong, option, remedy in (
        (not m.init_hidden, "init_hidden=False", "Use init_hidden=True: the neuron then keeps its own state"),
        (m.output, "output=True", "Use output=False: the spikes are the output, the potential can be recorded"),
        (m.inhibition, "inhibition=True", "Use inhibition=False"),
        (m.state_quant, "state_quant", "Use state_quant=False"),
        (array(m.graded_spikes_factor).item() != 1.0, "graded_spikes_factor", "Use 1: a spike is all or none"),
        (m.reset_mechanism == "none", "reset_mechanism='none'", "Use 'subtract' or 'zero'"),
        (not heaviside, "a spike_grad that is not a step", "Use one whose forward is 1 above 0, else 0"),
    ):
        if wrong:
            raise RefusedError(f"has {option}, which no spiking neuron here has", remedy)
    tracing = input.tracing
    if any(whole is other for other in tracing.spiking):
        raise RefusedError("runs more than once", "Let forward be one time step, with a neuron for every use")
    tracing.spiking.append(whole)
    if isinstance(m, AdaptiveLeaky):
        more |= {"rho": np.array(m.rho), "jump": np.array(m.jump)}

    def rule(input: Value):
        beta, threshold = array(m.beta), array(m.threshold)
        # A leading axis of one stands for the batch.
        beta, threshold = (a[0] if a.ndim > len(input.shape) and len(a) == 1 else a for a in (beta, threshold))
        reset = "soft" if isinstance(m, SoftResetLeaky) else m.reset_mechanism
        beta = np.clip(beta, 0.0, 1.0)
        return emit(Leaky, input, beta=beta, threshold=threshold, reset=reset, reset_delay=bool(m.reset_delay), **more)

    # A spiking neuron has no value without time: a rectifier stands in its place.
    return tracing.apply("leaky", rule, F.relu, (input,), {})


MODULES = {
    snntorch.Leaky: leaky,
    SoftResetLeaky: leaky,
    AdaptiveLeaky: leaky,
    SelfConnected: self_connected,
}
OPAQUE = (snntorch.SpikingNeuron, SelfConnected)
