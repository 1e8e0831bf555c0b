import subprocess
import sys
from inspect import isclass, isfunction
from pathlib import Path

import numpy as np
import pytest

import ann
from ann.models import architecture_table


def test_all_is_sorted_and_complete():
    here = {name for name, value in vars(ann).items() if isclass(value) or isfunction(value)}
    assert here | {"ACTIVATIONS", "DATASETS", "MODELS", "OPTIMIZERS", "RECIPES", "TWINS"} == set(ann.__all__)
    assert len(set(ann.__all__)) == len(ann.__all__)


def test_everything_public_has_a_docstring():
    assert [name for name in ann.__all__ if callable(getattr(ann, name)) and not getattr(ann, name).__doc__] == []


def test_import_brings_in_no_neighbour_and_nothing_heavy():
    unwanted = ["snn", "bridge", "numba", "sklearn", "pandas", "matplotlib"]
    code = f"import ann, sys; sys.exit(' '.join(m for m in {unwanted} if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_model_has_a_recipe_for_small_and_large_data(tiny):
    assert {model for model, data in ann.RECIPES if data == "digits"} == set(ann.MODELS)
    large = ann.from_arrays("large", np.zeros((14_000, 1)), np.arange(14_000) % 2, ("a", "b"))
    assert ann.find_recipe("mlp", large) == ann.RECIPES["mlp", "mnist"]
    assert ann.find_recipe("gru", large).epochs < ann.RECIPES["gru", "digits"].epochs
    assert ann.find_recipe("mlp", tiny) == ann.RECIPES["mlp", "digits"]
    with pytest.raises(ann.ValidationError, match=r"model = 'brain': expected one of perceptron"):
        ann.find_recipe("brain", tiny)


def test_readme_has_the_table_of_architectures():
    readme = Path(__file__).parents[2] / "README.md"
    assert architecture_table(ann.MODELS) in readme.read_text()
    required = (
        "perceptron mlp rbm dbn lenet resnet inception mobilenet cnn1d rnn bidirectional lstm gru transformer "
        "autoencoder denoising stacked convolutional variational gan dcgan conditional-gan "
        "spiking-mlp spiking-cnn spiking-rnn"
    )
    assert set(required.split()) <= set(ann.MODELS)
