"""Random graphs of all that can be converted by events, and networks with delays of their own."""

import dataclasses

import numpy as np

from bridge import nodes
from bridge.graph import Graph

ELEMENTWISE = (
    nodes.ReLU,
    nodes.ReLU6,
    nodes.LeakyReLU,
    nodes.ELU,
    nodes.GELU,
    nodes.SiLU,
    nodes.Hardswish,
    nodes.Sigmoid,
    nodes.Tanh,
    nodes.Softplus,
    nodes.Absolute,
    nodes.Softshrink,
    lambda one: nodes.Threshold(one, 0.3, -0.5),
    lambda one: nodes.Function(one, "sin"),
)


def recurrent(rng, kind, source, features, hidden, **options):
    gates = kind.gates * hidden
    weights = rng.normal(size=(gates, features)), rng.normal(size=(gates, hidden))
    biases = [rng.normal(size=gates) for _ in range(2 if kind is nodes.GRU else 1)]
    if kind is nodes.ProjectedLSTM:
        weights = weights[0], rng.normal(size=(gates, 1))
        options["weight_hr"] = rng.normal(size=(1, hidden))
    return kind((source,), *weights, *biases, **options)


def random_graph(rng, length=6):
    """Branches, sums, products, pools, normalisations, masks and rearrangements of volumes, images and so on."""
    made = {"x": nodes.Input((), tuple(rng.integers(2, 5, rng.integers(1, 5)).tolist()))}
    for number in range(length):
        shapes = Graph(made, "x").shapes()
        said = [name for name in made if not name.startswith("m")]  # not minus infinity
        source = str(rng.choice(said[-3:]))
        other = str(rng.choice([name for name in said if shapes[name] == shapes[source]]))
        choices = [lambda s=source: ELEMENTWISE[rng.integers(len(ELEMENTWISE))]((s,))] * 4
        choices += _linear(rng, source, shapes[source]) * 2
        choices += _others(rng, source, other, shapes[source])
        choices += _masked(rng, made, f"m{number}", source, shapes[source])
        made[f"n{number}"] = choices[rng.integers(len(choices))]()
    return Graph(made, f"n{length - 1}")


def _masked(rng, made, name, source, shape):
    """Softmax and maximum of values of which a mask before them, of this name, keeps at least one."""
    axis = int(rng.integers(len(shape)))
    kept = rng.random(shape) < 0.6
    np.put_along_axis(kept, rng.integers(0, shape[axis], shape).take([0], axis), True, axis)

    def reading(mask, reader):
        made[name] = mask
        return reader

    one = (name,)
    far = nodes.Shift((source,), np.where(kept, 0.0, -1e9))
    choices = [
        lambda: reading(nodes.Mask((source,), kept), nodes.Softmax(one, axis)),
        lambda: reading(far, nodes.Softmax(one, axis)),
    ]
    if len(shape) > 1:
        choices.append(lambda: reading(nodes.Mask((source,), kept), nodes.MaxOver(one, (axis,))))
    return choices


def _linear(rng, source, shape):
    one = (source,)
    choices = [
        lambda: nodes.Dense(one, rng.normal(size=(3, shape[-1])), rng.normal(size=3)),
        lambda: nodes.BatchNorm(one, rng.normal(size=shape[0]), rng.normal(size=shape[0])),
        lambda: nodes.Scale(one, rng.normal(size=shape)),
    ]
    if len(shape) == 2:
        weight = rng.normal(size=(2, shape[0], 2))
        choices.append(lambda: nodes.Conv1d(one, weight, rng.normal(size=2), (1,), (1,), (1,)))
        choices.append(lambda: nodes.Mean(one, (int(rng.integers(2)),)))
    if len(shape) == 3 and min(shape[1:]) > 1:
        weight, grouped = rng.normal(size=(3, shape[0], 2, 2)), rng.normal(size=(2 * shape[0], 1, 1, 2))
        options = {"padding": (1, 1), "stride": (1, 2)}
        choices.append(lambda: nodes.Conv2d(one, weight, rng.normal(size=3), **options))
        choices.append(lambda: nodes.Conv2d(one, grouped, rng.normal(size=2 * shape[0]), groups=shape[0]))
        choices.append(lambda: nodes.AveragePool2d(one, (2, 2), (1, 1)))
    if len(shape) == 4 and min(shape[1:]) > 1:
        volume = rng.normal(size=(2, shape[0], 2, 1, 2))
        choices.append(lambda: nodes.Conv3d(one, volume, rng.normal(size=2), padding=(0, 0, 1)))
    return choices


def _others(rng, source, other, shape):
    one, both, axis = (source,), (source, other), int(rng.integers(len(shape)))
    choices = [
        lambda: nodes.Add(both),
        lambda: nodes.Multiply(both),
        lambda: nodes.Concat(both, axis),
        lambda: nodes.Permute(one, tuple(rng.permutation(len(shape)).tolist())),
        lambda: nodes.Slice(one, 0, int(rng.integers(shape[0])), shape[0]),
        lambda: nodes.LayerNorm(one, rng.normal(size=shape[-1:]), rng.normal(size=shape[-1:])),
        lambda: nodes.Softmax(one, axis),
        lambda: nodes.PReLU(one, rng.uniform(0.0, 1.0, shape[0])),
    ]
    if len(shape) > 1:
        choices += [lambda: nodes.MaxOver(one, (axis,)), lambda: nodes.Flatten(one)]
    if len(shape) == 2:
        for kind in (nodes.LSTM, nodes.ProjectedLSTM, nodes.GRU, nodes.RNN):
            choices.append(lambda kind=kind: recurrent(rng, kind, source, shape[1], 2))
        choices.append(lambda: nodes.MatMul((source, other)) if shape[0] == shape[1] else nodes.Flip(one, 0))
        if shape[1] > 1:
            choices.append(lambda: nodes.MaxPool1d(one, (2,), (1,), (1,)))
    if len(shape) == 3 and min(shape[1:]) > 1:
        choices.append(lambda: nodes.MaxPool2d(one, (2, 2), (1, 1)))
        choices.append(lambda: nodes.MaxPool2d(one, (2, 2), (1, 1), (1, 0), (2, 1)))
    if len(shape) == 4 and min(shape[1:]) > 1:
        choices.append(lambda: nodes.MaxPool3d(one, (1, 2, 2), (1, 1, 1)))
    return choices


def delayed(rng, network):
    """Give every projection of a network a delay of its own, in place; returns the network."""
    for number, projection in enumerate(network.projections):
        delay = float(rng.choice([0.1, 0.5, 1.0, rng.uniform(0.01, 5.0)]))
        network.projections[number] = dataclasses.replace(projection, delay=delay)
    return network


def in_windows(rng, counts, windows):
    """Let counts come in several windows: each element goes to what it will be at a time of its own."""
    when = rng.integers(0, windows, counts.shape)
    return np.stack([np.where(when <= window, counts, 0) for window in range(windows)])
