"""The certificate: which of a spiking network's answers must be those of the network that it was made of.

It follows from what the spiking network said and from the weights alone; the network itself is not run. Layer by layer,
with s what the layer said, u what it was given by the layers before as they spoke, and r = |f(u) - s| its own error,

    E_0 = the input's coding error       E_u = |W| E before       E = (the change of f within u ± E_u) + r

bounds how far the network's activation can be from s, and a class is certain where the margin at the output is larger
than the bound on the difference of its score to every other. Errors are taken by their size, not their sign: with signs
the recursion would be the network, evaluated. So what is certain is certain whichever way the errors of the layers
point. For the difference of two scores their weights are subtracted first, and the errors of all layers are carried to
the output as linear functions where that is tighter: see `bridge.enclosure`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bridge.enclosure import REMEDY, ROUNDING, Ball, Step, Tables, enclose, is_bounded
from bridge.errors import ConversionError, ValidationError
from bridge.graph import Graph
from bridge.inference import check_samples
from bridge.measurement import Observable
from bridge.nodes import Add, Input, Linear, LogSoftmax, Rearrange, Softmax

_ROWS = 256  # differences of scores that are carried back at once


@dataclass(frozen=True, eq=False)
class Certificate:
    """For every sample whether the spiking network's class is proven to be the network's.

    Attributes
    ----------
    classes : ndarray of int64 (samples,)
        The spiking network's answers.
    margin : ndarray of float64 (samples,)
        By how much the score of that class is above another's, as the network computes it from what the last layer
        of neurons said; of the class that could come nearest.
    bound : ndarray of float64 (samples,)
        How far the errors of all layers can lower that margin.
    """

    classes: np.ndarray
    margin: np.ndarray
    bound: np.ndarray

    @property
    def certified(self) -> np.ndarray:
        """Whether margin > bound: the network gives the same class; bool (samples,)."""
        return self.margin > self.bound

    def __str__(self) -> str:
        return f"{int(self.certified.sum()):,} of {len(self.classes):,} samples certified to have the network's class"


def certify(converted: Observable, samples: np.ndarray, *, threads: int = 1) -> Certificate:
    """Run samples through a spiking network and prove for each, where possible, that the network gives its class.

    The network is the graph of `converted`, computed in float32 or finer with sums in any order. Where its output is a
    softmax over classes, what that is of decides. The proof takes about as much work as some evaluations of the
    network, and memory for its weights as lists of synapses.

    Parameters
    ----------
    converted : Converted
    samples : ndarray (samples, *shape)
        In the module's own layout.
    threads : int
        Of the simulation.

    Raises
    ------
    ValidationError
        If the samples are refused, or `converted` is no converted network.
    ConversionError
        Naming the node, where there is no bound for one.

    References
    ----------
    G. Singh, T. Gehr, M. Püschel, M. Vechev: An abstract domain for certifying neural networks. POPL 2019.
    H. Zhang et al.: Efficient neural network robustness certification with general activation functions. NeurIPS 2018.
    """
    if not hasattr(converted, "observe"):
        raise ValidationError(f"converted must be what bridge.convert returns, not {type(converted).__name__}")
    graph = converted.graph
    samples = check_samples(samples, graph.shapes()[graph.input])
    for name, node in graph.nodes.items():
        if not is_bounded(node):
            raise ConversionError(f"{name} ({type(node).__name__})", "has no bound", REMEDY)
    tables, parts, done = Tables(), [], 0
    for observation in converted.observe(samples, threads=threads):
        classes = observation.inference.classes
        x = samples[done : done + len(classes)]
        with np.errstate(all="ignore"):  # what overflows or is not defined certifies nothing
            parts.append((classes, *_Proof(graph, tables, x, observation.activations).of(classes)))
        done += len(classes)
    return Certificate(*(np.concatenate(part) for part in zip(*parts, strict=True)))


class _Proof:
    """Bounds for one batch: forward through the graph, then back from the scores."""

    def __init__(self, graph: Graph, tables: Tables, x: np.ndarray, said: dict[str, np.ndarray]):
        self.graph, self.output = graph, _scores(graph)
        self.balls: dict[str, Ball] = {}
        self.steps: dict[str, Step] = {}
        # What a linear node said is seen in what the layers after it did.
        self.said = {name: value for name, value in said.items() if not self._is_linear(name)}
        for name, node in graph.nodes.items():
            if isinstance(node, Input):
                centre = self.said.get(name, x)
                radius = np.abs(x - centre) + ROUNDING * np.abs(x)
                step = Step(centre, -radius, radius, np.zeros_like(x), radius, lambda weights, rows: [])
            else:
                step = enclose(node, [self.balls[source] for source in node.inputs], tables)
            self._keep(name, step)
            if name == self.output:
                break

    def _is_linear(self, name: str) -> bool:
        node = self.graph.nodes.get(name)
        return node is None or name == self.graph.output or isinstance(node, Linear | Rearrange | Add)

    def _keep(self, name: str, step: Step) -> None:
        if name not in self.said or isinstance(self.graph.nodes[name], Input):
            self.steps[name], self.balls[name] = step, Ball(step.value, step.low, step.high)
            return
        said = self.said[name]
        own = np.abs(step.value - said)
        self.balls[name] = Ball(said, step.low - own, step.high + own)
        self.steps[name] = Step(step.value, step.low, step.high, step.shift, step.slack + own, step.pull)

    def of(self, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each sample's margin and bound, given its class."""
        scores = self.balls[self.output].centre
        samples, shape = len(scores), scores.shape[1:]
        flat = scores.reshape(samples, -1)
        others = np.array([[j for j in range(flat.shape[1]) if j != c] for c in classes], np.int64).reshape(samples, -1)
        if not others.size:
            raise ConversionError(self.output, "has a single output, not scores of classes", "Certify a classifier")
        rows = np.repeat(np.arange(samples), others.shape[1])
        bounds = np.empty(len(rows))
        for start in range(0, len(rows), _ROWS):
            part = slice(start, start + _ROWS)
            weights = np.zeros((len(rows[part]), flat.shape[1]))
            each = np.arange(len(weights))
            weights[each, classes[rows[part]]] = 1.0
            weights[each, others.ravel()[part]] = -1.0
            weights = weights.reshape(-1, *shape)
            bounds[part] = np.fmin(*(self._lost(weights, rows[part], back) for back in (False, True)))
        margins = np.take_along_axis(flat, classes[:, None], axis=1) - np.take_along_axis(flat, others, axis=1)
        bounds = np.where(np.isnan(bounds), np.inf, bounds).reshape(margins.shape)
        nearest = (margins - bounds).argmin(axis=1)[:, None]
        return np.take_along_axis(margins, nearest, axis=1)[:, 0], np.take_along_axis(bounds, nearest, axis=1)[:, 0]

    def _lost(self, weights: np.ndarray, rows: np.ndarray, back: bool) -> np.ndarray:
        """Return by how much weighted scores can be below those at the centre.

        Distances are taken from the intervals of the layers that spoke last or, `back`, carried back to the input.
        """
        lost, pulled = np.zeros(len(rows)), {self.output: weights}
        for name in reversed(self.steps):
            if (w := pulled.pop(name, None)) is None:
                continue
            step, ball, axes = self.steps[name], self.balls[name], tuple(range(1, w.ndim))
            if not back and (name in self.said or isinstance(self.graph.nodes[name], Input)):
                lost -= np.where(w > 0.0, w * ball.low[rows], w * ball.high[rows]).sum(axis=axes)
                continue
            lost += (np.abs(w) * step.slack[rows] - w * step.shift[rows]).sum(axis=axes)
            for source, share in zip(self.graph.nodes[name].inputs, step.pull(w, rows), strict=True):
                pulled[source] = pulled[source] + share if source in pulled else share
        return lost


def _scores(graph: Graph) -> str:
    """Return the node whose largest value is the class: the output, or what a softmax at the end is of."""
    name, shapes = graph.output, graph.shapes()
    while isinstance(node := graph.nodes[name], Softmax | LogSoftmax) and len(shapes[name]) == 1:
        (name,) = node.inputs
    return name
