"""The examples, at small size."""

import gzip
import importlib.util
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_tested():
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {name.removeprefix("test_") for name in globals() if name.removeprefix("test_") in names}


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


def test_brunel_states(tmp_path):
    found = load("brunel_states").main(str(tmp_path / "states.png"), scale=0.2, duration=200.0)
    rates = {name: rate for name, (rate, _) in found.items()}
    assert rates["synchronous regular"] > 300.0
    assert 45.0 < rates["fast, synchronous irregular"] < 75.0
    assert 30.0 < rates["asynchronous irregular"] < 45.0
    assert 1.0 < rates["slow, synchronous irregular"] < 12.0
    assert found["synchronous regular"][1] < 0.05
    assert found["fast, synchronous irregular"][1] > 0.4
    assert (tmp_path / "states.png").stat().st_size > 10_000


def test_vogels_abbott(tmp_path):
    rates = load("vogels_abbott").main(str(tmp_path / "activity.png"), scale=0.5, duration=200.0)
    assert 2.0 < rates["currents"] < 10.0
    assert 8.0 < rates["conductances"] < 25.0
    assert (tmp_path / "activity.png").stat().st_size > 10_000


def test_microcircuit(tmp_path):
    rates = load("microcircuit").main(str(tmp_path / "layers.png"), scale=0.05, duration=200.0)
    assert rates.shape == (8,)
    assert rates[0] < rates[2] < rates[5]
    assert (tmp_path / "layers.png").stat().st_size > 10_000


def test_larva(tmp_path, capsys):
    example = load("larva")
    assert example.main(str(tmp_path / "absent.gz")) is None
    assert "path of the edge list" in capsys.readouterr().out
    # Three senses drive ten neurons of class A, and they one of class B; C hears a neuron that is not in the table.
    rows = [*((i, "senses", True) for i in range(3)), *((i, "A", False) for i in range(3, 13)), (20, "B", False)]
    rows = [*rows, (21, "C", False)]
    edges = [*((s, a, 80) for s in range(3) for a in range(3, 13)), *((a, 20, 80) for a in range(3, 13)), (99, 21, 1)]
    with gzip.open(tmp_path / "neurons.csv.gz", "wt") as file:
        file.write("skeleton_id,class,hemisphere,sensory\n")
        file.writelines(f"{number},{name},L,{sensory}\n" for number, name, sensory in rows)
    with gzip.open(tmp_path / "edges.txt.gz", "wt") as file:
        file.writelines(f"{source} {target} {synapses:.1f}\n" for source, target, synapses in edges)
    fired = example.main(str(tmp_path / "edges.txt.gz"), str(tmp_path / "larva.png"))
    assert list(fired) == ["senses", "A", "B", "C"]
    assert fired == {"senses": 1.0, "A": 1.0, "B": 1.0, "C": 0.0}
    assert (tmp_path / "larva.png").stat().st_size > 10_000
