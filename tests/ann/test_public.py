import inspect
import re
import subprocess
import sys
from inspect import isclass, isfunction
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import ann
import ann.models
from ann.models import architecture_table


def test_all_is_sorted_and_complete():
    here = {name for name, value in vars(ann).items() if isclass(value) or isfunction(value)}
    assert here | {"ACTIVATIONS", "DATASETS", "MODELS", "OPTIMIZERS", "PRETRAINED", "RECIPES", "TWINS"} == set(
        ann.__all__
    )
    assert len(set(ann.__all__)) == len(ann.__all__)


PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (ann, ann.models)
    for name in module.__all__
    if callable(getattr(module, name))
}


@pytest.mark.parametrize("thing", PUBLIC.values(), ids=PUBLIC)
def test_docstrings_tell_every_argument(thing):
    told = inspect.getdoc(thing) or ""
    assert told.splitlines()[0].endswith((".", ":"))
    if isclass(thing) and issubclass(thing, Exception):
        return
    given = set(inspect.signature(thing).parameters) - {"args", "kwargs"}
    sections = told.partition("Parameters\n----------\n")[2] + told.partition("Attributes\n----------\n")[2]
    names = {
        name.strip(" *")
        for line in sections.splitlines()
        if line[:1] != " "
        for name in line.split(" : ")[0].split(",")
    }
    assert given - names == set()


@pytest.mark.parametrize("name", ann.MODELS)
def test_every_architecture_names_its_source_and_its_shapes(name):
    kind = ann.MODELS[name]
    assert re.search(r"\b(19|20)\d\d$", kind.since)
    told, model = inspect.getdoc(kind.build), ann.build(name, (1, 8, 8), 10)
    source = told + inspect.getdoc(type(model))
    assert re.search(r"\b(19|20)\d\d\b|`ann.models.build_", source), "a paper, or the model that it is the twin of"
    assert re.search(r"^shape(, .*)? : tuple|^shape(, .*)?$", told, re.MULTILINE)
    if type(model).forward is not nn.Sequential.forward:
        assert re.search(r"\(batch, ", inspect.getdoc(type(model).forward)), "the shapes of what goes in and comes out"


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
