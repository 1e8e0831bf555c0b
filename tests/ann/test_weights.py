import os
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import ann

SHAPE = (1, 8, 8)
X = np.random.default_rng(0).random((5, *SHAPE), dtype=np.float32)


@pytest.mark.parametrize("name", sorted(ann.MODELS))
def test_round_trip(tmp_path, name):
    path, metadata = tmp_path / "model.pt", {"model": name, "shape": [1, 8, 8], "accuracy": 0.99}
    model = ann.build(name, SHAPE, 10, seed=1)
    ann.save_weights(model, path, metadata)
    assert ann.load_metadata(path) == metadata
    other = ann.build(name, SHAPE, 10, seed=2)
    assert ann.load_weights(other, path) == metadata
    state = other.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())
    x = X.reshape(5, -1)[:, : model.input_shape[0]] if ann.MODELS[name].task == "generate" else X
    np.testing.assert_array_equal(ann.evaluate(other, x), ann.evaluate(model, x))
    assert os.listdir(tmp_path) == ["model.pt"]


class Trap(nn.Module):
    """A module whose unpickling would leave a trace."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("wrapped", [False, True])
def test_pickled_module_is_refused_and_never_run(tmp_path, wrapped):
    trap = Trap(str(tmp_path / "ran"))
    torch.save({"format": "ann-weights-1", "weights": trap, "metadata": "{}"} if wrapped else trap, tmp_path / "module")
    with pytest.raises(ann.DataError, match=r"pickled modules are refused.*ann.save_weights"):
        ann.load_weights(ann.build("mlp", SHAPE, 10), tmp_path / "module")
    assert not (tmp_path / "ran").exists()


def test_whole_real_module_is_refused(tmp_path):
    torch.save(ann.build("cnn", SHAPE, 10), tmp_path / "module")
    with pytest.raises(ann.DataError, match=r"ann.save_weights"):
        ann.load_weights(ann.build("cnn", SHAPE, 10), tmp_path / "module")


@pytest.mark.parametrize("content", [b"", b"no weights", bytes(1000), b"PK\x03\x04" + bytes(100)])
def test_foreign_file_is_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ann.DataError, match=r"file cannot be read \(.+\)"):
        ann.load_metadata(tmp_path / "file")


def test_truncated_file_is_refused(tmp_path):
    ann.save_weights(ann.build("mlp", SHAPE, 10), tmp_path / "whole")
    (tmp_path / "half").write_bytes((tmp_path / "whole").read_bytes()[:5000])
    with pytest.raises(ann.DataError, match=r"half cannot be read"):
        ann.load_metadata(tmp_path / "half")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"layer.weight": torch.zeros(1)}, "does not say that it is 'ann-weights-1'"),
        ([torch.zeros(1)], "does not say"),
        ({"format": "ann-weights-1"}, "lacks its weights or metadata"),
        ({"format": "ann-weights-1", "weights": {}, "metadata": "{"}, "lacks its weights or metadata"),
        ({"format": "ann-weights-1", "weights": {"a": 1}, "metadata": "{}"}, "something else"),
        ({"format": "ann-weights-1", "weights": {}, "metadata": "[]"}, "something else"),
    ],
)
def test_other_content_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "file")
    with pytest.raises(ann.DataError, match=message):
        ann.load_metadata(tmp_path / "file")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ann.DataError, match=r"nothing is not there"):
        ann.load_metadata(tmp_path / "nothing")


def test_weights_of_another_model_are_refused_and_change_nothing(tmp_path):
    path = tmp_path / "weights"
    ann.save_weights(ann.build("mlp", SHAPE, 10, hidden=(32,)), path)
    wider = ann.build("mlp", SHAPE, 10, hidden=(64, 64))
    before = {key: tensor.clone() for key, tensor in wider.state_dict().items()}
    with pytest.raises(ann.ValidationError, match=r"missing: linear2.bias, .*linear1.bias \(32,\) for \(64,\)"):
        ann.load_weights(wider, path)
    with pytest.raises(ann.ValidationError, match=r"extra: linear1.bias, linear1.weight; of another shape"):
        ann.load_weights(ann.build("mlp", SHAPE, 10, hidden=()), path)
    assert all(torch.equal(tensor, before[key]) for key, tensor in wider.state_dict().items())


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": object()}, {"a": torch.zeros(1)}])
def test_metadata_that_json_cannot_hold_is_refused(tmp_path, metadata):
    with pytest.raises(ann.ValidationError, match=r"metadata.*JSON"):
        ann.save_weights(ann.build("mlp", SHAPE, 10), tmp_path / "file", metadata)
    assert os.listdir(tmp_path) == []


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path, model = tmp_path / "file", ann.build("mlp", SHAPE, 10)
    ann.save_weights(model, path, {"version": 1})

    def fail(content, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(ann.DataError, match=r"file cannot be written: No space left"):
        ann.save_weights(model, path, {"version": 2})
    assert os.listdir(tmp_path) == ["file"]
    assert ann.load_metadata(path) == {"version": 1}


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(ann.DataError, match=r"nowhere.*cannot be written"):
        ann.save_weights(ann.build("mlp", SHAPE, 10), tmp_path / "nowhere" / "file")


def test_loading_warns_of_nothing(tmp_path):
    model = ann.build("spiking-cnn", SHAPE, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ann.save_weights(model, tmp_path / "file")
        ann.load_weights(model, tmp_path / "file")
