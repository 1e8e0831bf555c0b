"""The command line, as a user meets it."""

import dataclasses
import gzip
import itertools
import json
import re

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from bridge import files
from bridge.cli import app

QUICK = ["compare", "--epochs", "1", "--steps", "1,4", "--samples", "20", "--threads", "1"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One whole comparison."""
    folder = tmp_path_factory.mktemp("report")
    result = CliRunner().invoke(app, [*QUICK, "--seeds", "2", "--out", str(folder)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return folder, result


def test_compare_writes_its_three_files_and_a_table(finished):
    folder, result = finished
    results = json.loads((folder / "comparison.json").read_text())
    assert [entry["steps"] for entry in results["converted"]] == [1, 4]
    assert results["data"]["test"] == 20
    assert results["ann"]["training"]["epochs"] == 1
    assert {cost["model"] for cost in results["energy"]} == {"compute", "memory", "quantised"}
    assert [entry["bits"] for entry in results["twin"]] == [1, 3]
    assert results["seeds"]["seeds"] == [0, 1]
    assert results["seeds"]["networks"]["converted"][1]["values"][0] == results["converted"][1]["accuracy"]
    assert results["tests"]["margin"] == 0.005
    whole = results["converted"][1]
    assert results["early_exit"]
    for early in results["early_exit"]:
        assert early["steps"] == 4
        for key in ("duration", "neuron_updates", "synaptic_operations"):
            assert 0.0 < early[key] <= whole[key]
    for row in results["tests"]["converted"]:
        assert (row["gained"] - row["lost"]) / 20 == pytest.approx(row["difference"])
    with h5py.File(folder / "comparison.h5") as file:
        assert json.loads(file.attrs["results"]) == results
        predictions = file["converted/T=4/predictions"][:]
        assert (predictions == file["labels"][:]).mean() == results["converted"][1]["accuracy"]
        assert file["f_i/if"].shape == file["f_i/relu"].shape
        lesioned = file["robustness/lesions/40/surrogate"][:]
        test = next(test for test in results["robustness"]["tests"] if test["name"] == "lesions")
        assert (lesioned == file["labels"][:]).mean() == pytest.approx(test["accuracy"]["surrogate"][-1])
    assert "<html" in (folder / "report.html").read_text()
    assert str(folder / "report.html") in result.output.replace("\n", "")
    assert sorted(p.name for p in folder.iterdir()) == ["comparison.h5", "comparison.json", "report.html", "weights"]
    names = ["cnn-0.pt", "cnn-1.pt", "spiking-cnn-0.pt", "spiking-cnn-1.pt"]
    assert sorted(p.name for p in (folder / "weights").iterdir()) == names
    for words in ("margin 0.5 points", "eyes covered", "Over 2 trainings"):
        assert words in result.output


def test_weights_of_the_same_settings_are_loaded(finished, run):
    folder, _ = finished
    before = json.loads((folder / "comparison.json").read_text())
    result = run(*QUICK, "--out", str(folder), "--json", "--no-robustness", "--margin", "2")
    assert result.exit_code == 0
    assert result.stderr.count("Loading") == 2
    after = json.loads(result.stdout)
    assert "loaded" in after["ann"]["training"]
    assert after["tests"]["margin"] == 0.02
    assert not {"robustness", "seeds"} & after.keys()
    assert [e["spikes"] for e in after["converted"]] == [e["spikes"] for e in before["converted"]]
    assert [e["accuracy"] for e in after["surrogate"]["by_steps"]] == [
        e["accuracy"] for e in before["surrogate"]["by_steps"]
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "letters"], "'letters' is not one of digits, mnist"),
        (["--model", "forest"], "'forest' is not one of mlp, cnn"),
        (["--steps", "0,4"], "0 is not a number of time steps"),
        (["--steps", "-3"], "-3 is not a number of time steps"),
        (["--steps", "four"], "'four' is not a list of integers"),
        (["--samples", "361"], "361 is more than the 360 test images"),
        (["--samples", "0"], "'--samples'"),
        (["--epochs", "0"], "'--epochs'"),
        (["--threads", "0"], "'--threads'"),
        (["--seed", "4294967296"], "seed"),
        (["--seeds", "0"], "'--seeds'"),
        (["--margin", "0"], "0 is not above 0 and below 100 points"),
        (["--margin", "nan"], "nan is not above 0 and below 100 points"),
        (["--data", "mnist"], "--data-dir"),
        (["--data-dir", "."], "digits is not read from a folder"),
        (["--colour", "red"], "No such option"),
    ],
)
def test_wrong_usage_is_told_in_one_error_and_exit_code_2(run, tmp_path, arguments, message):
    result = run("compare", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def idx(array, kind=8):
    header = bytes([0, 0, kind, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path):
    """A folder with the names of MNIST's files, and noise in them."""
    folder, rng = tmp_path / "mnist", np.random.default_rng(0)
    folder.mkdir()
    for part, count in (("train", 60_000), ("t10k", 200)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8) if part == "t10k" else np.zeros((count, 28, 28))
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images), 1))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(count) % 10), 1))
    return folder


def test_missing_and_corrupt_files_are_failures_that_are_named(run, tmp_path, mnist):
    result = run("compare", "--data", "mnist", "--data-dir", str(tmp_path / "absent"))
    assert result.exit_code == 1
    assert "absent" in result.output
    path = mnist / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:1000])
    result = run("compare", "--data", "mnist", "--data-dir", str(mnist))
    assert result.exit_code == 1
    assert "t10k-images-idx3-ubyte" in result.output
    assert "Traceback" not in result.output


def test_an_output_folder_that_cannot_be_is_told_before_training(run, tmp_path):
    (tmp_path / "taken").write_text("a file")
    result = run(*QUICK, "--out", str(tmp_path / "taken" / "report"))
    assert result.exit_code == 1
    assert "cannot write to the folder" in result.output
    assert "Training" not in result.output


def test_debug_shows_the_traceback(run, tmp_path):
    (tmp_path / "taken").write_text("a file")
    result = run(*QUICK, "--out", str(tmp_path / "taken" / "report"), "--debug")
    assert result.exit_code == 1
    assert isinstance(result.exception, OSError | Exception)
    assert not isinstance(result.exception, SystemExit)


def test_a_run_that_fails_leaves_the_old_report(finished, run, monkeypatch):
    folder, _ = finished
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    monkeypatch.setattr(
        "bridge.comparison.report.render", lambda comparison: (_ for _ in ()).throw(OSError("disk full"))
    )
    result = run(*QUICK, "--out", str(folder))
    assert result.exit_code == 1
    assert "disk full" in result.output
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert not [path for path in folder.iterdir() if path.name.startswith(".writing")]


def test_an_unsupported_layer_is_named(run, monkeypatch):
    import torch

    import ann

    def unconvertible(shape, classes):
        size = int(np.prod(shape))
        return ann.models.Stack(
            torch.nn.Flatten(), torch.nn.Linear(size, 8), torch.nn.GELU(), torch.nn.Linear(8, classes)
        )

    mlp = dataclasses.replace(ann.MODELS["mlp"], build=unconvertible)
    monkeypatch.setattr("ann.models.MODELS", {**ann.MODELS, "mlp": mlp})
    result = run(*QUICK, "--model", "mlp")
    assert result.exit_code == 1
    assert "2 (GELU): is an activation that counts of spikes cannot say" in result.output
    assert "Traceback" not in result.output


def test_help_has_examples(run):
    assert "Examples" in run("compare", "--help").output
    assert "compare" in run("--help").output
    assert "allornone compare --data mnist" in run("compare", "--help").output


def test_info_tells_versions_and_origins(run):
    result = run("info")
    assert result.exit_code == 0
    for word in ("numba", "brian2", "threads", "cache", "package bridge"):
        assert word in result.output
    found = json.loads(run("info", "--json").output)
    assert found["foreign"] == []
    assert found["cache"]["kernels"] > 0


def test_info_warns_of_packages_of_the_same_name(run, monkeypatch):
    monkeypatch.setattr("bridge.information._origin", lambda name: f"/elsewhere/{name}")
    result = run("info")
    assert result.exit_code == 1
    assert "pip uninstall snn ann" in result.output
    assert "not of this distribution" in result.output


def test_files_names_are_what_the_readme_says():
    assert (files.REPORT, files.RESULTS, files.ARRAYS) == ("report.html", "comparison.json", "comparison.h5")


@pytest.mark.parametrize("command", ["convert", "compare", "simulate", "bench", "info"])
def test_help_fills_the_lines_of_a_narrow_terminal(run, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    for paragraph in re.split(r"\n\s*\n", run(command, "--help").output.split("╭")[0]):
        for line, below in itertools.pairwise(paragraph.strip().splitlines()):
            assert len(line.strip()) + 1 + len(below.split()[0]) > 75, line
