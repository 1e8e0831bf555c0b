"""The bridge's own small description of a network: nodes by name, each reading what came before it.

Shapes have no batch axis and follow PyTorch: (features,) or (channels, height, width). Arrays that flow through a
graph carry the batch axis in front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bridge.errors import ConversionError, ValidationError
from bridge.nodes import Input, Leaky, Node, Shape

_RUN_BATCH = 256  # samples whose intermediate values `Graph.run` holds at once


@dataclass(frozen=True)
class Graph:
    """A feed-forward network: nodes in an order in which every node follows those it reads.

    Parameters
    ----------
    nodes : mapping of str to Node
        Exactly one of them an `Input`.
    output : str
        The node whose value is the network's output.

    Raises
    ------
    ValidationError
        Where a node reads what does not exist before it, shapes do not fit or weights are not finite; it is named.
    """

    nodes: Mapping[str, Node]
    output: str

    def __post_init__(self):
        object.__setattr__(self, "nodes", dict(self.nodes))
        self.check()

    @property
    def input(self) -> str:
        """Name of the input node."""
        return next(name for name, node in self.nodes.items() if isinstance(node, Input))

    def check(self) -> None:
        """Refuse a graph that could not be evaluated; called on construction.

        Raises
        ------
        ValidationError
            Naming the node.
        """
        inputs = [name for name, node in self.nodes.items() if isinstance(node, Input)]
        if len(inputs) != 1:
            raise ValidationError(f"a graph needs exactly one Input, got {inputs}")
        if self.output not in self.nodes:
            raise ValidationError(f"output {self.output!r} is not a node; nodes are {list(self.nodes)}")
        self.shapes()

    def shapes(self) -> dict[str, Shape]:
        """Give the shape of every node's output, without batch axis."""
        shapes: dict[str, Shape] = {}
        for name, node in self.nodes.items():
            try:
                if missing := [source for source in node.inputs if source not in shapes]:
                    raise ValidationError(f"reads {missing}, which are not nodes before it")
                shapes[name] = node.output_shape(*(shapes[source] for source in node.inputs))
            except ValidationError as error:
                raise ValidationError(f"node {name!r} ({type(node).__name__}): {error}") from None
        return shapes

    def macs(self) -> dict[str, int]:
        """Count the multiply-accumulates of one inference, for the dense and convolutional nodes.

        A convolution counts its full kernel at every output position, padding included, as is usual; biases,
        normalisation and pooling count nothing.
        """
        shapes = self.shapes()
        counts = {name: node.macs(*(shapes[i] for i in node.inputs)) for name, node in self.nodes.items()}
        return {name: count for name, count in counts.items() if count}

    def consumers(self, name: str) -> list[str]:
        """List the nodes that read this one."""
        return [other for other, node in self.nodes.items() if name in node.inputs]

    def evaluate(
        self, x: np.ndarray, replaced: Callable[[str, np.ndarray], np.ndarray] | None = None
    ) -> dict[str, np.ndarray]:
        """Compute every node in float64.

        Parameters
        ----------
        x : array, shape (batch, *input shape)
            Samples.
        replaced : callable, optional
            Called with every node's name and value; what it returns stands in the value's place, there and in all
            that follows.

        Returns
        -------
        dict of str to array, shape (batch, ...)
            The value of every node.

        Raises
        ------
        ValidationError
            Where the samples have another shape.
        ConversionError
            Where a node is a spiking neuron: it has a state, and only a spiking engine can run it.
        """
        shape = self.shapes()[self.input]
        x = np.asarray(x, dtype=np.float64)
        if x.shape[1:] != shape or not x.ndim:
            raise ValidationError(f"x must have shape (batch, {', '.join(map(str, shape))}), not {x.shape}")
        values = {}
        for name, node in self.nodes.items():
            if isinstance(node, Leaky):
                raise ConversionError(name, "is a spiking neuron, with a state over time", "Run it on the snn engine")
            value = x if isinstance(node, Input) else node(*(values[i] for i in node.inputs))
            values[name] = value if replaced is None else replaced(name, value)
        return values

    def run(self, x: np.ndarray) -> np.ndarray:
        """Compute the output alone, a part of the batch at a time; arguments and errors as `evaluate`."""
        x = np.asarray(x, dtype=np.float64)
        starts = range(0, max(1, len(x)), _RUN_BATCH)
        return np.concatenate([self.evaluate(x[start : start + _RUN_BATCH])[self.output] for start in starts])
