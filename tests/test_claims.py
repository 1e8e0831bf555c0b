"""The claims of `examples/claims`, at small size: each script's number, and that it draws its picture."""

import importlib.util
from pathlib import Path

import pytest

CLAIMS = Path(__file__).parent.parent / "examples" / "claims"


@pytest.fixture
def claim(request, tmp_path):
    """Return the test's script as a function, which must leave a picture."""
    name = request.function.__name__.removeprefix("test_")
    spec = importlib.util.spec_from_file_location(name, CLAIMS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(**sizes):
        found = module.main(str(tmp_path / "picture.png"), **sizes)
        assert (tmp_path / "picture.png").stat().st_size > 5_000
        return found

    return run


def test_every_claim_is_tested():
    names = {path.stem for path in CLAIMS.glob("*.py")}
    assert names == {name.removeprefix("test_") for name in globals() if name.removeprefix("test_") in names}


def test_xor(claim):
    found = claim(epochs=50)
    assert found["perceptron"] <= 0.75
    assert found["one hidden layer"] == 1.0


def test_perceptron_convergence(claim):
    found = claim(samples=100)
    assert all(0 < mistakes <= bound for mistakes, bound in found.values())
    assert found[0.02][0] > found[0.3][0]


def test_linear_stack(claim):
    found = claim(depth=5)
    assert found["linear"] < 1e-12
    assert found["ReLU"] > 0.1


def test_vanishing_gradient(claim):
    found = claim(depths=(1, 16))
    assert found["sigmoid"] < 1e-9
    assert all(0.05 < size < 5.0 for name, size in found.items() if name != "sigmoid")


def test_dead_relu(claim):
    found = claim(epochs=5)
    assert found["ReLU"] == (1.0, pytest.approx(0.1, abs=0.02))
    assert found["leaky ReLU"][0] < 0.5
    assert found["leaky ReLU"][1] > 0.7


def test_convolution_by_hand(claim):
    found = claim(largest=5)
    assert found["convolution"].tolist() == [[13, 18, 23], [18, 23, 28]]
    assert found["largest of 2 x 2"].tolist() == [[3, 5], [5, 7]]
    assert found["mean of 2 x 2"].tolist() == [[2, 4], [4, 6]]


def test_learning_rate(claim):
    left = claim(steps=100)
    assert left[0.001] > 0.8
    assert left[0.9] < 0.01
    assert left[1.02] > 10.0


def test_optimizers(claim):
    loss = claim(epochs=3)
    assert loss["adam"] < loss["sgd"] < loss["gradient-descent"]
    assert loss["nadam"] < loss["sgd"]
    assert loss["momentum"] < loss["sgd"]


def test_linear_autoencoder(claim):
    assert claim(k=3, steps=500) < 0.05


def test_gan_equilibrium(claim):
    found = claim(steps=1500)
    assert found["mean"] == pytest.approx(4.0, abs=0.6)
    assert 0.4 < found["deviation"] < 2.0
    assert found["from one half"] < 0.2


def test_adding_problem(claim):
    error = claim(length=30, steps=500)
    assert error["GRU"] < 0.05
    assert error["RNN"] > 0.12


def test_too_many_layers(claim):
    accuracy = claim(depths=(1, 6), epochs=5)
    assert accuracy[1] > accuracy[6] + 0.3


def test_confident_on_nonsense(claim):
    sure = claim(epochs=10)
    assert sure["artificial"]["noise"] > 0.1
    assert sure["spiking"]["noise"] > 0.1
    assert sure["artificial"]["cut up"] > 0.1


def test_segmentation(claim):
    overlap = claim(steps=150, batch=16)
    assert overlap["encoder-decoder"] > overlap["brightness"] + 0.05


def test_three_ways_out(claim):
    assert min(claim(steps=60, epochs=3).values()) > 0.85


def test_all_or_none(claim):
    off, frequency, height = claim(steps=16, currents=21).values()
    assert off == 0.0
    assert frequency > 1.3
    assert height == pytest.approx(1.0, abs=0.02)


def test_rare_class(claim):
    found = claim(epochs=40, count=100)
    assert found["told to be of the class"] > 0.5
    assert found["distance to the nearest example"] > 0.2


def test_text(claim):
    told = claim(epochs=2, samples=11_000)
    assert told["convolution"] > told["most frequent character"] + 0.03
    assert told["recurrent"] > told["most frequent character"] + 0.03


def test_stacked_pretraining(claim):
    lost = claim(epochs=5, pretraining=8)
    assert lost["pretrained"] < 0.9
    assert lost["not pretrained"] > lost["pretrained"] + 0.1


def test_conditional_gan(claim):
    assert claim(epochs=80) > 0.5
