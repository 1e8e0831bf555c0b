import numpy as np
import pytest

import ann
from bridge import convert, take_over
from bridge.comparison.perturbations import PERTURBATIONS, Perturbation
from bridge.comparison.robustness import Contestants, hidden, lesion, measure

NAMES = {"ann", "twin", "converted", "surrogate"}


@pytest.fixture(scope="module")
def data():
    return ann.load("digits")


@pytest.fixture(scope="module")
def contestants(data):
    artificial = ann.build("mlp", data.shape, data.n_classes, hidden=(24, 12))
    spiking = ann.build("spiking-mlp", data.shape, data.n_classes, hidden=(24, 12), steps=4)
    ann.fit(artificial, data, epochs=4)
    ann.fit(spiking, data, epochs=2)
    return Contestants(
        artificial,
        spiking.body,
        convert(artificial, data.x_train, steps=4),
        take_over(spiking.body, data.x_train[:2], steps=4),
    )


@pytest.mark.parametrize("which", ["converted", "taken"])
def test_silenced_neurons_never_fire_and_the_others_do(contestants, data, which):
    network = getattr(contestants, which)
    names = list(hidden(network))
    assert len(names) == 2
    dead = {names[0]: np.arange(24) % 3 == 0, names[1]: np.zeros(12, bool)}
    x = data.x_test[:40]
    whole, part = network.run(x), lesion(network, dead).run(x)
    assert whole.counts[names[0]][dead[names[0]]].sum() > 0
    assert part.counts[names[0]][dead[names[0]]].sum() == 0
    assert (part.counts[names[0]][~dead[names[0]]] == whole.counts[names[0]][~dead[names[0]]]).all()
    assert (network.run(x).scores == whole.scores).all()


def test_silenced_units_of_an_image_are_found_channels_first(data):
    cnn = ann.build("cnn", data.shape, data.n_classes, channels=(2, 3))
    converted = convert(cnn, data.x_train[:50], steps=4)
    name = next(iter(hidden(converted)))
    dead = np.zeros((2, 8, 8), bool)
    dead[1, :, 3] = True  # a channel's column
    counts = lesion(converted, {name: dead.ravel()}).run(data.x_test[:20]).counts[name].reshape(8, 8, 2)
    whole = converted.run(data.x_test[:20]).counts[name].reshape(8, 8, 2)
    assert whole[:, 3, 1].sum() > 0
    assert counts[:, 3, 1].sum() == 0
    counts[:, 3, 1] = whole[:, 3, 1]
    assert (counts == whole).all()


def test_all_units_lesioned_leave_the_bias_to_answer(contestants, data):
    answers = contestants.lesioned(data.x_test[:30], 100, (0,), threads=1)
    bias = contestants.artificial.output.bias.detach().numpy()
    for name in ("ann", "twin", "converted"):
        assert (answers[name] == bias.argmax()).all()


def test_lesions_of_nothing_change_nothing(contestants, data):
    x = data.x_test[:60]
    plain, answers = contestants.answers(x, 1), contestants.lesioned(x, 0, (0,), threads=1)
    assert answers.keys() == plain.keys() == NAMES
    assert all((answers[name] == plain[name]).all() for name in NAMES)


def test_weights_of_many_bits_change_little(contestants, data):
    x = data.x_test[:60]
    plain, fine = contestants.answers(x, 1), contestants.coarse(16, data.x_train).answers(x, 1)
    assert all((fine[name] == plain[name]).mean() > 0.95 for name in NAMES)


def test_measure_tells_accuracies_by_strength_and_is_reproducible(contestants, data):
    x, y, told = data.x_test[:50], data.y_test[:50], []
    options = {
        "seed": 3,
        "perturbations": (
            Perturbation("gaussian", "noise", "deviation", "sd", (0.1, 0.9), "images"),
            Perturbation("lesions", "lesions", "units", "%", (50,), "neurons", draws=2),
            Perturbation("weights", "weights", "precision", "bits", (2,), "weights"),
        ),
    }
    found, arrays = measure(contestants, x, y, data.x_train, report=lambda *now: told.append(now), **options)
    assert [test["strengths"] for test in found["tests"]] == [[None, 0.1, 0.9], [None, 50], [None, 2]]
    plain = contestants.answers(x, 1)
    for test in found["tests"]:
        assert set(test["accuracy"]) == NAMES
        for name, shares in test["accuracy"].items():
            assert shares[0] == (plain[name] == y).mean()
            for strength, share, (low, high) in zip(test["strengths"], shares, test["interval"][name], strict=True):
                assert low <= share <= high
                if strength is not None:
                    drawn = arrays[f"{test['name']}/{strength:g}/{name}"]
                    assert drawn.shape == (test["draws"], 50)
                    assert share == pytest.approx((drawn == y).mean())
    noisy = found["tests"][0]["accuracy"]["ann"]
    assert noisy[2] < noisy[0] - 0.1
    assert told[-1] == ("robustness", 5, 5)
    again, same = measure(contestants, x, y, data.x_train, **options)
    assert again == found
    assert all((same[name] == array).all() for name, array in arrays.items())
    other, _ = measure(contestants, x, y, data.x_train, **(options | {"seed": 4}))
    assert other["tests"] != found["tests"]


def test_strengths_get_harder():
    for perturbation in PERTURBATIONS:
        harder = sorted(perturbation.strengths, reverse=perturbation.of == "weights")
        assert list(perturbation.strengths) == harder
