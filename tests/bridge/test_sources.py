"""Modules from weights and from ONNX files; the oracle of the latter is the onnx package's own evaluator."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

import ann
import bridge
from bridge.sources.onnx_operations import OPERATIONS

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")

RANDOM = np.random.default_rng(0)


def weights(*shape):
    return RANDOM.normal(scale=0.4, size=shape).astype(np.float32)


def network(nodes, shape, out, constants=(), batch="batch"):
    """Return a model of nodes (type, inputs, output, attributes) and constants by name."""
    made = [onnx.helper.make_node(kind, inputs, [output], **options) for kind, inputs, output, options in nodes]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        made,
        "net",
        [value("x", onnx.TensorProto.FLOAT, [batch, *shape])],
        [value(nodes[-1][2], onnx.TensorProto.FLOAT, [batch, *out])],
        [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in dict(constants).items()],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)])


def same(model, shape, tmp_path, batch=3):
    """Check that a file is read as what it says, and that the module is traced; returns the graph."""
    onnx.save(model, tmp_path / "net.onnx")
    module = bridge.from_onnx(tmp_path / "net.onnx")
    x = RANDOM.normal(size=(batch, *shape)).astype(np.float32)
    (expected,) = reference.ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(module(torch.tensor(x)).detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    graph = bridge.trace(module, x)
    np.testing.assert_allclose(graph.run(x).reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    return graph


IMAGE, CHANNELS = (2, 6, 6), {"s": weights(2), "b": weights(2), "m": weights(2), "v": weights(2) ** 2 + 0.5}
INDEX = np.int64

ONE = {  # an operation each: inputs behind x, attributes, constants, shape in, shape out
    "Add": (["c"], {}, {"c": weights(2, 1, 1)}, IMAGE, IMAGE),
    "AveragePool": ([], {"kernel_shape": [2, 2], "strides": [2, 2]}, {}, IMAGE, (2, 3, 3)),
    "BatchNormalization": (list("sbmv"), {"epsilon": 1e-3}, CHANNELS, IMAGE, IMAGE),
    "Clip": (["l", "h"], {}, {"l": np.float32(0), "h": np.float32(0.7)}, IMAGE, IMAGE),
    "Conv": (
        ["w", "b"],
        {"strides": [2, 1], "pads": [1, 1, 1, 1]},
        {"w": weights(4, 2, 3, 3), "b": weights(4)},
        IMAGE,
        (4, 3, 6),
    ),
    "ConvTranspose": (["w"], {"strides": [2, 2]}, {"w": weights(2, 3, 2, 2)}, IMAGE, (3, 12, 12)),
    "Div": (["c"], {}, {"c": np.float32(2.5)}, IMAGE, IMAGE),
    **{name: ([], {}, {}, IMAGE, IMAGE) for name in ("Abs", "Atan", "Ceil", "Cos", "Erf", "Exp", "Floor", "Neg")},
    **{name: ([], {}, {}, IMAGE, IMAGE) for name in ("Mish", "Round", "Sign", "Sin", "Softsign", "Reciprocal")},
    "Einsum": (["c"], {"equation": "bcij,cjk->bik"}, {"c": weights(2, 6, 3)}, IMAGE, (6, 3)),
    "LRN": ([], {"size": 3, "alpha": 0.1}, {}, (3, 6, 6), (3, 6, 6)),
    "Pow": (["c"], {}, {"c": np.float32(2)}, IMAGE, IMAGE),
    "Where": (["x", "c"], {}, {"x_mask": np.eye(6) > 0, "c": np.float32(0.5)}, IMAGE, IMAGE),
    "Elu": ([], {"alpha": 0.7}, {}, IMAGE, IMAGE),
    "Flatten": ([], {}, {}, IMAGE, (72,)),
    "Gelu": ([], {}, {}, IMAGE, IMAGE),
    "Gemm": (["w", "b"], {"transB": 1}, {"w": weights(5, 7), "b": weights(5)}, (7,), (5,)),
    "GlobalAveragePool": ([], {}, {}, IMAGE, (2, 1, 1)),
    "GlobalMaxPool": ([], {}, {}, IMAGE, (2, 1, 1)),
    "HardSigmoid": ([], {"alpha": 0.3}, {}, IMAGE, IMAGE),
    "HardSwish": ([], {}, {}, IMAGE, IMAGE),
    "Identity": ([], {}, {}, IMAGE, IMAGE),
    "LayerNormalization": (["s", "b"], {}, {"s": weights(6), "b": weights(6)}, (4, 6), (4, 6)),
    "LeakyRelu": ([], {"alpha": 0.2}, {}, IMAGE, IMAGE),
    "LogSoftmax": ([], {}, {}, (7,), (7,)),
    "MatMul": (["w"], {}, {"w": weights(7, 5)}, (7,), (5,)),
    "MaxPool": (
        [],
        {"kernel_shape": [3, 2], "strides": [1, 1], "pads": [1, 1, 1, 1], "dilations": [1, 2]},
        {},
        IMAGE,
        IMAGE,
    ),
    "Mul": (["c"], {}, {"c": weights(2, 1, 1)}, IMAGE, IMAGE),
    "PRelu": (["a"], {}, {"a": np.abs(weights(2, 1, 1))}, IMAGE, IMAGE),
    "Pad": (["p"], {}, {"p": np.array([0, 0, 1, 0, 0, 0, 2, 1], INDEX)}, IMAGE, (2, 9, 7)),
    "ReduceMean": (["i"], {"keepdims": 0}, {"i": np.array([2, 3], INDEX)}, IMAGE, (2,)),
    "Relu": ([], {}, {}, IMAGE, IMAGE),
    "Reshape": (["i"], {}, {"i": np.array([0, -1], INDEX)}, IMAGE, (72,)),
    "Selu": ([], {}, {}, IMAGE, IMAGE),
    "Sigmoid": ([], {}, {}, IMAGE, IMAGE),
    "Softmax": ([], {}, {}, (7,), (7,)),
    "Softplus": ([], {}, {}, IMAGE, IMAGE),
    "Squeeze": (["i"], {}, {"i": np.array([1], INDEX)}, (1, 6), (6,)),
    "Sub": (["c"], {}, {"c": np.float32(0.5)}, IMAGE, IMAGE),
    "Tanh": ([], {}, {}, IMAGE, IMAGE),
    "Transpose": ([], {"perm": [0, 2, 3, 1]}, {}, IMAGE, (6, 6, 2)),
    "Unsqueeze": (["i"], {}, {"i": np.array([1], INDEX)}, (6,), (1, 6)),
}


@pytest.mark.parametrize("kind", ONE)
def test_every_operation_is_the_reference_s(kind, tmp_path):
    more, attributes, constants, shape, out = ONE[kind]
    # An arrangement or a sum alone is no network: a layer follows.
    size = int(np.prod(out))
    given = ["x_mask", *more] if "x_mask" in constants else ["x", *more]
    nodes = [(kind, given, "y", attributes), ("Flatten", ["y"], "f", {}), ("MatMul", ["f", "last"], "z", {})]
    same(network(nodes, shape, (3,), {**constants, "last": weights(size, 3)}), shape, tmp_path)


def test_what_has_no_case_of_its_own():
    # Dropout is nothing at inference, Concat stands in the network below, two take positive numbers alone.
    assert set(OPERATIONS) - set(ONE) == {"Dropout", "Concat", "Log", "Sqrt"}


@pytest.mark.parametrize("batch", ["batch", 1])
def test_a_network_with_a_branch_is_converted(batch, tmp_path):
    nodes = [
        ("Conv", ["x", "w"], "a", {"pads": [1, 1, 1, 1]}),
        ("Relu", ["a"], "b", {}),
        ("MaxPool", ["b"], "c", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("AveragePool", ["b"], "d", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Concat", ["c", "d"], "e", {"axis": 1}),
        ("Dropout", ["e"], "g", {}),
        ("Reshape", ["g", "i"], "f", {}),
        ("Gemm", ["f", "v", "u"], "z", {"transB": 1}),
    ]
    constants = {"w": weights(3, 2, 3, 3), "i": np.array([batch if batch == 1 else 0, 54], INDEX)}
    model = network(nodes, IMAGE, (4,), constants | {"v": weights(4, 54), "u": weights(4)}, batch)
    same(model, IMAGE, tmp_path, batch=1 if batch == 1 else 3)
    x = RANDOM.random((20, *IMAGE)).astype(np.float32)
    module = bridge.from_onnx(tmp_path / "net.onnx")
    converted = bridge.convert(module, x, method="event", levels=64)
    with torch.no_grad():
        expected = module(torch.tensor(x)).numpy()
    assert np.abs(converted.run(x).scores - expected).max() < 0.05 * np.abs(expected).max()


def test_bad_onnx_files_are_refused(tmp_path):
    with pytest.raises(bridge.ValidationError, match="no file"):
        bridge.from_onnx(tmp_path / "absent.onnx")
    (tmp_path / "damaged.onnx").write_bytes(b"not a network")
    with pytest.raises(bridge.ValidationError, match="cannot be read as ONNX"):
        bridge.from_onnx(tmp_path / "damaged.onnx")
    onnx.save(network([("Det", ["x"], "y", {})], (3, 3), ()), tmp_path / "det.onnx")
    with pytest.raises(bridge.ConversionError, match=r"y \(Det\).*has no counterpart"):
        bridge.from_onnx(tmp_path / "det.onnx")
    uneven = ("MaxPool", ["x"], "y", {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]})
    onnx.save(network([uneven], IMAGE, (2, 6, 6)), tmp_path / "uneven.onnx")
    with pytest.raises(bridge.ConversionError, match="unevenly"):
        bridge.from_onnx(tmp_path / "uneven.onnx")(torch.zeros(1, *IMAGE))


def small():
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


@pytest.mark.parametrize("kind", ["mapping", "torch.save", "ann.save_weights"])
def test_weights_come_back(kind, tmp_path):
    module, path = small(), tmp_path / "net.pt"
    if kind == "torch.save":
        torch.save(module.state_dict(), path)
    elif kind == "ann.save_weights":
        ann.save_weights(module, path)
    made = bridge.from_state_dict(small, module.state_dict() if kind == "mapping" else path)
    x = torch.randn(5, 4)
    assert torch.equal(made(x), module(x))


@pytest.mark.parametrize("around", [torch.compile, nn.DataParallel, lambda m: nn.DataParallel(torch.compile(m))])
def test_weights_come_back_from_inside_of_what_pytorch_puts_around_modules(around):
    module, x = small(), torch.randn(5, 4)
    assert torch.equal(bridge.from_state_dict(small, around(module).state_dict())(x), module(x))


def test_the_name_of_a_part_is_no_prefix():
    def named():
        return nn.ModuleDict({"module": small()})

    module = named()
    made = bridge.from_state_dict(named, module.state_dict())
    assert torch.equal(made["module"][0].weight, module["module"][0].weight)


def test_a_state_dict_inside_of_a_checkpoint_is_pointed_at(tmp_path):
    content = {"epoch": 3, "model": small().state_dict(), "optimizer": {"lr": 0.1}}
    with pytest.raises(ann.DataError, match="it may be in its 'model', 'optimizer': give that"):
        bridge.from_state_dict(small, content)


@pytest.mark.skipif(find_spec("safetensors") is not None, reason="safetensors is here")
def test_safetensors_are_not_called_pickled(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"\2\0\0\0\0\0\0\0{}")
    with pytest.raises(ann.DataError, match="pip install safetensors"):
        bridge.from_state_dict(small, path)


def test_weights_that_do_not_fit_are_named(tmp_path):
    state = small().state_dict()
    del state["2.bias"]
    state["3.weight"] = torch.zeros(2)
    with pytest.raises(ann.ValidationError, match=r"missing: 2\.bias; extra: 3\.weight"):
        bridge.from_state_dict(small, state)
    with pytest.raises(bridge.ValidationError, match="must return a torch"):
        bridge.from_state_dict(lambda: 3, state)
    with pytest.raises(bridge.ValidationError, match="no file"):
        bridge.from_state_dict(small, tmp_path / "absent.pt")
    torch.save(small(), tmp_path / "whole.pt")
    with pytest.raises(ann.DataError, match="Whole pickled modules are refused"):
        bridge.from_state_dict(small, tmp_path / "whole.pt")
