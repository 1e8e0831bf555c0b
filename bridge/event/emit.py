"""From a network in integers to staircase neurons on the `snn` engine."""

from __future__ import annotations

import numpy as np

import snn
from bridge.event.quantised import Neurons, Quantised, Rounding, Table
from bridge.nodes import MaxPool1d, MaxPool2d
from bridge.plan import Full, Kernel, Pick, Term
from snn.network import Population, Source
from snn.neurons import Model


def emit(quantised: Quantised) -> snn.Network:
    """Make a network of staircase neurons.

    Populations are named after the layers, and laid out with the channels last. Weights, thresholds and biases are
    real numbers, all of them multiples of the quantum of their population, so that the engine rounds nothing.

    Parameters
    ----------
    quantised : Quantised
    """
    network = snn.Network()
    ends: dict[str, Source | Population] = {}
    for name, neurons in quantised.neurons.items():
        layout = neurons.layer.layout
        if neurons.layer.kind == "input":
            ends[name] = network.counts(name, layout.image)
            continue
        bias = neurons.bias[layout.order] * neurons.quantum
        initial = {"u": bias} if bias.any() else None
        population = network.population(name, layout.image, _model(neurons), initial=initial)
        ends[name] = population
        if neurons.layer.kind == "maximum":
            network.connect(ends[neurons.terms[0].source], population, _pool(neurons))
            continue
        product = neurons.layer.kind == "product"
        for port, terms in (("a" if product else None, neurons.terms), ("b", neurons.other_terms)):
            for term in terms:
                _connect(network, term, quantised.neurons[term.source], neurons, ends, port)
    return network


def _model(neurons: Neurons) -> Model:
    says = neurons.says
    if isinstance(says, Rounding):
        return snn.Quantizer(_shared(says.step * neurons.quantum), low=says.low, high=says.high)
    if isinstance(says, Table):
        thresholds, levels = says.thresholds * neurons.quantum, says.levels
        # The first threshold is below everything: where all rows begin alike its level is the one below the others.
        if (levels[:, 0] == levels[0, 0]).all():
            return snn.Staircase(thresholds[:, 1:], levels[:, 1:], int(levels[0, 0]))
        thresholds[:, 0] = -np.finfo(np.float64).max
        return snn.Staircase(thresholds, levels)
    if neurons.layer.kind == "product":
        return snn.Product()
    return snn.Quantizer() if neurons.layer.kind == "maximum" else snn.Staircase([])


def _shared(values: np.ndarray) -> float | np.ndarray:
    return float(values[0]) if (values == values[0]).all() else values


def _pool(neurons: Neurons) -> snn.MaxPool2d:
    node = neurons.layer.node
    if isinstance(node, MaxPool1d):
        return snn.MaxPool2d((node.size[0], 1), (node.stride[0], 1), (node.padding[0], 0))
    assert isinstance(node, MaxPool2d)
    return snn.MaxPool2d(node.size, node.stride, node.padding)


def _connect(network: snn.Network, term: Term, source: Neurons, target: Neurons, ends: dict, port: str | None) -> None:
    """Connect two populations by an operator, whose weights are counted in quanta."""
    from scipy.sparse import coo_array

    one, other, quantum = ends[source.layer.name], ends[target.layer.name], target.quantum
    rows, columns = target.layer.layout, source.layer.layout
    operator = term.operator
    if isinstance(operator, Kernel):
        weight = operator.weight.transpose(2, 3, 1, 0) * quantum
        network.connect(one, other, snn.Conv2d(weight, operator.stride, operator.padding))
    elif isinstance(operator, Full):
        weight = operator.weight[rows.order][:, columns.order] * quantum
        network.connect(one, other, snn.Dense(weight))
    elif isinstance(operator, Pick) and operator.whole and (rows.order == columns.order).all() and operator.scale.all():
        network.connect(one, other, snn.OneToOne(), weight=operator.scale[rows.order] * quantum, port=port)
    else:
        listed = coo_array(operator.matrix())
        listed.eliminate_zeros()
        rule = snn.Edges(columns.neuron[listed.col], rows.neuron[listed.row])
        network.connect(one, other, rule, weight=listed.data * quantum, port=port)
