"""Models by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch

from ann.checks import check_one_of, check_seed, check_sizes
from ann.data import Dataset
from ann.errors import ValidationError
from ann.models.activations import ACTIVATIONS, Step
from ann.models.adaptive import AdaptiveLeaky, SelfConnected
from ann.models.adversarial import AdversarialNetwork, build_conditional_gan, build_dcgan, build_gan
from ann.models.autoencoder import (
    Autoencoder,
    build_autoencoder,
    build_convolutional,
    build_denoising,
    build_stacked,
)
from ann.models.boltzmann import BoltzmannMachine, DeepBeliefNetwork, build_dbn, build_rbm
from ann.models.cnn import build_cnn
from ann.models.encoding import encode, encode_changes, encode_sequence
from ann.models.lenet import build_lenet
from ann.models.mlp import build_mlp
from ann.models.model import Model, Stack
from ann.models.perceptron import Perceptron, build_perceptron
from ann.models.residual import build_inception, build_mobilenet, build_resnet
from ann.models.sequences import (
    build_bidirectional,
    build_cnn1d,
    build_gru,
    build_lstm,
    build_rnn,
    build_transformer,
)
from ann.models.soft_reset import SoftResetLeaky
from ann.models.spiking import SpikingNetwork, build_spiking_cnn, build_spiking_mlp
from ann.models.spiking_recurrent import SpikingRecurrent, build_spiking_rnn
from ann.models.table import architecture_table
from ann.models.variational import VariationalAutoencoder, build_variational
from ann.seeding import seeded

__all__ = [
    "ACTIVATIONS",
    "MODELS",
    "TWINS",
    "AdaptiveLeaky",
    "AdversarialNetwork",
    "Architecture",
    "Autoencoder",
    "BoltzmannMachine",
    "DeepBeliefNetwork",
    "Model",
    "Perceptron",
    "SelfConnected",
    "SoftResetLeaky",
    "SpikingNetwork",
    "SpikingRecurrent",
    "Stack",
    "Step",
    "VariationalAutoencoder",
    "architecture_table",
    "build",
    "build_autoencoder",
    "build_bidirectional",
    "build_cnn",
    "build_cnn1d",
    "build_conditional_gan",
    "build_convolutional",
    "build_dbn",
    "build_dcgan",
    "build_denoising",
    "build_for",
    "build_gan",
    "build_gru",
    "build_inception",
    "build_lenet",
    "build_lstm",
    "build_mlp",
    "build_mobilenet",
    "build_perceptron",
    "build_rbm",
    "build_resnet",
    "build_rnn",
    "build_spiking_cnn",
    "build_spiking_mlp",
    "build_spiking_rnn",
    "build_stacked",
    "build_transformer",
    "build_variational",
    "encode",
    "encode_changes",
    "encode_sequence",
]


@dataclass(frozen=True)
class Architecture:
    """A kind of model, by name.

    Parameters
    ----------
    build : callable
        Called with the shape of a sample, the size of the output, and options of its own by name.
    task : {"classify", "reconstruct", "generate"}
        What it learns: to tell classes or numbers, to give back samples, or to draw new ones.
    samples : {"any", "images", "sequences"}
        What samples it takes; those for sequences also take images, row by row, and tables, value by value.
    what : str
        What it is, in a few words.
    since : str
        Whose it is, and of which year.
    """

    build: Callable[..., Model]
    task: Literal["classify", "reconstruct", "generate"]
    samples: Literal["any", "images", "sequences"]
    what: str
    since: str


def _table() -> dict[str, Architecture]:
    classify, reconstruct, generate = "classify", "reconstruct", "generate"
    any_, images, sequences = "any", "images", "sequences"
    a = Architecture
    return {
        "perceptron": a(build_perceptron, classify, any_, "step units, the perceptron rule", "Rosenblatt 1958"),
        "mlp": a(build_mlp, classify, any_, "dense layers with ReLU", "Rumelhart, Hinton & Williams 1986"),
        "rbm": a(build_rbm, reconstruct, any_, "restricted Boltzmann machine, contrastive divergence", "Hinton 2002"),
        "dbn": a(build_dbn, classify, any_, "sigmoid layers pretrained as Boltzmann machines", "Hinton et al. 2006"),
        "cnn": a(build_cnn, classify, images, "two convolutions with batch normalisation", "LeCun et al. 1998"),
        "lenet": a(build_lenet, classify, images, "LeNet-5", "LeCun et al. 1998"),
        "resnet": a(build_resnet, classify, images, "residual blocks", "He et al. 2016"),
        "inception": a(
            build_inception, classify, images, "kernels of several sizes in parallel", "Szegedy et al. 2015"
        ),
        "mobilenet": a(build_mobilenet, classify, images, "depthwise separable convolutions", "Sandler et al. 2018"),
        "cnn1d": a(build_cnn1d, classify, sequences, "convolutions along time", "Waibel et al. 1989"),
        "rnn": a(build_rnn, classify, sequences, "Elman network, tanh or ReLU", "Elman 1990"),
        "bidirectional": a(
            build_bidirectional, classify, sequences, "Elman networks both ways", "Schuster & Paliwal 1997"
        ),
        "lstm": a(build_lstm, classify, sequences, "long short-term memory", "Hochreiter & Schmidhuber 1997"),
        "gru": a(build_gru, classify, sequences, "gated recurrent units", "Cho et al. 2014"),
        "transformer": a(build_transformer, classify, sequences, "self-attention, encoder only", "Vaswani et al. 2017"),
        "autoencoder": a(
            build_autoencoder, reconstruct, any_, "plain; tied or linear by option", "Rumelhart, Hinton & Williams 1986"
        ),
        "denoising": a(build_denoising, reconstruct, any_, "autoencoder given noisy samples", "Vincent et al. 2008"),
        "stacked": a(
            build_stacked, reconstruct, any_, "deep autoencoder, pretrained greedily", "Hinton & Salakhutdinov 2006"
        ),
        "convolutional": a(build_convolutional, reconstruct, images, "convolutional autoencoder", "Masci et al. 2011"),
        "variational": a(build_variational, reconstruct, any_, "variational autoencoder", "Kingma & Welling 2014"),
        "gan": a(build_gan, generate, any_, "generator against discriminator", "Goodfellow et al. 2014"),
        "dcgan": a(build_dcgan, generate, images, "the same, convolutional", "Radford et al. 2016"),
        "conditional-gan": a(
            build_conditional_gan, generate, any_, "the same, draws the class asked for", "Mirza & Osindero 2014"
        ),
        "spiking-mlp": a(build_spiking_mlp, classify, any_, "the mlp of spiking neurons", "Neftci et al. 2019"),
        "spiking-cnn": a(build_spiking_cnn, classify, images, "the cnn of spiking neurons", "Neftci et al. 2019"),
        "spiking-rnn": a(
            build_spiking_rnn, classify, sequences, "spiking neurons that hear one another", "Neftci et al. 2019"
        ),
    }


MODELS: Mapping[str, Architecture] = MappingProxyType(_table())

# Each artificial model's spiking twin.
TWINS: Mapping[str, str] = MappingProxyType({"mlp": "spiking-mlp", "cnn": "spiking-cnn"})


def build(name: str, shape: tuple[int, ...], classes: int, *, seed: int = 0, **options: object) -> Model:
    """Build a model with random initial weights, on the CPU.

    Parameters
    ----------
    name : str
        One of `MODELS`.
    shape : tuple of int
        Shape of a sample, for an image (channels, height, width).
    classes : int
        Number of classes, or of numbers to predict: the size of the output.
    seed : int
        Seed of the initial weights, 0 ... 2**32 - 1. PyTorch's global random state is left as it was.
    **options
        Arguments of the model; the function `MODELS[name].build` describes them.

    Raises
    ------
    ValidationError
        If `name` is unknown or an argument is refused.
    """
    check_one_of("name", name, MODELS)
    with seeded(check_seed(seed), torch.device("cpu")):
        try:
            model = MODELS[name].build(shape, classes, **options)
        except TypeError as error:
            if "unexpected keyword argument" not in str(error):
                raise
            raise ValidationError("options", sorted(options), f"options that {name!r} has ({error})") from error
    if not model.input_shape:
        model.input_shape = check_sizes("shape", shape)
    return model


def build_for(name: str, data: Dataset, *, seed: int = 0, **options: object) -> Model:
    """Build a model that fits a data set.

    Parameters
    ----------
    name : str
        One of `MODELS`.
    data : Dataset
        The data set.
    seed, **options
        As in `build`.

    Raises
    ------
    ValidationError
        If the model cannot take such samples or targets, or an argument is refused.
    """
    architecture = MODELS[check_one_of("name", name, MODELS)]
    if architecture.samples == "images" and len(data.shape) != 3:
        raise ValidationError("data", data.name, f"images, which {name!r} needs; its samples have shape {data.shape}")
    if name in ("perceptron", "conditional-gan") and not data.classes:
        raise ValidationError("data", data.name, f"a data set with classes, which {name!r} needs")
    if data.vocabulary:
        if architecture.samples != "sequences":
            raise ValidationError("data", data.name, f"samples of numbers, which {name!r} needs; its are tokens")
        options = {"vocabulary": len(data.vocabulary), **options}
    return build(name, data.shape, data.n_outputs, seed=seed, **options)
