"""Data sets read from files: of one's own, and of the formats others publish in."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

import ann
from ann.data.cifar import load_cifar10
from ann.data.download import Source, fetch
from ann.data.nmnist import load_nmnist, read_events

RNG = np.random.default_rng(0)


def parts(data):
    x = np.concatenate([data.x_train, data.x_validation, data.x_test])
    return x, np.concatenate([data.y_train, data.y_validation, data.y_test])


def test_arrays_are_split_with_nothing_lost():
    x, y = RNG.normal(size=(50, 3)), np.arange(50) % 2
    data = ann.from_arrays("own", x, y, ("even", "odd"))
    assert (len(data.x_train), len(data.x_validation), len(data.x_test)) == (36, 4, 10)
    got, labels = parts(data)
    order, wanted = np.lexsort(got.T), np.lexsort(x.astype(np.float32).T)
    np.testing.assert_array_equal(got[order], x.astype(np.float32)[wanted])
    np.testing.assert_array_equal(labels[order], y[wanted])


def test_numbers_to_predict_stay_with_their_samples():
    x = RNG.normal(size=(20, 2))
    got, y = parts(ann.from_arrays("own", x, x.sum(axis=1)))
    np.testing.assert_allclose(y[:, 0], got.sum(axis=1), rtol=1e-5, atol=1e-6)


def test_standardising_uses_the_training_part_and_leaves_constants():
    x = np.column_stack([RNG.normal(5, 3, 40), np.full(40, 7.0)])
    data = ann.from_arrays("own", x, np.arange(40) % 2, ("a", "b"), standardise=True)
    np.testing.assert_allclose(data.x_train.mean(axis=0), 0, atol=1e-6)
    assert data.x_train[:, 0].std() == pytest.approx(1, rel=1e-5)
    assert not data.x_test[:, 1].any()


def test_arrays_of_different_lengths_or_too_few_samples_are_refused():
    with pytest.raises(ann.ValidationError, match=r"y = '3 targets'.*4 samples"):
        ann.from_arrays("own", np.zeros((4, 1)), [0, 1, 0], ("a", "b"))
    with pytest.raises(ann.DataError, match=r"too few"):
        ann.from_arrays("own", np.zeros((3, 1)), [0, 1, 0], ("a", "b"))
    with pytest.raises(ann.DataError, match=r"too few"):
        ann.from_arrays("own", np.zeros((1, 1)), [0.5])
    with pytest.raises(ann.ValidationError, match=r"x_.*finite"):
        ann.from_arrays("own", np.full((20, 1), np.nan), np.zeros(20))


def test_table_with_named_classes(tmp_path):
    lines = [f"{i},{'cat' if i % 2 else 'dog'},{-i}" for i in range(30)]
    path = tmp_path / "pets.csv"
    path.write_text("weight,kind,height\n" + "\n".join(lines) + "\n")
    data = ann.read_csv(path, "kind")
    assert (data.name, data.classes, data.shape) == ("pets", ("cat", "dog"), (2,))
    x, _ = parts(data)
    np.testing.assert_allclose(x[:, 0], -x[:, 1], atol=1e-5)


def test_table_with_numbers_to_predict(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "".join(f"{i},{i / 2}\n" for i in range(20)))
    data = ann.read_csv(path, "b")
    assert (data.n_classes, data.n_outputs) == (0, 1)
    assert sorted(parts(data)[1][:, 0].tolist()) == [i / 2 for i in range(20)]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("a,b\n", ann.DataError, "1 lines"),
        ("a,c\n1,2\n", ann.ValidationError, "target = 'b'.*a, c"),
        ("a,b\n1,2\nx,2\n", ann.DataError, "line 3: could not convert"),
        ("a,b\n1,2,3\n", ann.DataError, "line 2: 3 values for 2 columns"),
        ("a,b\n1,2.5\n2,?\n", ann.DataError, "column b: could not convert"),
    ],
)
def test_damaged_table_is_refused(tmp_path, text, error, message):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(error, match=message):
        ann.read_csv(tmp_path / "table.csv", "b")


def test_numpy_archive(tmp_path):
    path = tmp_path / "own.npz"
    x, y = RNG.uniform(0, 1, (40, 1, 3, 3)), np.arange(40) % 4
    np.savez(path, x=x, y=y)
    data = ann.read_numpy(path)
    assert (data.name, data.shape, data.classes) == ("own", (1, 3, 3), ("0", "1", "2", "3"))
    np.savez(path, x=x, y=x.mean(axis=(2, 3)))
    assert ann.read_numpy(path).n_outputs == 1


def test_numpy_archive_that_is_none_or_holds_objects_is_refused(tmp_path):
    path = tmp_path / "own.npz"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    np.savez(path, x=np.array([Trap()], dtype=object), y=np.zeros(1))
    with pytest.raises(ann.DataError, match=r"own\.npz cannot be read.*allow_pickle"):
        ann.read_numpy(path)
    assert not (tmp_path / "sprung").exists()
    np.savez(path, x=np.zeros((9, 1)))
    with pytest.raises(ann.DataError, match=r"cannot be read.*'?y"):
        ann.read_numpy(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ann.DataError, match=r"cannot be read"):
        ann.read_numpy(path)


def test_folder_of_pictures(tmp_path):
    pixels = RNG.integers(0, 256, (24, 5, 6), np.uint8)
    for i, picture in enumerate(pixels):
        (tmp_path / "set" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "set" / "ab"[i % 2] / f"{i:02}.png")
    (tmp_path / "set" / "a" / "notes.txt").write_text("no picture")
    data = ann.read_images(tmp_path / "set")
    assert (data.shape, data.classes) == ((1, 5, 6), ("a", "b"))
    x, y = parts(data)
    for i in (0, 7, 23):
        assert y[(x[:, 0] == pixels[i] / np.float32(255)).all(axis=(1, 2))].tolist() == [i % 2]
    Image.fromarray(np.zeros((5, 6, 3), np.uint8)).save(tmp_path / "set" / "a" / "colour.png")
    assert ann.read_images(tmp_path / "set").shape == (3, 5, 6)
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(tmp_path / "set" / "a" / "wide.png")
    with pytest.raises(ann.DataError, match=r"wide\.png has 5 x 7 pixels.*5 x 6"):
        ann.read_images(tmp_path / "set")
    (tmp_path / "set" / "a" / "wide.png").write_bytes(b"\x89PNG")
    with pytest.raises(ann.DataError, match=r"wide\.png cannot be read"):
        ann.read_images(tmp_path / "set")


def test_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ann.DataError, match=r"no folder with pictures"):
        ann.read_images(tmp_path)
    with pytest.raises(ann.DataError, match=r"nowhere is not a folder"):
        ann.read_images(tmp_path / "nowhere")


def write_cifar(folder, records=10):
    folder.mkdir(exist_ok=True)
    pixels = RNG.integers(0, 256, (6, records, 3072), np.uint8)
    for name, content in zip([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], pixels, strict=True):
        labels = np.arange(records, dtype=np.uint8)[:, None] % 10
        (folder / f"{name}.bin").write_bytes(np.hstack([labels, content]).tobytes())
    return pixels


def test_cifar_of_its_binary_files(tmp_path):
    pixels = write_cifar(tmp_path / "cifar-10-batches-bin", records=20)
    data = ann.load("cifar10", tmp_path)
    assert (len(data.x_train), len(data.x_validation), len(data.x_test)) == (90, 10, 20)
    assert data.classes[data.y_test[3]] == "cat"
    # Red first, row by row.
    np.testing.assert_array_equal(data.x_test[3, 0, 1], pixels[5, 3, 32:64] / np.float32(255))
    np.testing.assert_array_equal(data.x_test[3, 2, 0], pixels[5, 3, 2048:2080] / np.float32(255))


def test_cifar_that_is_damaged_or_pickled_is_refused(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(b"a pickle")
    with pytest.raises(ann.DataError, match=r"data_batch_1\.bin cannot be read.*binary version"):
        load_cifar10(tmp_path, 0)
    write_cifar(tmp_path)
    (tmp_path / "data_batch_2.bin").write_bytes(bytes(3072))
    with pytest.raises(ann.DataError, match=r"3072 bytes, not a multiple of 3073"):
        load_cifar10(tmp_path, 0)
    (tmp_path / "data_batch_2.bin").write_bytes(bytes([200]) + bytes(3072))
    with pytest.raises(ann.DataError, match=r"class 200"):
        load_cifar10(tmp_path, 0)


def write_spikes(path, times, units, labels):
    with h5py.File(path, "w") as file:
        for name, values, kind in (("times", times, np.float16), ("units", units, np.uint16)):
            dataset = file.create_dataset(f"spikes/{name}", (len(values),), h5py.vlen_dtype(kind))
            for i, value in enumerate(values):
                dataset[i] = np.asarray(value, kind)
        file["labels"] = np.asarray(labels, np.uint16)
        file["extra/keys"] = [b"zero", b"eins"]


def test_heidelberg_digits_are_binned(tmp_path):
    times, units = [[0.01, 0.03, 0.031, 1.399, 1.5]] * 20, [[0, 7, 9, 699, 1]] * 20
    write_spikes(tmp_path / "shd_train.h5", times, units, [i % 2 for i in range(20)])
    write_spikes(tmp_path / "shd_test.h5", times[:4], units[:4], [1, 1, 0, 0])
    data = ann.load("shd", tmp_path)
    assert (data.shape, data.classes) == ((70, 140), ("zero", "eins"))
    assert {(*map(int, place), float(data.x_test[0][tuple(place)])) for place in np.argwhere(data.x_test[0])} == {
        (0, 0, 1.0),
        (1, 1, 2.0),
        (69, 139, 1.0),
    }


@pytest.mark.parametrize(
    ("times", "units", "labels", "message"),
    [
        ([[0.1]] * 4, [[700]] * 4, [0, 1, 0, 1], "units beyond 699"),
        ([[-0.1]] * 4, [[7]] * 4, [0, 1, 0, 1], "before 0 s"),
        ([[0.1]] * 4, [[7, 8]] * 4, [0, 1, 0, 1], "sample 0"),
        ([[0.1]] * 4, [[7]] * 4, [0, 1, 0, 2], "labels do not fit"),
    ],
)
def test_damaged_heidelberg_digits_are_refused(tmp_path, times, units, labels, message):
    write_spikes(tmp_path / "shd_train.h5", times, units, labels)
    with pytest.raises(ann.DataError, match=message):
        ann.load("shd", tmp_path)
    (tmp_path / "shd_train.h5").write_bytes(b"nothing")
    with pytest.raises(ann.DataError, match=r"cannot be read as Spiking Heidelberg Digits"):
        ann.load("shd", tmp_path)


def event(x, y, polarity, time):
    return bytes([x, y, polarity << 7 | time >> 16, time >> 8 & 255, time & 255])


def test_events_are_read_with_the_timer_running_over(tmp_path):
    path = tmp_path / "one.bin"
    path.write_bytes(event(3, 33, 1, 70_000) + event(0, 240, 0, 0) + event(4, 5, 0, 70_001))
    assert read_events(path).tolist() == [[3, 33, 1, 70_000], [4, 5, 0, 70_001 + 8192]]
    for content, message in ((b"1234", "not a multiple of 5"), (event(34, 0, 0, 0), "outside"), (b"", "0 bytes")):
        path.write_bytes(content)
        with pytest.raises(ann.DataError, match=message):
            read_events(path)


def test_nmnist_counts_events(tmp_path):
    for part, count in (("Train", 24), ("Test", 1)):
        for label in range(2):
            folder = tmp_path / part / str(label)
            folder.mkdir(parents=True)
            for i in range(count):
                content = event(label, 2, 1, 5) + event(label, 2, 1, 6) + event(7, 8, 0, 9)
                (folder / f"{i:05}.bin").write_bytes(content)
    data = ann.load("n-mnist", tmp_path)
    assert (len(data.x_train), len(data.x_validation), data.shape) == (44, 4, (2, 34, 34))
    assert data.y_test.tolist() == [0, 1]
    assert [data.x_test[1, 1, 2, 1], data.x_test[1, 0, 8, 7], data.x_test[1].sum()] == [1, 0.5, 1.5]
    with pytest.raises(ann.DataError, match=r"Train has no folders"):
        load_nmnist(tmp_path / "Train", 0)


def test_japanese_vowels(tmp_path):
    samples = RNG.normal(size=(40, 12, 5)).round(3)
    lines = [":".join(",".join(map(str, channel)) for channel in x) + f":{i % 2 + 1}" for i, x in enumerate(samples)]
    for part, chosen in (("TRAIN", lines[:30]), ("TEST", lines[30:])):
        (tmp_path / f"JapaneseVowels_eq_{part}.ts").write_text("@equalLength true\n@data\n" + "\n".join(chosen) + "\n")
    data = ann.load("japanese-vowels", tmp_path)
    assert (data.shape, data.classes, len(data.x_train)) == ((5, 12), ("1", "2"), 27)
    np.testing.assert_allclose(data.x_test[0], samples[30].T, rtol=1e-6)
    (tmp_path / "JapaneseVowels_eq_TEST.ts").write_text("@data\n1,2:3:1\n")
    with pytest.raises(ann.DataError, match=r"TEST\.ts cannot be read"):
        ann.load("japanese-vowels", tmp_path)


def packed(kind):
    content = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("folder/inside.txt", "here")
    else:
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            member = tarfile.TarInfo("folder/inside.txt")
            member.size = 4
            archive.addfile(member, io.BytesIO(b"here"))
    return content.getvalue()


@pytest.mark.parametrize("name", ["data.zip", "data.tar.gz"])
def test_files_are_fetched_once_checked_and_unpacked(tmp_path, name):
    published, folder = tmp_path / "published", tmp_path / "folder"
    content = packed(name.rpartition(".")[2])
    published.write_bytes(content)
    source = Source(published.as_uri(), name, hashlib.md5(content).hexdigest())
    fetch((source,), folder)
    assert (folder / "folder" / "inside.txt").read_text() == "here"
    published.unlink()
    fetch((source,), folder)  # it is there already
    (folder / name).write_bytes(b"changed")
    with pytest.raises(ann.DataError, match=r"its MD5 sum is not"):
        fetch((source,), folder)


def test_file_with_a_wrong_sum_is_not_kept(tmp_path):
    published = tmp_path / "published"
    published.write_bytes(b"something else")
    with pytest.raises(ann.DataError, match=r"MD5 sum .* in the place of 0000"):
        fetch((Source(published.as_uri(), "data", "0000"),), tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []
    with pytest.raises(ann.DataError, match=r"cannot be fetched.*by hand"):
        fetch((Source((tmp_path / "nowhere").as_uri(), "data", "0000"),), tmp_path / "folder")


def test_archive_cannot_write_outside_its_folder(tmp_path):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside.txt"))
    published = tmp_path / "published"
    published.write_bytes(content.getvalue())
    source = Source(published.as_uri(), "data.tar.gz", hashlib.md5(content.getvalue()).hexdigest())
    with pytest.raises(ann.DataError, match=r"outside the destination"):
        fetch((source,), tmp_path / "folder")
    assert not (tmp_path / "outside.txt").exists()


def test_japanese_vowels_of_the_original_files():
    root = os.environ.get("ALLORNONE_DATA")
    if root is None:
        pytest.skip("ALLORNONE_DATA does not name a folder with JapaneseVowels/ in it")
    data = ann.load("japanese-vowels", Path(root) / "JapaneseVowels")
    assert (len(data.x_train), len(data.x_validation), len(data.x_test)) == (243, 27, 370)
    assert data.shape == (25, 12)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0), r"x = 'float64 array of shape \(0, 3\)': expected real numbers, at least one"),
        (np.ones((4, 1)) * 1j, np.zeros(4), "x = 'complex128 array"),
        (np.full((4, 1), None), np.zeros(4), "x = 'object array"),
        (np.zeros((4, 1)), ["a", "b", "a", "b"], r"y = '<U1 array.*classes as 0, 1"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(x, y, message):
    with pytest.raises(ann.ValidationError, match=message):
        ann.from_arrays("own", x, y)
