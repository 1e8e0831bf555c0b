import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

import ann


def test_digits_are_the_documented_parts(digits):
    assert (len(digits.x_train), len(digits.x_validation), len(digits.x_test)) == (1293, 144, 360)
    assert digits.shape == (1, 8, 8)
    assert digits.classes == tuple("0123456789")
    assert digits.x_train.max() == 1


def test_digits_test_part_is_the_stratified_split_of_the_seed(digits):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    _, x, _, y = train_test_split(bunch.images, bunch.target, stratify=bunch.target, test_size=0.2, random_state=0)
    np.testing.assert_array_equal(digits.x_test[:, 0] * 16, x)
    np.testing.assert_array_equal(digits.y_test, y)


def test_digits_parts_are_stratified_and_whole(digits):
    counts = [np.bincount(y) for y in (digits.y_train, digits.y_validation, digits.y_test)]
    for part in counts:
        assert part.max() - part.min() <= 0.1 * part.sum() / 10 + 1
    np.testing.assert_array_equal(sum(counts), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])


def test_seed_chooses_the_split(digits):
    np.testing.assert_array_equal(ann.load("digits", seed=0).y_test, digits.y_test)
    assert (ann.load("digits", seed=1).y_test != digits.y_test).any()


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, True, "0"])
def test_bad_seed_is_refused(seed):
    with pytest.raises(ann.ValidationError, match=r"seed"):
        ann.load("digits", seed=seed)


def test_unknown_name_lists_the_known():
    with pytest.raises(ann.ValidationError, match=r"'fashion'.*digits, iris, .*mnist"):
        ann.load("fashion")


def test_directory_is_asked_for_where_needed_and_refused_where_not(tmp_path):
    with pytest.raises(ann.ValidationError, match=r"directory = None.*folder"):
        ann.load("mnist")
    with pytest.raises(ann.ValidationError, match=r"directory.*not read from a folder"):
        ann.load("digits", tmp_path)


@pytest.mark.parametrize(
    ("name", "shape", "outputs", "counts"),
    [
        ("iris", (4,), 3, (108, 12, 30)),
        ("wine", (13,), 3, (127, 15, 36)),
        ("breast-cancer", (30,), 2, (409, 46, 114)),
        ("diabetes", (10,), 1, (317, 36, 89)),
        ("sample-images", (3, 16, 16), 2, (1497, 167, 416)),
    ],
)
def test_what_scikit_learn_brings(name, shape, outputs, counts):
    data = ann.load(name)
    assert (data.shape, data.n_outputs) == (shape, outputs)
    assert (len(data.x_train), len(data.x_validation), len(data.x_test)) == counts
    if len(shape) == 1:
        np.testing.assert_allclose(data.x_train.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(data.x_train.std(axis=0), 1, atol=1e-4)
    assert (data.y_test != ann.load(name, seed=1).y_test).any()


def test_sample_images_are_pieces_of_the_photographs():
    from sklearn.datasets import load_sample_image

    data = ann.load("sample-images")
    assert data.classes == ("china", "flower")
    x, y = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    piece = load_sample_image("china.jpg")[16:32, 32:48].transpose(2, 0, 1) / np.float32(255)
    assert y[(x == piece).all(axis=(1, 2, 3))].tolist() == [0]


def test_text_goes_on_as_the_documentation_does():
    from pydoc_data.topics import topics

    data = ann.load("text")
    assert data.shape == (32,)
    assert data.classes == data.vocabulary
    said = "".join(data.vocabulary[token] for token in [*data.x_train[0], data.y_train[0]])
    text = topics[min(topics)].lower()
    assert said == "".join(character for character in text if character in data.vocabulary)[:33]
    # The parts follow one another, and no window of the test part is among those of the others but for the seam.
    assert len(data.x_train) > 30_000
    np.testing.assert_array_equal(data.x_validation[0, :24], data.x_train[-1, 8:])


def test_sunspots_are_told_a_year_ahead():
    pytest.importorskip("statsmodels")
    data = ann.load("sunspots")
    assert data.shape == (22, 1)
    assert data.x_train[0, :3, 0].tolist() == pytest.approx([0.05, 0.11, 0.16])
    np.testing.assert_array_equal(data.x_train[1:, -1], data.y_train[:-1])
    assert len(data.x_train) + len(data.x_validation) + len(data.x_test) == 309 - 22


def test_without_statsmodels_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "statsmodels.datasets.sunspots", None)
    with pytest.raises(ann.DataError, match=r"allornone\[series\]"):
        ann.load("sunspots")


def test_download_is_refused_where_there_is_nothing_to_fetch(tmp_path):
    with pytest.raises(ann.ValidationError, match=r"download.*here already"):
        ann.load("iris", download=True)
    with pytest.raises(ann.ValidationError, match=r"name = 'japanese-vowels': expected one of mnist"):
        ann.load("japanese-vowels", tmp_path, download=True)


def test_subset_keeps_the_first(digits):
    few = digits.subset(train=100, test=7)
    assert (len(few.x_train), len(few.x_validation), len(few.x_test)) == (100, 144, 7)
    np.testing.assert_array_equal(few.x_test, digits.x_test[:7])
    np.testing.assert_array_equal(few.y_train, digits.y_train[:100])


@pytest.mark.parametrize("count", [0, 361, -1, 1.5])
def test_subset_refuses_what_is_not_there(digits, count):
    with pytest.raises(ann.ValidationError, match=r"test = .*at least 1 and at most 360"):
        digits.subset(test=count)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": np.zeros((0, 1, 4, 4), np.float32), "y_train": np.zeros(0, np.int64)}, "x_train.*n > 0"),
        ({"x_test": np.zeros((16, 4, 4), np.float32)}, r"x_test.*\(1, 4, 4\)"),
        ({"x_test": np.zeros((16, 1, 4, 4))}, "x_test.*float64.*float32"),
        ({"x_test": np.zeros((16, 1, 4, 5), np.float32)}, r"x_test.*\(1, 4, 4\)"),
        ({"x_test": np.full((16, 1, 4, 4), 1.5, np.float32)}, "x_test.*1.5.*0 ... 1"),
        ({"x_test": np.full((16, 1, 4, 4), np.nan, np.float32)}, "x_test.*nan"),
        ({"y_test": np.zeros(15, np.int64)}, r"y_test.*\(16,\)"),
        ({"y_test": np.zeros(16, np.int32)}, "y_test.*int32.*int64"),
        ({"y_test": np.full(16, 2, np.int64)}, "y_test.*0 ... 1"),
        ({"y_test": np.full(16, -1, np.int64)}, "y_test.*0 ... 1"),
    ],
)
def test_dataset_refuses_what_it_cannot_be(tiny, change, message):
    with pytest.raises(ann.ValidationError, match=message):
        dataclasses.replace(tiny, **change)


def test_mnist_of_the_original_files():
    root = os.environ.get("ALLORNONE_DATA")
    if root is None:
        pytest.skip("ALLORNONE_DATA does not name a folder with mnist/ in it")
    data = ann.load("mnist", Path(root) / "mnist")
    assert (len(data.x_train), len(data.x_validation), len(data.x_test)) == (55_000, 5_000, 10_000)
    assert data.y_test[:5].tolist() == [7, 2, 1, 0, 4]
    pixels = np.concatenate([data.x_train, data.x_validation])
    # The mean and standard deviation of the training images that everybody normalises by.
    assert pixels.mean(dtype=np.float64) == pytest.approx(0.1307, abs=1e-4)
    assert pixels.std(dtype=np.float64) == pytest.approx(0.3081, abs=1e-4)
