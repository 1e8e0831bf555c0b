import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bridge import ValidationError, nodes
from bridge.nodes import Activation, Linear, Maximum, Rearrange, Recurrent

RNG = np.random.default_rng(0)
SEQUENCE, IMAGE, VECTOR, VOLUME = (4, 9), (4, 7, 6), (5,), (4, 3, 5, 4)


def some(*shape):
    return RNG.standard_normal(shape)


def tensor(array):
    return torch.from_numpy(np.array(array))


def one(kind, *arguments, **options):
    return kind(("x",), *arguments, **options)


K3, K2, K1, B = some(6, 2, 2, 2, 3), some(6, 2, 3, 2), some(6, 2, 3), some(6)
T3, T2, T1, TB = some(4, 3, 2, 2, 2), some(4, 3, 3, 2), some(4, 3, 3), some(6)
MATRICES = (some(3, 7), some(8, 6))

LINEAR = {
    "dense": (
        one(nodes.Dense, some(3, 5), some(3)),
        VECTOR,
        lambda n, x: F.linear(x, tensor(n.weight), tensor(n.bias)),
    ),
    "dense_on_sequences": (
        one(nodes.Dense, some(3, 9), some(3)),
        SEQUENCE,
        lambda n, x: F.linear(x, tensor(n.weight), tensor(n.bias)),
    ),
    "conv1d": (
        one(nodes.Conv1d, K1, B, (2,), (1,), (2,), 2),
        SEQUENCE,
        lambda n, x: F.conv1d(x, tensor(K1), tensor(B), 2, 1, 2, 2),
    ),
    "conv2d": (
        one(nodes.Conv2d, K2, B, (1, 2), (2, 1), (2, 1), 2),
        IMAGE,
        lambda n, x: F.conv2d(x, tensor(K2), tensor(B), (1, 2), (2, 1), (2, 1), 2),
    ),
    "depthwise": (
        one(nodes.Conv2d, K2[:4, :1], B[:4], padding=(1, 1), groups=4),
        IMAGE,
        lambda n, x: F.conv2d(x, tensor(K2[:4, :1]), tensor(B[:4]), padding=1, groups=4),
    ),
    "transposed1d": (
        one(nodes.ConvTranspose1d, T1, TB, (3,), (2,), (1,), (2,), 2),
        SEQUENCE,
        lambda n, x: F.conv_transpose1d(x, tensor(T1), tensor(TB), 3, 2, 1, 2, 2),
    ),
    "transposed2d": (
        one(nodes.ConvTranspose2d, T2, TB, (2, 1), (1, 0), (1, 0), (1, 2), 2),
        IMAGE,
        lambda n, x: F.conv_transpose2d(x, tensor(T2), tensor(TB), (2, 1), (1, 0), (1, 0), 2, (1, 2)),
    ),
    "transposed2d_padded_by_the_dilation": (
        one(nodes.ConvTranspose2d, T2, TB, (1, 1), (0, 0), (1, 0), (2, 1), 2),
        IMAGE,
        lambda n, x: F.conv_transpose2d(x, tensor(T2), tensor(TB), 1, 0, (1, 0), 2, (2, 1)),
    ),
    "conv3d": (
        one(nodes.Conv3d, K3, B, (1, 2, 1), (1, 0, 1), (1, 2, 1), 2),
        VOLUME,
        lambda n, x: F.conv3d(x, tensor(K3), tensor(B), (1, 2, 1), (1, 0, 1), (1, 2, 1), 2),
    ),
    "transposed3d": (
        one(nodes.ConvTranspose3d, T3, TB, (1, 2, 1), (1, 0, 0), (0, 1, 0), (1, 1, 2), 2),
        VOLUME,
        lambda n, x: F.conv_transpose3d(x, tensor(T3), tensor(TB), (1, 2, 1), (1, 0, 0), (0, 1, 0), 2, (1, 1, 2)),
    ),
    "average3d": (
        one(nodes.AveragePool3d, (2, 3, 1), (1, 2, 1)),
        VOLUME,
        lambda n, x: F.avg_pool3d(x, (2, 3, 1), (1, 2, 1)),
    ),
    "average1d": (one(nodes.AveragePool1d, (3,), (2,), (1,)), SEQUENCE, lambda n, x: F.avg_pool1d(x, 3, 2, 1)),
    "average2d": (
        one(nodes.AveragePool2d, (3, 2), (2, 1), (1, 0)),
        IMAGE,
        lambda n, x: F.avg_pool2d(x, (3, 2), (2, 1), (1, 0)),
    ),
    "batchnorm": (
        one(nodes.BatchNorm, some(4), some(4)),
        IMAGE,
        lambda n, x: x * tensor(n.scale)[:, None, None] + tensor(n.shift)[:, None, None],
    ),
    "scale": (one(nodes.Scale, some(7, 1)), IMAGE, lambda n, x: x * tensor(n.factor)),
    "shift": (one(nodes.Shift, some(4, 1, 6)), IMAGE, lambda n, x: x + tensor(n.term)),
    "mean": (one(nodes.Mean, (0, 2)), IMAGE, lambda n, x: x.mean((1, 3))),
    "mean_kept": (one(nodes.Mean, (1,), True), IMAGE, lambda n, x: x.mean(2, keepdim=True)),
    "resample": (
        one(nodes.Resample, MATRICES),
        IMAGE,
        lambda n, x: torch.einsum("ik,jl,bckl->bcij", tensor(MATRICES[0]), tensor(MATRICES[1]), x),
    ),
}
REARRANGE = {
    "flatten": (one(nodes.Flatten), [IMAGE], lambda x: x.flatten(1)),
    "reshape": (one(nodes.Reshape, (2, 7, 12)), [IMAGE], lambda x: x.reshape(-1, 2, 7, 12)),
    "permute": (one(nodes.Permute, (2, 0, 1)), [IMAGE], lambda x: x.permute(0, 3, 1, 2)),
    "slice": (one(nodes.Slice, 1, 1, 6, 2), [IMAGE], lambda x: x[:, :, 1:6:2]),
    "flip": (one(nodes.Flip, 2), [IMAGE], lambda x: x.flip(3)),
    "roll": (one(nodes.Roll, (2, -1), (1, 2)), [IMAGE], lambda x: x.roll((2, -1), (2, 3))),
    "pad": (one(nodes.Pad, ((0, 1), (-2, 0), (3, -1))), [IMAGE], lambda x: F.pad(x, (3, -1, -2, 0, 0, 1))),
    "concat": (
        nodes.Concat(("x", "y"), 1),
        [IMAGE, (4, 2, 6)],
        lambda x, y: torch.cat([x, y], 2),
    ),
    "expand": (one(nodes.Expand, (4, 3, 6)), [(4, 1, 6)], lambda x: x.expand(-1, 4, 3, 6)),
    "gather": (
        one(nodes.Gather, np.array([[3, 0], [4, 4]])),
        [VECTOR],
        lambda x: x[:, torch.tensor([[3, 0], [4, 4]])],
    ),
}
MAXIMUM = {
    "max1d": (one(nodes.MaxPool1d, (3,), (2,), (1,)), SEQUENCE, lambda x: F.max_pool1d(x, 3, 2, 1)),
    "max2d": (one(nodes.MaxPool2d, (3, 2), (2, 1), (1, 1)), IMAGE, lambda x: F.max_pool2d(x, (3, 2), (2, 1), 1)),
    "max1d_dilated": (
        one(nodes.MaxPool1d, (3,), (2,), (1,), (2,)),
        SEQUENCE,
        lambda x: F.max_pool1d(x, 3, 2, 1, 2),
    ),
    "max2d_dilated": (
        one(nodes.MaxPool2d, (3, 2), (2, 1), (1, 1), (2, 3)),
        IMAGE,
        lambda x: F.max_pool2d(x, (3, 2), (2, 1), 1, (2, 3)),
    ),
    "max3d": (
        one(nodes.MaxPool3d, (2, 2, 2), (1, 2, 1), (1, 1, 0), (1, 2, 1)),
        VOLUME,
        lambda x: F.max_pool3d(x, 2, (1, 2, 1), (1, 1, 0), (1, 2, 1)),
    ),
    "adaptive1d": (one(nodes.AdaptiveMaxPool, (4,)), SEQUENCE, lambda x: F.adaptive_max_pool1d(x, 4)),
    "adaptive2d": (one(nodes.AdaptiveMaxPool, (3, 4)), IMAGE, lambda x: F.adaptive_max_pool2d(x, (3, 4))),
    "over": (one(nodes.MaxOver, (2, 0)), IMAGE, lambda x: x.amax((1, 3))),
    "over_kept": (one(nodes.MaxOver, (1,), True), IMAGE, lambda x: x.amax(2, keepdim=True)),
}
ACTIVATIONS = {
    "relu": (one(nodes.ReLU), F.relu),
    "relu6": (one(nodes.ReLU6), F.relu6),
    "hardtanh": (one(nodes.Hardtanh, -0.5, 2.0), lambda x: F.hardtanh(x, -0.5, 2.0)),
    "leaky": (one(nodes.LeakyReLU, 0.2), lambda x: F.leaky_relu(x, 0.2)),
    "leaky_falling": (one(nodes.LeakyReLU, -0.2), lambda x: F.leaky_relu(x, -0.2)),
    "prelu": (one(nodes.PReLU, [0.1, 0.2, 0.0, 0.3]), lambda x: F.prelu(x, x.new_tensor([0.1, 0.2, 0.0, 0.3]))),
    "prelu_falling": (one(nodes.PReLU, [-0.1]), lambda x: F.prelu(x, x.new_tensor([-0.1]))),
    "elu": (one(nodes.ELU, 0.5), lambda x: F.elu(x, 0.5)),
    "celu": (one(nodes.ELU, 0.5, width=0.5), lambda x: F.celu(x, 0.5)),
    "selu": (one(nodes.SELU), F.selu),
    "gelu": (one(nodes.GELU), F.gelu),
    "gelu_tanh": (one(nodes.GELU, True), lambda x: F.gelu(x, approximate="tanh")),
    "silu": (one(nodes.SiLU), F.silu),
    "mish": (one(nodes.Mish), F.mish),
    "hardswish": (one(nodes.Hardswish), F.hardswish),
    "hardsigmoid": (one(nodes.Hardsigmoid), F.hardsigmoid),
    "sigmoid": (one(nodes.Sigmoid), torch.sigmoid),
    "logsigmoid": (one(nodes.LogSigmoid), F.logsigmoid),
    "tanh": (one(nodes.Tanh), torch.tanh),
    "softplus": (one(nodes.Softplus, 2.0, 5.0), lambda x: F.softplus(x, 2.0, 5.0)),
    "softsign": (one(nodes.Softsign), F.softsign),
    "absolute": (one(nodes.Absolute), torch.abs),
    "exponential": (one(nodes.Exponential), torch.exp),
    "hardshrink": (one(nodes.Hardshrink, 0.7), lambda x: F.hardshrink(x, 0.7)),
    "softshrink": (one(nodes.Softshrink, 0.7), lambda x: F.softshrink(x, 0.7)),
    "threshold": (one(nodes.Threshold, 0.5, -1.0), lambda x: F.threshold(x, 0.5, -1.0)),
    "threshold_falling": (one(nodes.Threshold, 0.5, 1.0), lambda x: F.threshold(x, 0.5, 1.0)),
    **{
        name: (one(nodes.Function, name), getattr(torch, name))
        for name in (
            "atan",
            "asinh",
            "ceil",
            "cos",
            "cosh",
            "erf",
            "expm1",
            "floor",
            "round",
            "sign",
            "sin",
            "sinh",
            "trunc",
        )
    },
    "cube": (one(nodes.Power, 3.0), lambda x: x**3),
    "square": (one(nodes.Power, 2.0), lambda x: x**2),
}
OTHERS = {
    "add": (nodes.Add(("x", "y")), [(4, 1, 6), (1, 3, 6)], torch.add),
    "multiply": (nodes.Multiply(("x", "y")), [IMAGE, (4, 1, 1)], torch.mul),
    "matmul": (nodes.MatMul(("x", "y")), [(2, 3, 4), (1, 4, 5)], torch.matmul),
    "softmax": (one(nodes.Softmax, 1), [IMAGE], lambda x: x.softmax(2)),
    "logsoftmax": (one(nodes.LogSoftmax, 0), [IMAGE], lambda x: x.log_softmax(1)),
    "layernorm": (
        one(nodes.LayerNorm, np.arange(12.0).reshape(2, 6), np.ones((2, 6)), 0.1),
        [(4, 2, 6)],
        lambda x: F.layer_norm(x, (2, 6), torch.arange(12.0).double().view(2, 6), torch.ones(2, 6).double(), 0.1),
    ),
    "rmsnorm": (
        one(nodes.RMSNorm, np.arange(6.0), 0.1),
        [(4, 6)],
        lambda x: F.rms_norm(x, (6,), torch.arange(6.0).double(), 0.1),
    ),
    "groupnorm": (
        one(nodes.GroupNorm, 2, np.arange(4.0), np.ones(4), 0.1),
        [IMAGE],
        lambda x: F.group_norm(x, 2, torch.arange(4.0).double(), torch.ones(4).double(), 0.1),
    ),
    "logarithm": (one(nodes.Logarithm), [VECTOR], torch.log),
    "log1p": (one(nodes.Function, "log1p"), [VECTOR], torch.log1p),
    "mask": (
        one(nodes.Mask, [[1, 0, 1, 1, 0, 1]]),
        [IMAGE],
        lambda x: x.masked_fill(torch.tensor([0, 1, 0, 0, 1, 0]) > 0, -torch.inf),
    ),
    "root": (one(nodes.Power, 0.5), [VECTOR], torch.sqrt),
    "reciprocal": (one(nodes.Power, -1), [VECTOR], torch.reciprocal),
}


def assert_torch(node, expected, *values):
    """Compare value and shape with PyTorch's for a batch of 3."""
    expected = expected(*map(tensor, values)).numpy()
    got = node(*values)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    assert node.output_shape(*(value.shape[1:] for value in values)) == expected.shape[1:]


@pytest.mark.parametrize("name", LINEAR)
def test_linear_nodes_are_their_matrix_and_offset(name):
    node, shape, expected = LINEAR[name]
    assert isinstance(node, Linear)
    x = some(3, *shape)
    assert_torch(node, lambda x: expected(node, x), x)
    matrix, offset = node.matrix(shape), node.offset(shape)
    assert (matrix.data != 0).all()
    y = (matrix @ x.reshape(3, -1).T).T + offset
    np.testing.assert_allclose(y.reshape(3, *node.output_shape(shape)), node(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", REARRANGE)
def test_rearrangements_are_their_indices(name):
    node, shapes, expected = REARRANGE[name]
    assert isinstance(node, Rearrange)
    values = [some(3, *shape) for shape in shapes]
    assert_torch(node, expected, *values)
    flat = np.concatenate([*(value.reshape(3, -1) for value in values), np.zeros((3, 1))], axis=1)
    indices = node.indices(*shapes)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(flat[:, indices], node(*values))


@pytest.mark.parametrize("name", MAXIMUM)
def test_maxima_are_those_of_their_windows(name):
    node, shape, expected = MAXIMUM[name]
    assert isinstance(node, Maximum)
    x = some(3, *shape)
    assert_torch(node, expected, x)
    flat = np.concatenate([x.reshape(3, -1), np.full((3, 1), -np.inf)], axis=1)
    np.testing.assert_array_equal(flat[:, node.windows(shape)].max(axis=-1), node(x).reshape(3, -1))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    node, expected = ACTIVATIONS[name]
    assert isinstance(node, Activation)
    assert_torch(node, expected, np.concatenate([4.0 * some(3, *IMAGE), np.zeros((1, *IMAGE))]))
    x = np.broadcast_to(np.linspace(-8.0, 8.0, 4001)[:, None], (4001, 4))
    assert node.monotone == (np.diff(node(x), axis=0) >= -1e-12).all()


@pytest.mark.parametrize("name", OTHERS)
def test_other_nodes(name):
    node, shapes, expected = OTHERS[name]
    assert_torch(node, expected, *(np.abs(some(3, *shape)) + 0.1 for shape in shapes))


def recurrent(kind, module):
    own = dict(module.named_parameters())
    ih, hh = own["weight_ih_l0"].detach().numpy(), own["weight_hh_l0"].detach().numpy()
    biases = [own[f"bias_{which}_l0"].detach().numpy() for which in ("ih", "hh")]
    return ih, hh, biases if kind is nodes.GRU else [biases[0] + biases[1]]


@pytest.mark.parametrize(
    ("kind", "module", "options"),
    [
        (nodes.RNN, torch.nn.RNN(5, 4, batch_first=True), {}),
        (nodes.RNN, torch.nn.RNN(5, 4, nonlinearity="relu", batch_first=True), {"relu": True}),
        (nodes.LSTM, torch.nn.LSTM(5, 4, batch_first=True), {}),
        (nodes.GRU, torch.nn.GRU(5, 4, batch_first=True), {}),
        (nodes.ProjectedLSTM, torch.nn.LSTM(5, 4, batch_first=True, proj_size=3), {}),
    ],
)
def test_recurrent_nodes(kind, module, options):
    module = module.double()
    ih, hh, biases = recurrent(kind, module)
    projected = kind is nodes.ProjectedLSTM
    if projected:
        options = {"weight_hr": module.weight_hr_l0.detach().numpy()}
    node = one(kind, ih, hh, *biases, **options)
    assert isinstance(node, Recurrent)
    x, *states = some(3, 6, 5), *(some(3, size) for size in node.state_sizes)
    with torch.no_grad():
        assert_torch(node, lambda x: module(x)[0], x)
        first = [tensor(state)[None] for state in states]
        y, final = module(tensor(x), first[0] if len(first) == 1 else tuple(first))
    started = kind(("x", *"hc"[: len(states)]), ih, hh, *biases, **options)
    np.testing.assert_allclose(started(x, *states), y.numpy(), rtol=0, atol=1e-12)
    if isinstance(node, nodes.LSTM):
        cells = kind(("x", "h", "c"), ih, hh, *biases, cell=True, **options)
        np.testing.assert_allclose(cells(x, *states)[:, -1], final[1][0].numpy(), rtol=0, atol=1e-12)
    assert node.macs((6, 5)) == 6 * (kind.gates * 4 * (5 + node.hidden) + 12 * projected)


def test_embedding():
    node = one(nodes.Embedding, some(6, 3))
    tokens = RNG.integers(0, 6, (3, 4)).astype(float)
    assert_torch(node, lambda x: F.embedding(x.long(), tensor(node.table)), tokens)
    for wrong in (tokens + 0.5, tokens - 6, tokens + 6):
        with pytest.raises(ValidationError, match="whole numbers from 0"):
            node(wrong)


@pytest.mark.parametrize(
    ("node", "shapes", "says"),
    [
        (one(nodes.Dense, some(3, 5), some(3)), [(4,)], r"needs an input of shape \(5,\), got \(4,\)"),
        (one(nodes.Conv1d, K1, B, groups=2), [IMAGE], r"shape \(channels, length\)"),
        (one(nodes.ConvTranspose1d, T1, TB, groups=2), [(5, 9)], "got 5 input channels"),
        (one(nodes.ConvTranspose1d, T1, TB, output_padding=(1,), groups=2), [SEQUENCE], "output_padding"),
        (one(nodes.ConvTranspose1d, T1, TB, padding=(9,), groups=2), [SEQUENCE], "leaves nothing"),
        (one(nodes.ConvTranspose1d, T1, TB, stride=(0,), groups=2), [SEQUENCE], "must be positive"),
        (one(nodes.Scale, some(3, 4, 7, 6)), [IMAGE], "does not broadcast"),
        (one(nodes.Shift, some(5)), [IMAGE], "does not broadcast"),
        (one(nodes.Mask, some(5)), [IMAGE], "does not broadcast"),
        (one(nodes.Function, "gamma"), [VECTOR], "name must be one of atan"),
        (
            one(nodes.MaxPool1d, (2,), (1,), (2,), (2,)),
            [SEQUENCE],
            r"padding \(2,\) must be at most half of size \(3,\)",
        ),
        (one(nodes.Mean, (3,)), [IMAGE], "axis 3 is not one"),
        (one(nodes.Mean, ()), [IMAGE], "at least one"),
        (one(nodes.Resample, MATRICES), [SEQUENCE], r"sizes \(7, 6\)"),
        (one(nodes.Resample, (np.full((3, 6), np.nan),)), [IMAGE], "finite"),
        (one(nodes.Resample, ()), [IMAGE], "at least one"),
        (one(nodes.Reshape, (3, 5)), [IMAGE], "does not hold the values"),
        (one(nodes.Permute, (0, 1)), [IMAGE], "in some order"),
        (one(nodes.Slice, 1, 3, 3), [IMAGE], "no part of axis 1"),
        (one(nodes.Roll, (1,), (0, 1)), [IMAGE], "one for each"),
        (one(nodes.Pad, ((0, 1),)), [IMAGE], "for every axis"),
        (one(nodes.Pad, ((-4, 4), (0, 0), (0, 0))), [IMAGE], "leave nothing"),
        (nodes.Concat(("x", "y"), 0), [IMAGE, (4, 7, 5)], "differ in other axes"),
        (nodes.Concat((), 0), [], "needs an input"),
        (one(nodes.Expand, (4, 7, 7)), [IMAGE], "does not expand"),
        (one(nodes.Gather, np.array([5])), [VECTOR], "from -1 to 4"),
        (one(nodes.AdaptiveMaxPool, (0,)), [SEQUENCE], "positive sizes"),
        (one(nodes.Hardtanh, 1.0, 0.0), [VECTOR], "must not be above"),
        (one(nodes.PReLU, [1.0, 2.0]), [VECTOR], "one a channel"),
        (one(nodes.Softplus, 0.0), [VECTOR], "beta must be positive"),
        (nodes.Add(("x", "y")), [IMAGE, SEQUENCE], "do not go together"),
        (nodes.Multiply(("x", "y")), [(4, 2), (4, 3)], "do not go together"),
        (nodes.MatMul(("x", "y")), [(4, 2), (4, 3)], "are not"),
        (one(nodes.LayerNorm, some(3), some(3)), [SEQUENCE], "do not fit"),
        (one(nodes.RMSNorm, some(3), 0.1), [SEQUENCE], "does not fit"),
        (one(nodes.GroupNorm, 3, some(4), some(4)), [SEQUENCE], "must divide"),
        (one(nodes.GroupNorm, 2, some(3), some(4)), [SEQUENCE], "do not fit"),
        (one(nodes.Softmax, 2), [SEQUENCE], "axis 2 is not one"),
        (one(nodes.RNN, some(4, 9), some(4, 4), some(3)), [SEQUENCE], "bias must have shape"),
        (one(nodes.LSTM, some(4, 9), some(4, 4), some(4)), [SEQUENCE], "4 times as many rows"),
        (one(nodes.RNN, some(4, 9), some(4, 4), some(4)), [VECTOR], r"shape \(time, 9\)"),
        (one(nodes.RNN, some(4, 9), some(4, 4), some(4)), [SEQUENCE, (3,)], "states to start from"),
        (
            one(nodes.ProjectedLSTM, some(16, 9), some(16, 3), some(16), weight_hr=some(2, 4)),
            [SEQUENCE],
            "must have 3 rows",
        ),
    ],
)
def test_refuses_what_does_not_fit(node, shapes, says):
    with pytest.raises(ValidationError, match=says):
        node.output_shape(*shapes)


def test_positions_must_be_whole():
    with pytest.raises(ValidationError, match="integers"):
        one(nodes.Gather, np.array([0.5]))
