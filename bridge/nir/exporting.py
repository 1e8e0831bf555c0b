"""From a converted network to a NIR file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import snn
from bridge.errors import ConversionError, OutputError, ValidationError
from bridge.nir import own
from bridge.nir.cells import channels_first, order
from bridge.nir.convolution import as_convolution
from bridge.nir.reading import read
from bridge.nodes import Conv2d, Embedding
from snn.files import new_file
from snn.network import Population, Source
from snn.neurons import StaircaseModel
from snn.projection import Projection
from snn.stimuli import Current

if TYPE_CHECKING:
    import nir

_SNNTORCH_DT = 1e-4  # s: what files of leaky neurons count a step as, today
_SLOWEST = 2.0**-40  # a neuron without leak among leaky ones forgets so little in a step


def to_nir(converted: Any, path: str | Path) -> tuple[str, ...]:
    """Write a network made by `bridge.convert` or `bridge.take_over` to a NIR file.

    `bridge.from_nir` gives it back spike for spike. What NIR cannot say goes into the nodes' metadata, which other
    tools leave alone; they read the rest: the same neurons and weights, with NIR's hard reset, from v = 0, layer upon
    layer without delays.

    Parameters
    ----------
    converted : bridge.Converted
    path : str or Path
        The file; replaced once the new one is complete.

    Returns
    -------
    tuple of str
        What stands in the metadata only, and how far other tools' networks will differ; to be printed.

    Raises
    ------
    ConversionError
        If a part of the network has no counterpart in NIR; it names it.
    OutputError
        If the file cannot be written.
    """
    import nir

    network = getattr(converted, "network", None)
    if not isinstance(network, snn.Network):
        raise ValidationError(f"converted must be what bridge.convert or bridge.take_over return, not {converted!r}")
    for population in network.populations.values():
        if isinstance(population.model, StaircaseModel):
            label = f"{population.name} ({type(population.model).__name__})"
            reason = "says integers with a sign, without time steps; NIR's neurons say spikes"
            raise ConversionError(label, reason, 'Convert with method="rate"')
        if isinstance(population.model, snn.PeriodicIF):
            label = f"{population.name} (PeriodicIF)"
            reason = "fires in one period what it has integrated in the one before; NIR has no such neuron"
            raise ConversionError(label, reason, "Convert with RateOptions(unroll=True)")
    if not isinstance(path, str | Path):
        raise ValidationError(f"path must be that of a file, not {path!r}")
    exporter = _Exporter(converted)
    graph = exporter.run()
    flat = read(graph)
    about = graph.metadata[own.KEY]
    about["network"] = own.network_hash(network)
    about["content"] = own.content_hash(flat)
    if own.network_hash(own.restored(flat, converted.steps).network) != about["network"]:
        reason = "would not come back as it is from its NIR file"
        raise ConversionError("the network", reason, "Save it otherwise, and report this")
    path = Path(path)
    try:
        with new_file(path) as disk:
            nir.write(disk, graph)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from None
    return tuple(exporter.notes)


class _Exporter:
    """The NIR graph as it grows along a network."""

    def __init__(self, converted: Any):
        self.converted = converted
        self.network: snn.Network = converted.network
        self.offsets = {layer.name: layer.first - 1 for layer in converted.layers}
        self.nodes: dict[str, nir.NIRNode] = {}
        self.edges: list[tuple[str, str]] = []
        self.notes: list[str] = []
        leaky = any(isinstance(one.model, snn.DiscreteLIF) for one in self.network.populations.values())
        self.dt = _SNNTORCH_DT if leaky else 1.0  # NIR's time of a step

    def run(self) -> nir.NIRGraph:
        import nir

        # A layer's input may begin when it is its turn, as a source of its own: all get the same sample.
        inputs = [source for source in self.network.sources.values() if not _is_bias(source)]
        if not inputs:
            raise ConversionError(
                "the network", "has no input", "It must have a current of amplitude 0, which samples set"
            )
        self.input = inputs[0].name
        self._claim(self.input, self._as_input(channels_first(inputs[0].shape or ())))
        for population in self.network.populations.values():
            self._claim(population.name, self._neurons(population))
        for population in self.network.populations.values():
            self._arrivals(population)
        self._output()
        self._note()
        graph = nir.NIRGraph(self.nodes, self.edges, metadata={own.KEY: self._about()}, type_check=False)
        try:
            graph.infer_types()
            graph.check_types()
        except ValueError as error:
            self.notes.append(f"nir {nir.version} counts shapes otherwise; read with type_check=False: {error}")
        return graph

    def _as_input(self, shape: tuple[int, ...]) -> nir.NIRNode:
        import nir

        given = self.converted.emitted.input
        layout = given.layout
        if isinstance(given.node, Embedding):
            reason = "is indices that an embedding reads, which NIR does not know"
            raise ConversionError(self.input, reason, "Convert what follows the embedding")
        if not np.array_equal(layout.order, order(shape)):
            reason = f"is of shape {layout.shape}, channels last"
            raise ConversionError(self.input, reason, "NIR has channels first: let the module take them so")
        metadata = {own.KEY: {"shape": np.array(layout.shape)}}
        return nir.Input({"input": np.array(shape)}, metadata=metadata)

    def _about(self) -> dict[str, Any]:
        bits = int(self.converted.options.weight_bits)
        return {"version": own.VERSION, "steps": int(self.converted.steps), "dt": self.dt, "weight_bits": bits}

    def _claim(self, name: str, node: nir.NIRNode) -> None:
        if name in self.nodes or "/" in name:
            remedy = "Name the module's parts differently"
            raise ConversionError(name, "is a name that NIR files cannot hold, or hold twice", remedy)
        self.nodes[name] = node

    def _neurons(self, population: Population) -> nir.NIRNode:
        import nir

        model, shape = population.model, channels_first(population.shape)
        label, kind = f"{population.name} ({type(model).__name__})", type(model).__name__
        if kind not in own.MODELS:
            raise ConversionError(label, "has no counterpart in NIR", f"Known are {', '.join(own.MODELS)}")
        if isinstance(model, snn.IF) and (model.synapse, model.t_ref, model.c_m, model.i_e) != ("delta", 0.0, 1.0, 0.0):
            raise ConversionError(
                label,
                "has synaptic currents, a refractory period, a capacitance or a current",
                "Use an IF with the defaults for these",
            )
        given: dict[str, Any] = {name: getattr(model, name) for name in own.PARAMETERS[kind]}
        for name, value in (given | dict(population.initial)).items():
            if not isinstance(value, float | np.ndarray):
                raise ConversionError(label, f"has a {name} that is drawn", "Give numbers or arrays")
        about = {
            "model": kind,
            "parameters": given,
            "reset": model.reset,  # pyright: ignore[reportAttributeAccessIssue]
            "active": np.array(population.active),
            "offset": self.offsets[population.name],
        }
        if population.initial:
            about["initial"] = dict(population.initial)
        metadata = {own.KEY: about}
        values = {name: self._laid_back(value, population) for name, value in given.items()}
        # NIR fires above its threshold, the engine at it.
        limit = np.nextafter(values["v_threshold"], -np.inf)
        drop = values["v_threshold"] - values["v_reset"]
        firing = {"v_threshold": limit, "v_reset": values["v_reset"] if about["reset"] == "hard" else limit - drop}
        r = np.full(shape, 1.0 / self.dt)
        if population.active == (0.0, 0.0):
            return nir.I(r=r, metadata=metadata)
        if kind == "IF" or (values["beta"] == 1.0).all():
            return nir.IF(r=r, **firing, metadata=metadata)
        tau = self.dt / np.maximum(1.0 - values["beta"], _SLOWEST)
        return nir.LIF(tau=tau, r=tau / self.dt, v_leak=np.zeros(shape), **firing, metadata=metadata)

    def _laid_back(self, value: float | np.ndarray, population: Population) -> np.ndarray:
        """Return values by neuron as NIR has them, channels first."""
        if not isinstance(value, np.ndarray):
            return np.full(channels_first(population.shape), value)
        image = value.reshape(population.shape)
        return np.ascontiguousarray(np.moveaxis(image, -1, 0) if image.ndim > 1 else image)

    def _arrivals(self, population: Population) -> None:
        """Add the nodes that lead into a population."""
        into = [one for one in self.network.projections if one.target is population]
        biases = [one for one in into if isinstance(one.source, Source) and _is_bias(one.source)]
        ways = [one for one in into if one not in biases]
        carriers = [name for i, one in enumerate(ways) if (name := self._way(one, i if len(ways) > 1 else None))]
        if not biases:
            return
        if len(biases) > 1 or not carriers:
            reason = "has several biases, or one without weights"
            raise ConversionError(population.name, reason, "NIR keeps a bias with weights: give it one such layer")
        self._bias(biases[0], population, carriers[0])

    def _bias(self, projection: Projection, population: Population, carrier: str) -> None:
        import nir

        assert isinstance(projection.source, Source)
        stimulus, node = _current(projection.source), self.nodes[carrier]
        values = self._laid_back(stimulus.amplitude.ravel(), population)
        about = node.metadata[own.KEY] | {"bias_start": stimulus.start, "bias_stop": stimulus.stop}
        if isinstance(node, nir.Conv2d):
            by_channel = values.reshape(len(values), -1)
            if (by_channel != by_channel[:, :1]).any():
                reason = "has biases that differ within a channel"
                raise ConversionError(population.name, reason, "A convolution of NIR has one bias a channel")
            node.bias, node.metadata = by_channel[:, 0].copy(), {own.KEY: about}
        else:
            self.nodes[carrier] = nir.Affine(node.weight, values, metadata={own.KEY: about})  # pyright: ignore

    def _way(self, projection: Projection, number: int | None) -> str | None:
        """Add the nodes of a projection; returns the name of the one that can carry a bias, if any."""
        import nir

        source, target, rule = projection.source, projection.target, projection.rule
        label = f"{projection.name} ({type(rule).__name__})"
        if not projection.whole or projection.plasticity is not None:
            raise ConversionError(label, "is of a slice, or plastic", "NIR connects whole layers with fixed weights")
        origin = self.input if isinstance(source, Source) else source.name
        name = f"{target.name}.weight" if number is None else f"{target.name}.weight.{number}"
        delay = _current(source).start if isinstance(source, Source) else projection.delay
        delay = 1.0 if delay is None else delay
        if not isinstance(delay, float):
            raise ConversionError(label, "has a delay of its own for every synapse", "Give one delay")
        metadata = {own.KEY: {"rule": type(rule).__name__, "delay": delay}}
        shape = channels_first(source.shape or ())
        if isinstance(rule, snn.Conv2d):
            # Copies: nir.write compresses what lies in order.
            weight = np.ascontiguousarray(rule.weights.transpose(3, 2, 0, 1))
            same = Conv2d((), weight, np.zeros(len(weight)), rule.stride, rule.padding)
            node = _convolution(same, shape, metadata)
        elif isinstance(rule, snn.SumPool2d | snn.MaxPool2d):
            if projection.weight != 1.0:
                raise ConversionError(label, f"has the weight {projection.weight}", "Use weight 1")
            node = nir.SumPool2d(np.array(rule.size), np.array(rule.stride), np.array(rule.padding), metadata=metadata)
            if isinstance(rule, snn.MaxPool2d):
                self.notes.append(f"{name}: a maximum of spike counts, a SumPool2d to others.")
        else:
            return self._matrix(projection, label, origin, name, metadata)
        self._claim(name, node)
        self.edges += [(origin, name), (name, target.name)]
        return name if isinstance(rule, snn.Conv2d) else None

    def _matrix(self, projection: Projection, label: str, origin: str, name: str, metadata: dict) -> str | None:
        """Add the nodes of a projection that is a matrix."""
        import nir

        source, target, rule = projection.source, projection.target, projection.rule
        shapes = [channels_first(target.shape), channels_first(source.shape or ())]
        if not isinstance(rule, snn.Dense | snn.Sparse):
            raise ConversionError(
                label, "has no counterpart in NIR", "Known are dense, sparse, convolution and pooling"
            )
        orders = [np.argsort(order(shape)) for shape in shapes]  # which neuron each element is
        if isinstance(rule, snn.Dense):
            matrix = rule.weights
        else:
            if isinstance(projection.weight, np.ndarray) or rule.weights is None:
                raise ConversionError(label, "has weights by synapse", "Give a matrix")
            from scipy.sparse import coo_array

            sparse = coo_array((rule.weights, (rule.targets, rule.sources)), shape=rule.shape).tocsr()
            diagonal = shapes[0] == shapes[1] and (rule.targets == rule.sources).all()
            if diagonal and len(np.unique(rule.targets)) == len(rule.targets):
                scale = sparse.diagonal()[orders[0]].reshape(shapes[0])
                self._claim(name, nir.Scale(scale, metadata=metadata))
                self.edges += [(origin, name), (name, target.name)]
                return None
            if len(shapes[0]) == len(shapes[1]) == 3:
                listed = sparse[orders[0]][:, orders[1]]
                found = as_convolution(listed, shapes[1], shapes[0], self.converted.graph)
                if found is not None:
                    self._claim(name, _convolution(found, shapes[1], metadata))
                    self.edges += [(origin, name), (name, target.name)]
                    return name
            matrix = sparse.toarray()
        if len(shapes[0]) > 1:
            remedy = "Only convolutions and pooling lead to images in NIR, which has no node that makes one of a vector"
            raise ConversionError(label, f"is a matrix into an image of shape {target.shape}", remedy)
        weight = np.ascontiguousarray(matrix[orders[0]][:, orders[1]])
        if len(shapes[1]) > 1:
            flat = f"{name}.flat"
            self._claim(flat, nir.Flatten({"input": np.array(shapes[1])}, start_dim=0, end_dim=-1))
            self.edges.append((origin, flat))
            origin = flat
        self._claim(name, nir.Linear(weight, metadata=metadata))
        self.edges += [(origin, name), (name, target.name)]
        return name

    def _output(self) -> None:
        """Say how the last layer is read."""
        import nir

        layer = self.converted.layers[-1]
        last = self.network.populations[layer.name]
        shape = channels_first(last.shape)
        # Which of NIR's elements each of the module's is: the same, but where the module's channels come last.
        elements = order(shape)[layer.layout.neuron]
        about = {
            "shape": np.array(layer.layout.shape),
            "elements": elements,
            "unit": np.asarray(layer.unit, np.float64),
            "summed": int(last.active != (0.0, 0.0)),
        }
        name = "output" if "output" not in self.nodes else "network.output"
        self._claim(name, nir.Output({"output": np.array(shape)}, metadata={own.KEY: about}))
        self.edges.append((last.name, name))

    def _note(self) -> None:
        soft = [
            one.name
            for one in self.network.populations.values()
            if getattr(one.model, "reset", "") != "hard" and one.active != (0.0, 0.0)
        ]
        charged = [one.name for one in self.network.populations.values() if one.initial]
        if self.converted.after:
            names = ", ".join(type(node).__name__ for node in self.converted.after)
            self.notes.append(f"The module ends in {names}, which stays outside: answers are what it is applied to.")
        if soft:
            self.notes.append(f"{', '.join(soft)}: a reset by subtraction; NIR's puts v at v_reset.")
        if charged:
            self.notes.append(f"{', '.join(charged)}: an initial v; NIR has none.")
        self.notes.append(f"{self.converted.steps} steps of {self.dt:g}, and the steps in which each layer may fire.")


def _convolution(node: Conv2d, shape: tuple[int, ...], metadata: dict) -> nir.Conv2d:
    import nir

    options = node.stride, node.padding, node.dilation, node.groups
    return nir.Conv2d((shape[1], shape[2]), node.weight, *options, node.bias, metadata=metadata)


def _is_bias(source: Source) -> bool:
    return bool(_current(source).amplitude.any())


def _current(source: Source) -> Current:
    if not isinstance(source.stimulus, Current):
        reason, remedy = "is not a constant current, and NIR knows no other input", "Convert with constant input"
        raise ConversionError(f"{source.name} ({type(source.stimulus).__name__})", reason, remedy)
    return source.stimulus
