"""A network in integers: what every neuron says is a number of steps, and every weight a multiple of a quantum."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bridge.errors import ConversionError
from bridge.event.tables import FARTHEST, level_changes
from bridge.nodes import Embedding, Exponential, Logarithm, Power, QuantisedReLU, ReLU
from bridge.plan import Layer, Layout, Pick, Plan, Term, evaluate
from bridge.rate.thresholds import least_squares, note_of_silence

FINER = 8  # times as many levels for what passes on a sum, and for the functions inside of normalisations
INPUT_LEVELS = 255  # of an element of the input at its largest, as in an image of eight bits; or a multiple of it
_UNBOUNDED = 2**30
_LARGEST_SUM = 2.0**59  # multiples of a quantum, see `snn.neurons.staircase`


@dataclass(frozen=True, eq=False)
class Rounding:
    """The level clip(floor(U / step + 1/2), low, high) of a sum of U quanta.

    Attributes
    ----------
    step : ndarray of int64 (channels,)
        In quanta.
    low, high : int
    """

    step: np.ndarray
    low: int
    high: int

    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest level."""
        return self.low, self.high


@dataclass(frozen=True, eq=False)
class Table:
    """The level of the last threshold that is not above a sum.

    Attributes
    ----------
    thresholds : ndarray of float64 (channels, k)
        Multiples of the quantum, in quanta; infinite for none.
    levels : ndarray of int64 (channels, k)
    """

    thresholds: np.ndarray
    levels: np.ndarray

    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest level."""
        return int(self.levels.min()), int(self.levels.max())


@dataclass(frozen=True, eq=False)
class Neurons:
    """A layer in integers.

    Attributes
    ----------
    layer : Layer
        Its name, kind, layout and node; terms and bias there are those in real units.
    quantum : float
        What sums of input are multiples of; a power of two.
    terms, other_terms : tuple of Term
        As those of the layer, with whole numbers of quanta as weights for each event of the source.
    bias : ndarray of int64 (size,)
        In quanta.
    says : Rounding, Table or None
        What it makes of a sum; None for inputs, products, maxima and readouts.
    unit : ndarray of float64 (size,)
        What one event stands for, in real units.
    lossless : bool
        Whether it says its value exactly.
    """

    layer: Layer
    quantum: float
    terms: tuple[Term, ...]
    other_terms: tuple[Term, ...]
    bias: np.ndarray
    says: Rounding | Table | None
    unit: np.ndarray
    lossless: bool = False


@dataclass(frozen=True, eq=False)
class Quantised:
    """A network in integers.

    Attributes
    ----------
    neurons : dict of str to Neurons
        By layer, each after those that it reads.
    output : str
    notes : tuple of str
        What is to be known of the steps, such as channels that are silent on the samples.
    """

    neurons: dict[str, Neurons]
    output: str
    notes: tuple[str, ...] = ()


def quantised(plan: Plan, samples: np.ndarray, levels: int) -> Quantised:
    """Choose steps and round weights, layer by layer.

    An activation has the step q for which Q(a) = q clip(floor(a / q + 1/2), -K, K) has the least squared error on the
    samples, for each channel; negative activations are counted as their size. One that is quantised already keeps its
    own steps and levels. An element of the input has 255 steps at its largest, or the multiple of it that is nearest to
    8 K. Relays, which pass on a sum that the rest of the network builds on (residual streams, the state of a recurrent
    cell), and the functions inside of normalisations and softmax, whose values range over decades, have the step
    max |a| / 8 K.

    Parameters
    ----------
    plan : Plan
    samples : ndarray (samples, *shape)
        Calibration data, in the graph's own layout.
    levels : int
        K.

    Returns
    -------
    Quantised

    Raises
    ------
    ConversionError
        If a bias or a function is too large for the weights of its layer.
    """
    made: dict[str, Neurons] = {}
    notes = []
    for layer, u, value in evaluate(plan, samples):
        made[layer.name] = _neurons(layer, u, value, made, levels)
        if layer.kind == "activation" and not isinstance(layer.node, QuantisedReLU):
            called = f"{layer.name} ({type(layer.node).__name__})"
            if note := note_of_silence(called, np.abs(_columns(layer, value)).max(axis=0), "step"):
                notes.append(note)
    return Quantised(made, plan.output, tuple(notes))


def _neurons(layer: Layer, u: np.ndarray, value: np.ndarray, made: dict[str, Neurons], levels: int) -> Neurons:
    size = layer.layout.size
    nothing = Neurons(layer, 1.0, (), (), np.zeros(size, np.int64), None, np.ones(size))
    if layer.kind == "input":
        if isinstance(layer.node, Embedding):
            return nothing
        most = INPUT_LEVELS * max(1, round(FINER * levels / INPUT_LEVELS))
        return replace(nothing, unit=_by_channel(layer.layout, _largest(layer, u) / most))
    if layer.kind == "product":
        (a, a_unit), (b, b_unit) = (_counted(terms, made) for terms in (layer.terms, layer.other_terms))
        return replace(nothing, terms=(a,), other_terms=(b,), unit=a_unit * b_unit)
    if layer.kind == "maximum":
        source = made[layer.terms[0].source]
        channels = _of_channels(source.layer.layout, source.unit)
        return replace(nothing, terms=layer.terms, unit=channels[layer.layout.channel])
    fed = [Term(term.source, term.operator.fed(made[term.source].unit)) for term in layer.terms]
    weight = max((term.operator.largest() for term in fed), default=0.0)
    quantum = _quantum(weight or float(np.abs(layer.bias).max()) or 1.0)
    bias = np.rint(layer.bias / quantum)
    if np.abs(bias).max() >= _LARGEST_SUM:
        reason = f"has a bias of {np.abs(layer.bias).max():.3g}, and {weight:.3g} as its largest weight"
        raise ConversionError(layer.name, reason, "Scale the weights before it up, or leave it out")
    neurons = replace(
        nothing,
        quantum=quantum,
        terms=tuple(_rounded(term, quantum) for term in fed if term.operator.largest() >= quantum / 2.0),
        bias=bias.astype(np.int64),
    )
    if layer.kind == "readout":
        return neurons
    if layer.kind == "relay":
        return _relay(neurons, u, made, FINER * levels)
    if isinstance(layer.node, QuantisedReLU):
        return _with_steps(neurons, layer.node.threshold / layer.node.levels, 0, layer.node.levels)
    if isinstance(layer.node, ReLU):
        step = _least_squares(layer, value, levels)
        return _with_steps(neurons, step, 0, levels)
    fine = isinstance(layer.node, Power | Exponential | Logarithm)
    step = _largest(layer, value) / (FINER * levels) if fine else _least_squares(layer, value, levels)
    return _table(neurons, u, step, FINER * levels if fine else levels)


def _relay(neurons: Neurons, u: np.ndarray, made: dict[str, Neurons], levels: int) -> Neurons:
    """Let a relay say its sum: exactly if it only passes on what single neurons say."""
    layer = neurons.layer
    picks = [(term.operator, made[term.source]) for term in layer.terms if isinstance(term.operator, Pick)]
    if len(picks) == len(layer.terms) and not layer.bias.any():
        units = np.array([pick.fed(source.unit).scale for pick, source in picks])
        steps = _of_channels(layer.layout, units.sum(axis=0))
        one = ((units != 0.0).sum(axis=0) == 1).all() and (steps > 0.0).all()
        said = all(source.layer.kind != "product" for _, source in picks)
        if one and said and (units.sum(axis=0) == _by_channel(layer.layout, steps)).all():
            passing = _with_steps(neurons, steps, -_UNBOUNDED, _UNBOUNDED)
            return replace(passing, unit=_by_channel(layer.layout, steps), lossless=True)
    return _with_steps(neurons, _largest(layer, u) / levels, -2 * levels, 2 * levels)


def _with_steps(neurons: Neurons, steps: np.ndarray, low: int, high: int) -> Neurons:
    whole = np.maximum(np.rint(steps / neurons.quantum), 1.0)
    _require_small(neurons, whole, steps)
    unit = _by_channel(neurons.layer.layout, whole * neurons.quantum)
    return replace(neurons, says=Rounding(whole.astype(np.int64), low, high), unit=unit)


def _table(neurons: Neurons, u: np.ndarray, step: np.ndarray, levels: int) -> Neurons:
    """Let an activation say its function, looked at over three times the range of its input on the samples."""
    layer = neurons.layer
    shape = [1] * len(layer.layout.shape)
    shape[layer.layout.axis] = len(step)

    def function(values: np.ndarray) -> np.ndarray:
        return layer.node(values.reshape(-1, *shape)).reshape(values.shape)

    columns = _columns(layer, u)
    low, high = columns.min(axis=0), columns.max(axis=0)
    width = np.where(high > low, high - low, 1.0 + np.abs(low))
    thresholds, said = level_changes(function, step, low - width, high + width, levels)
    lasting = np.abs(thresholds) < FARTHEST
    whole = np.ceil(np.where(lasting, thresholds, 0.0) / neurons.quantum)
    whole = np.where(lasting, whole, np.copysign(np.inf, thresholds))
    _require_small(neurons, np.where(lasting, np.abs(whole), 0.0), thresholds)
    return replace(neurons, says=Table(whole, said), unit=_by_channel(layer.layout, step))


def _require_small(neurons: Neurons, whole: np.ndarray, real: np.ndarray) -> None:
    if whole.max(initial=0.0) >= _LARGEST_SUM:
        layer = neurons.layer
        reason = f"has steps or thresholds up to {np.abs(real[np.isfinite(real)]).max():.3g}, too large for its weights"
        raise ConversionError(f"{layer.name} ({type(layer.node).__name__})", reason, "Scale the weights before it up")


def _counted(terms: tuple[Term, ...], made: dict[str, Neurons]) -> tuple[Term, np.ndarray]:
    """Return a port of a product, which counts events, and what a count stands for."""
    (term,) = terms
    pick = term.operator
    assert isinstance(pick, Pick)
    ones = np.where((pick.index >= 0) & (pick.scale != 0.0), 1.0, 0.0)
    return Term(term.source, replace(pick, scale=ones)), pick.fed(made[term.source].unit).scale


def _rounded(term: Term, quantum: float) -> Term:
    return Term(term.source, term.operator.mapped(lambda weight: np.rint(weight / quantum)))


def _quantum(largest: float) -> float:
    """Return what `snn` rounds weights to: 2^-30 of the first power of two that is not below the largest."""
    mantissa, exponent = math.frexp(largest)
    return math.ldexp(1.0, exponent - (mantissa == 0.5) - 30)


# ---- channels


def _by_channel(layout: Layout, values: np.ndarray) -> np.ndarray:
    """Return for each element, in the graph's order, the value of its channel."""
    return values[layout.channel]


def _of_channels(layout: Layout, values: np.ndarray) -> np.ndarray:
    """Return the values of the first position, by channel."""
    return values[layout.order[: layout.image[-1]]]


def _columns(layer: Layer, values: np.ndarray) -> np.ndarray:
    """Return values (samples, size) as (samples and positions, channels)."""
    return values[:, layer.layout.order].reshape(-1, layer.layout.image[-1])


def _largest(layer: Layer, values: np.ndarray) -> np.ndarray:
    """Return the largest size in each channel; of a channel that is 0 throughout that of the others, or 1."""
    largest = np.abs(_columns(layer, values)).max(axis=0)
    return np.where(largest > 0.0, largest, largest.max() or 1.0)


def _least_squares(layer: Layer, values: np.ndarray, levels: int) -> np.ndarray:
    return least_squares(np.abs(_columns(layer, values)), levels) / levels
