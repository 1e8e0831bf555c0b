"""The examples, at small size."""

import importlib.util
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {"single_neuron", "random_network", "train_convert_compare"}


def test_single_neuron(capsys):
    rates = load("single_neuron").main(duration=200.0)
    assert rates[0] == 0.0
    assert 0 < rates[1] < rates[2]
    assert "600 pA" in capsys.readouterr().out


def test_random_network():
    recording = load("random_network").main(size=500, duration=100.0)
    assert 1.0 < recording.spikes["exc"].rate() < 200.0


def test_train_convert_compare():
    accuracies = load("train_convert_compare").main(epochs=4, samples=120)
    assert accuracies[32] > 0.9
    assert accuracies[32] >= accuracies[1]
