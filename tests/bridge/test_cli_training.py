"""The commands of the artificial side."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import ann
from bridge.cli import app

torch.set_num_threads(1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, arguments)


TRAIN = ("train", "mlp", "--data", "iris", "--epochs", "3", "--threads", "1", "--out", "iris")


def test_training_writes_weights_record_curves_and_checkpoint(run, tmp_path):
    result = run(*TRAIN)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "iris"
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.pt",
        "curves.png",
        "record.json",
        "weights.pt",
    ]
    record = json.loads((folder / "record.json").read_text())
    assert (record["model"], record["data"], len(record["train_loss"])) == ("mlp", "iris", 3)
    data = ann.load("iris")
    model = ann.build_for("mlp", data)
    assert ann.load_weights(model, folder / "weights.pt")["model"] == "mlp"
    assert record["test_accuracy"] == ann.accuracy(model, data.x_test, data.y_test)
    assert f"{record['test_accuracy']:.4g}" in result.output
    before = (folder / "weights.pt").read_bytes()
    again = run(*TRAIN)
    assert again.exit_code == 0, again.output
    assert json.loads((folder / "record.json").read_text()) == record
    assert (folder / "weights.pt").read_bytes() == before
    other = run(*TRAIN[:-2], "--out", "iris", "--seed", "1")
    assert other.exit_code == 2
    assert "seed was 0" in other.output


def test_training_on_a_table_and_on_arrays_of_ones_own(run, tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n" + "".join(f"{i},{i / 2 + 0.1}\n" for i in range(40)))
    quick = ("--epochs", "1", "--threads", "1", "--out")
    result = run("train", "mlp", "--data", "table.csv", "--target", "b", *quick, "table")
    assert result.exit_code == 0, result.output
    assert "test_error" in json.loads((tmp_path / "table" / "record.json").read_text())
    np.savez(tmp_path / "own.npz", x=np.random.default_rng(0).random((40, 1, 4, 4)), y=np.arange(40) % 2)
    assert run("train", "convolutional", "--data", "own.npz", *quick, "own").exit_code == 0
    assert "test_error" in json.loads((tmp_path / "own" / "record.json").read_text())
    assert run("train", "gan", "--data", "own.npz", *quick, "gan").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("brain", "--data", "iris"), "'brain'"),
        (("mlp", "--data", "nowhere"), "nowhere"),
        (("mlp", "--data", "table.csv"), "--target"),
        (("lenet", "--data", "iris"), "images"),
        (("mlp", "--data", "iris", "--optimizer", "magic"), "magic"),
        (("mlp", "--data", "mnist"), "--data-dir"),
    ],
)
def test_bad_arguments_end_in_one_line(run, arguments, message):
    result = run("train", *arguments, "--out", "out")
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_folder_that_cannot_be_is_named(run, tmp_path):
    (tmp_path / "file").touch()
    result = run("train", "mlp", "--data", "iris", "--out", "file")
    assert result.exit_code == 1
    assert "error: cannot write to the folder file: File exists" in result.output


def test_models_are_listed_and_shown(run):
    assert all(name in run("models").output for name in ann.MODELS)
    assert json.loads(run("models", "--json").output)["lstm"]["task"] == "classify"
    shown = run("models", "mlp", "--shape", "4", "--outputs", "3").output
    assert "linear1" in shown
    found = json.loads(run("models", "mlp", "--shape", "4", "--outputs", "3", "--json").output)
    assert f"{found['parameters']:,} parameters in all" in shown
    assert run("models", "mlp", "--shape", "wide").exit_code == 2
    assert run("models", "brain").exit_code == 2


def test_data_sets_are_listed_and_shown(run):
    listed = run("data").output
    assert all(name in listed for name in ann.DATASETS)
    found = json.loads(run("data", "iris", "--json").output)
    assert (found["train"], found["shape"], found["classes"][0]) == (108, [4], "setosa")
    assert "setosa" in run("data", "iris").output
    assert run("data", "mnist").exit_code == 2
