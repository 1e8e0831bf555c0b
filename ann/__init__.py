"""Artificial networks on PyTorch, and spiking networks trained with surrogate gradients on snnTorch.

Load a data set, build a model, train it and judge it::

    data = ann.load("digits")
    model = ann.build_for("cnn", data)
    ann.fit(model, data, report="bar")
    ann.accuracy(model, data.x_test, data.y_test)
"""

from ann.baselines import PrincipalComponents, dbscan, k_means, principal_components, purity
from ann.data import DATASETS, Dataset, from_arrays, load, read_csv, read_images, read_numpy
from ann.errors import AnnError, DataError, NumericalError, ValidationError
from ann.evaluation import accuracy, evaluate, predict
from ann.evolution import evolve
from ann.initialisation import initialise
from ann.models import (
    ACTIVATIONS,
    MODELS,
    TWINS,
    AdaptiveLeaky,
    Architecture,
    Model,
    SelfConnected,
    SoftResetLeaky,
    SpikingNetwork,
    build,
    build_for,
    encode,
    encode_changes,
    encode_sequence,
)
from ann.optimizers import OPTIMIZERS
from ann.q_learning import learn_q
from ann.quantisation import QuantisedReLU, quantise
from ann.recipes import RECIPES, Recipe, find_recipe
from ann.record import TrainingRecord
from ann.reinforcement import RewardRecord, make_environment, play, reinforce
from ann.training import fit
from ann.vision import PRETRAINED, Pretrained, load_pretrained
from ann.weight_quantisation import quantise_weights, round_weights
from ann.weights import load_metadata, load_weights, save_weights

__all__ = [
    "ACTIVATIONS",
    "DATASETS",
    "MODELS",
    "OPTIMIZERS",
    "PRETRAINED",
    "RECIPES",
    "TWINS",
    "AdaptiveLeaky",
    "AnnError",
    "Architecture",
    "DataError",
    "Dataset",
    "Model",
    "NumericalError",
    "Pretrained",
    "PrincipalComponents",
    "QuantisedReLU",
    "Recipe",
    "RewardRecord",
    "SelfConnected",
    "SoftResetLeaky",
    "SpikingNetwork",
    "TrainingRecord",
    "ValidationError",
    "accuracy",
    "build",
    "build_for",
    "dbscan",
    "encode",
    "encode_changes",
    "encode_sequence",
    "evaluate",
    "evolve",
    "find_recipe",
    "fit",
    "from_arrays",
    "initialise",
    "k_means",
    "learn_q",
    "load",
    "load_metadata",
    "load_pretrained",
    "load_weights",
    "make_environment",
    "play",
    "predict",
    "principal_components",
    "purity",
    "quantise",
    "quantise_weights",
    "read_csv",
    "read_images",
    "read_numpy",
    "reinforce",
    "round_weights",
    "save_weights",
]
