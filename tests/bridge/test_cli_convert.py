"""``allornone convert``, as a user meets it."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import ann
import bridge
from bridge.cli import app

torch.set_num_threads(1)
QUICK = ("--steps", "8", "--samples", "30", "--threads", "1", "--out", "out")
NET = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))

def gelu():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.GELU(), nn.Linear(20, 10))

def narrow():
    return nn.Sequential(nn.Flatten(), nn.Linear(60, 20), nn.ReLU(), nn.Linear(20, 10))

def undecided():
    class Undecided(nn.Module):
        def forward(self, x):
            return x.flatten(1) if x.sum() > 0 else -x.flatten(1)
    return Undecided()

def lost():
    module = build()
    module[1].weight.data[3, 4] = float("nan")
    return module

def broken():
    return nn.Linear(4)

def number():
    return 7

class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(64, 10), nn.Linear(64, 10)

    def forward(self, x):
        return self.a(x.flatten(1)) * torch.sigmoid(self.b(x.flatten(1)))

def gated():
    return Gated()
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "net.py").write_text(NET)
    return lambda *arguments: CliRunner().invoke(app, ["convert", *arguments])


def built(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))


def test_an_architecture_is_trained_and_converted(run, tmp_path):
    result = run("mlp", "--epochs", "1", *QUICK)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["network.nir", "report.html", "report.json"]
    assert bridge.from_nir(tmp_path / "out" / "network.nir").network.populations.keys() >= {"relu1", "relu2"}
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (told["method"], told["settings"]) == ("rate", {"T": 8, "weight_bits": 24})
    assert told["measurement"]["samples"] == 30
    assert 0.0 < told["measurement"]["accuracy"]["spiking"] <= 1.0
    assert "rate, T = 8, weight_bits = 24" in (tmp_path / "out" / "report.html").read_text()
    assert "Training mlp" in result.stderr
    assert "relu1" in result.stdout
    assert "8 spikes" in result.stdout


def test_weights_of_a_training_say_their_architecture(run, tmp_path):
    data = ann.load("digits")
    ann.save_weights(ann.build_for("mlp", data, seed=3), tmp_path / "weights.pt", {"model": "mlp"})
    by_itself = run("weights.pt", *QUICK, "--json")
    named = run("mlp", "--weights", "weights.pt", *QUICK, "--json")
    assert (by_itself.exit_code, named.exit_code) == (0, 0), by_itself.output + named.output
    assert json.loads(by_itself.stdout) == json.loads(named.stdout)
    assert "Training" not in by_itself.stderr


def test_a_function_of_ones_own_with_a_state_dict_on_arrays_of_ones_own(run, tmp_path):
    torch.save(built(1).state_dict(), tmp_path / "net.pt")
    random = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", x=random.random((60, 1, 8, 8)), y=np.arange(60) % 2)
    result = run("net.py:build", "--weights", "net.pt", "--data", "own.npz", *QUICK, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [node["kind"] for node in told["nodes"]] == ["Input", "Flatten", "Dense", "ReLU", "Dense"]
    assert told["measurement"]["samples"] == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["forest"], "MODEL = 'forest' is neither one of"),
        (["absent.py:build"], "there is no file absent.py"),
        (["net.py:grow"], "net.py defines no function 'grow'"),
        (["net.py:number"], "number() gives 7, not a torch.nn.Module"),
        (["mlp", "--data", "letters"], "'letters' is neither one of"),
        (["mlp", "--data", "table.csv"], "--target"),
        (["mlp", "--method", "magic"], "'magic' is neither rate nor event"),
        (["mlp", "--levels", "8"], "is for --method event"),
        (["mlp", "--method", "event", "--steps", "8"], "is for --method rate"),
        (["mlp", "--allow", "LSTM"], "is for --method event"),
        (["mlp", "--steps", "0"], "--steps"),
        (["mlp", "--steps", "65537"], "--steps"),
        (["mlp", "--samples", "0"], "--samples"),
        (["mlp", "--data", "mnist"], "Invalid value for --data-dir: name the folder"),
        (["net.py"], "MODEL = 'net.py' names no function in the file: FILE.py:FUNCTION"),
        (["mlp", "--weights", "absent.pt"], "there is no file of weights absent.pt"),
        (["cnn", "--data", "iris"], "images, which 'cnn' needs"),
        (["net.py:build", "--weights", "other.pt"], "missing: 1.bias, 1.weight; extra: 2.bias, 2.weight"),
        (["net.py:build", "--weights", "small.pt"], "of another shape: 1.bias (5,) for (20,)"),
        (["net.py:lost"], "NaN"),
        (["net.py:build", "--data", "holes.npz"], "from nan to nan"),
        (["spiking-mlp"], "MODEL = 'spiking-mlp' spikes already"),
        (["net.py:narrow"], "1 (Linear)"),
    ],
)
def test_wrong_arguments_are_named_with_exit_code_2(run, tmp_path, arguments, message):
    np.savez(tmp_path / "holes.npz", x=np.full((40, 1, 8, 8), np.nan), y=np.arange(40) % 2)
    other = {name: value for name, value in built().state_dict().items() if name.startswith("3")}
    torch.save(other | {"2.weight": torch.zeros(1), "2.bias": torch.zeros(1)}, tmp_path / "other.pt")
    torch.save(built().state_dict() | {"1.bias": torch.zeros(5)}, tmp_path / "small.pt")
    result = run(*arguments, "--epochs", "1", "--out", "out")
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not list((tmp_path / "out").iterdir() if (tmp_path / "out").exists() else [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net.py:gelu"], "2 (GELU)"),
        (["state.pt"], "of other weights, name the architecture or FILE.py:FUNCTION, and give the file by --weights"),
        (["net.py:undecided"], "sum (sum): works along the axis of the samples"),
        (["net.py:broken"], "net.py, line 26: TypeError"),
        (["net.py:build", "--weights", "pickled.pt"], "Whole pickled modules are refused"),
        (["net.py:build", "--weights", "damaged.pt"], "damaged.pt cannot be read as weights"),
        (["net.py:build", "--weights", "number.pt"], "holds no state_dict"),
        (["net.py:build", "--data", "damaged.npz"], "damaged.npz cannot be read"),
    ],
)
def test_what_fails_is_named_with_exit_code_1(run, tmp_path, arguments, message):
    torch.save(built(), tmp_path / "pickled.pt")
    torch.save([1.0], tmp_path / "number.pt")
    torch.save(built().state_dict(), tmp_path / "state.pt")
    (tmp_path / "damaged.pt").write_bytes(b"not weights")
    (tmp_path / "damaged.npz").write_bytes(b"not arrays")
    result = run(*arguments, *QUICK)
    assert result.exit_code == 1, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_what_cannot_be_converted_is_not_trained_before(run):
    result = run("lstm", *QUICK)
    assert result.exit_code == 1
    assert "recurrent (LSTM)" in result.output
    assert "Training" not in result.output


def test_help_has_examples(run):
    assert "allornone convert cnn --steps 8" in run("--help").output


def test_by_event_what_is_graded_must_be_allowed(run, tmp_path):
    event = ("--method", "event", "--levels", "8", "--samples", "10", "--threads", "1", "--out", "out")
    result = run("net.py:gelu", *event, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["method"], told["settings"]) == ("event", {"K": 8})
    assert "network.nir is not written" in result.stderr
    assert all(layer["unevenness"] < 1e-9 for layer in told["measurement"]["layers"])
    refused = run("net.py:gated", *event)
    assert refused.exit_code == 1, refused.output
    assert 'allow=("product",)' in refused.output
    allowed = run("net.py:gated", *event, "--allow", "Multiply, LSTM")
    assert allowed.exit_code == 0, allowed.output
    assert "graded" in allowed.stdout
