"""From a plan to a spiking network on the `snn` engine, rate-coded and clocked, all neurons all-or-none.

One step is 1 ms, potentials are in units of a neuron's threshold. A spike acts one step after it, so the layers run
one behind the other: a layer whose input arrives in steps a + 1 ... a + T fires in steps a + w + 1 ... a + w + T, and
the next layer's a is a + w + 1. A converted layer whose input comes in spikes waits w steps before it may fire: with
w = 1 it has then seen two steps of input, which removes most of the error of uneven arrival and costs no spikes. What
skips layers has the delay with which it arrives together with the rest. Biases flow while the layer's input arrives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

import snn
from bridge import plan as plans
from bridge.errors import ConversionError
from bridge.nodes import Leaky, MaxPool1d, MaxPool2d
from bridge.plan import Full, Kernel, Layout, Operator, Pick, Plan
from bridge.rate.emitted import Emitted, Layer
from bridge.rate.options import RateOptions
from bridge.rate.support import is_passed_on, title
from snn.network import Population, Source

_RESETS: dict[str, Literal["hard", "soft", "retested"]] = {"zero": "hard", "soft": "soft", "subtract": "retested"}


def emit(
    plan: Plan,
    steps: int,
    thresholds: Mapping[str, np.ndarray],
    options: RateOptions | None = None,
    corrections: Mapping[str, np.ndarray] | None = None,
) -> Emitted:
    """Make a spiking network of a plan.

    Parameters
    ----------
    plan : Plan
        Accepted by `bridge.rate.require`.
    steps : int
        T, the steps in which a layer may fire.
    thresholds : dict of str to ndarray (channels,)
        For each layer that says a value in counts what T spikes stand for; a neuron adds its input divided by it and
        fires at 1. Empty for a network of spiking neurons, which is taken over as it is.
    options : RateOptions, optional
    corrections : dict of str to ndarray (size,), optional
        What is added to biases, by layer, in the graph's order and the module's units.

    Raises
    ------
    ConversionError
        If a layer has no counterpart, naming it.
    """
    return Emitter(plan, steps, thresholds, options or RateOptions(), corrections or {}).run()


class Emitter:
    """The network as it grows along the plan."""

    def __init__(
        self,
        plan: Plan,
        steps: int,
        thresholds: Mapping[str, np.ndarray],
        options: RateOptions,
        corrections: Mapping[str, np.ndarray],
    ):
        self.plan, self.steps, self.thresholds = plan, steps, thresholds
        self.options, self.corrections = options, corrections
        self.network = snn.Network()
        self.layers: dict[str, Layer] = {}
        self.inputs: dict[int, Source] = {}  # by the step before which their current begins; trains come at once
        self.input = next(layer for layer in plan.layers.values() if layer.kind == "input")
        # What a spike of each element stands for in a step, in the graph's order: T spikes say it.
        self.units = {self.input.name: np.ones(self.input.layout.size)}

    def run(self) -> Emitted:
        """Emit layer after layer."""
        for layer in self.plan.layers.values():
            self._layer(layer)
        return self._emitted()

    def _emitted(self) -> Emitted:
        inputs = tuple(self.inputs.values())
        whole = ((self.input.layout.order,),) * len(inputs)
        return Emitted(self.network, inputs, whole, self.input, tuple(self.layers.values()), self.steps)

    # ---- layers

    def _layer(self, layer: plans.Layer) -> None:
        if layer.kind == "activation":
            self._activation(layer)
        elif layer.kind == "relay":
            self._relay(layer)
        elif layer.kind == "maximum":
            self._maximum(layer)
        elif layer.kind == "readout":
            self._readout(layer)
        elif layer.kind != "input":
            remedy = 'Use method="event"'
            raise ConversionError(title(layer), "is a product, which counts of spikes cannot say", remedy)

    def _activation(self, layer: plans.Layer) -> None:
        if isinstance(layer.node, Leaky):
            population = self._firing(layer, "neurons", _leaky(layer), wait=0, unit=np.ones(layer.layout.size))
            if layer.node.recurrent.size:
                order = layer.layout.order
                rule = snn.Dense(layer.node.recurrent[np.ix_(order, order)])
                self.network.connect(population, population, rule, delay=1.0)
        else:
            population = self._counting(layer, "neurons")
        self._connect(layer, population)

    def _relay(self, layer: plans.Layer) -> None:
        unit = self._passed_on(layer)
        if unit is not None:
            population = self._firing(layer, "relay", snn.IF(), wait=0, unit=unit)
        else:
            population = self._counting(layer, "relay")
        self._connect(layer, population)

    def _maximum(self, layer: plans.Layer) -> None:
        """Of the window's neurons the one that has fired most counts; of snnTorch's spikes any one does."""
        (term,) = layer.terms
        assert isinstance(layer.node, MaxPool1d | MaxPool2d)  # what a plan has
        size, stride, padding = (tuple(value) for value in (layer.node.size, layer.node.stride, layer.node.padding))
        if len(size) == 1:
            size, stride, padding = (*size, 1), (*stride, 1), (*padding, 0)
        source = self.plan.layers[term.source]
        unit = _of_windows(layer, source.layout, self.units[term.source])
        if self.thresholds:
            rule, model = snn.MaxPool2d(size, stride, padding), snn.IF()
        else:
            rule, model = snn.SumPool2d(size, stride, padding), snn.IF(reset="hard")
        population = self._firing(layer, "relay", model, wait=0, unit=unit)
        end, delay = self._end(term.source, self._arrival(layer))
        self.network.connect(end, population, rule, weight=1.0, delay=delay)

    def _readout(self, layer: plans.Layer) -> None:
        """Add integrators that never fire: their v is read."""
        population = self.network.population(layer.name, layer.layout.image, snn.IF(), active=(0.0, 0.0))
        self.units[layer.name] = np.ones(layer.layout.size)
        self._connect(layer, population)
        self.network.record(population, "v", every=1.0)
        # T times the output of a converted network; of one that spiked already the sum over all steps.
        spiked = any(isinstance(one.node, Leaky) for one in self.plan.layers.values())
        arrival, unit = self._arrival(layer), np.full(layer.layout.size, 1.0 if spiked else 1.0 / self.steps)
        last = arrival + self.steps
        self.layers[layer.name] = Layer(layer.name, "readout", layer.layout, unit, arrival + 1, last, layer.name)

    def _counting(self, layer: plans.Layer, kind: Literal["neurons", "relay"]) -> Population:
        """Add neurons whose counts stand for a value."""
        if layer.name not in self.thresholds:
            remedy = "Use spiking neurons throughout, or ReLU throughout and bridge.convert"
            raise ConversionError(title(layer), "is an activation among spiking neurons", remedy)
        constant = self.options.input == "constant" and all(t.source == self.input.name for t in layer.terms)
        unit = self.thresholds[layer.name][layer.layout.channel]
        model = snn.IF(v_threshold=1.0, v_reset=0.0, reset=self.options.reset)
        initial = {"v": self.options.initial_charge}
        return self._firing(layer, kind, model, wait=0 if constant else self.options.wait, unit=unit, initial=initial)

    def _firing(
        self,
        layer: plans.Layer,
        kind: Literal["neurons", "relay"],
        model: snn.IF | snn.DiscreteLIF | snn.DiscreteAdaptiveLIF,
        *,
        wait: int,
        unit: np.ndarray,
        initial: dict | None = None,
    ) -> Population:
        """Add a population that may fire in T steps, so many after those in which its input begins to arrive."""
        start = self._arrival(layer) + wait
        stop = start + self.steps
        # T spikes of a converted neuron say its threshold; a count of a network that spiked already is a count.
        said = unit / self.steps if self.thresholds else unit
        self.layers[layer.name] = Layer(layer.name, kind, layer.layout, said, start + 1, stop, layer.name)
        self.units[layer.name] = unit
        active = float(start), float(stop)
        return self.network.population(layer.name, layer.layout.image, model, initial=initial, active=active)

    # ---- what arrives

    def _arrival(self, layer: plans.Layer) -> int:
        """Return the step after which a layer's input arrives: its latest source's first step of firing."""
        return max((self._first(term.source) for term in layer.terms), default=0)

    def _first(self, source: str) -> int:
        return 0 if source == self.input.name else self.layers[source].first

    def _end(self, source: str, arrival: int) -> tuple[Source | Population, float | None]:
        """Return where a term comes from, and the delay with which it arrives together with the others."""
        if source != self.input.name:
            return self.network.populations[source], float(1 + arrival - self._first(source))
        image = self.input.layout.image
        if self.options.input == "poisson":
            if not self.inputs:
                self.inputs[0] = self.network.poisson(source, 0.0, image)
            return self.inputs[0], float(arrival) if arrival else None
        if arrival not in self.inputs:
            name = source if not self.inputs else f"{source} from {arrival}"
            stop = float(arrival + self.steps)
            self.inputs[arrival] = self.network.current(name, np.zeros(image), start=float(arrival), stop=stop)
        return self.inputs[arrival], None

    def _connect(self, layer: plans.Layer, population: Population) -> None:
        """Give a population its input, in units of what a spike of each of its elements stands for."""
        arrival, unit, layout = self._arrival(layer), self.units[layer.name], layer.layout
        for term in layer.terms:
            end, delay = self._end(term.source, arrival)
            source = self.plan.layers[term.source].layout
            rule = rule_of(term.operator, source, layout, self.units[term.source], 1.0 / unit)
            if rule is not None:
                self.network.connect(end, population, rule, delay=delay)
        bias = (layer.bias + self.corrections.get(layer.name, 0.0)) / unit
        if bias.any():
            amplitude, start = bias[layout.order].reshape(layout.image), float(arrival)
            current = self.network.current(f"{layer.name} bias", amplitude, start=start, stop=start + self.steps)
            self.network.connect(current, population, snn.OneToOne(), weight=1.0)

    def _passed_on(self, layer: plans.Layer) -> np.ndarray | None:
        """Return the units of a relay whose neurons each pass on what one other says, or None if it must count."""
        if not is_passed_on(layer) or layer.name in self.thresholds:
            return None
        (term,) = layer.terms
        assert isinstance(term.operator, Pick)
        return np.where(term.operator.index >= 0, self.units[term.source][term.operator.index], 1.0)


def _leaky(layer: plans.Layer) -> snn.DiscreteLIF | snn.DiscreteAdaptiveLIF:
    """Return the model that does what snnTorch's neuron does, or one of `ann`."""
    node = layer.node
    assert isinstance(node, Leaky)
    if node.reset_delay:
        raise ConversionError(title(layer), "resets one step after its spike", "Train it with reset_delay=False")
    beta, threshold = (_per_neuron(value, layer.layout) for value in (node.beta, node.threshold))
    # They fire above the threshold, this engine at it: the next number up is the first that is above.
    above = np.nextafter(threshold, np.inf)
    # A soft reset subtracts v_threshold - v_reset, which is then exactly the threshold.
    v_reset = 0.0 if node.reset == "zero" else above - threshold
    if node.jump.any():
        rho, jump = (_per_neuron(value, layer.layout) for value in (node.rho, node.jump))
        return snn.DiscreteAdaptiveLIF(beta=beta, rho=rho, jump=jump, v_threshold=above, v_reset=v_reset)
    return snn.DiscreteLIF(beta=beta, v_threshold=above, v_reset=v_reset, reset=_RESETS[node.reset])


def rule_of(
    operator: Operator, source: Layout, target: Layout, said: np.ndarray, gain: np.ndarray
) -> snn.Conv2d | snn.Dense | snn.Sparse | None:
    """Return how populations are connected: gain operator said, with said and gain in the graph's order."""
    if isinstance(operator, Kernel):
        # Shared by all positions, if what a channel's spikes stand for is.
        of, to = (one[layout.order].reshape(-1, layout.image[-1]) for one, layout in ((said, source), (gain, target)))
        if (of == of[0]).all() and (to == to[0]).all():
            weight = operator.weight * of[0][:, None, None] * to[0][:, None, None, None]
            return snn.Conv2d(weight.transpose(2, 3, 1, 0), operator.stride, operator.padding)
    if isinstance(operator, Full):
        weight = operator.weight * said * gain[:, None]
        return snn.Dense(weight[np.ix_(target.order, source.order)])
    matrix = operator.matrix().tocoo()
    if not matrix.nnz:
        return None
    from scipy.sparse import coo_array

    to, of = matrix.coords
    values = matrix.data * said[of] * gain[to]
    return snn.Sparse(coo_array((values, (target.neuron[to], source.neuron[of])), shape=(target.size, source.size)))


def _of_windows(layer: plans.Layer, source: Layout, unit: np.ndarray) -> np.ndarray:
    """Return what a spike of a maximum stands for; refuse windows whose neurons differ in that."""
    node = layer.node
    assert isinstance(node, MaxPool1d | MaxPool2d)
    windows = node.windows(source.shape)
    largest, least = (np.where(windows >= 0, unit[windows], other) for other in (-np.inf, np.inf))
    if (largest.max(axis=1) != least.min(axis=1)).any():
        remedy = 'Use RateOptions(per="layer"), or method="event"'
        raise ConversionError(title(layer), "is the maximum of channels with thresholds of their own", remedy)
    return largest.max(axis=1)


def _per_neuron(value: np.ndarray, layout: Layout) -> float | np.ndarray:
    """Return a parameter that broadcasts against a layer's shape as a number, or as one a neuron."""
    if value.size == 1:
        return value.item()
    return np.broadcast_to(value, layout.shape).ravel()[layout.order]
