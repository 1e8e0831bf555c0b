"""torchvision's models with the weights published with them, fetched on request only."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from ann.checks import check_one_of
from ann.data.download import Source, fetch
from ann.errors import AnnError, DataError
from ann.weights import check_fits

# torchvision's name of the weights, and what its model must be made with for them.
_WEIGHTS: Mapping[str, tuple[str, dict[str, Any]]] = MappingProxyType(
    {
        "resnet18": ("ResNet18_Weights.IMAGENET1K_V1", {}),
        "resnet50": ("ResNet50_Weights.IMAGENET1K_V2", {}),
        "inception_v3": ("Inception_V3_Weights.IMAGENET1K_V1", {"transform_input": True, "init_weights": False}),
        "mobilenet_v2": ("MobileNet_V2_Weights.IMAGENET1K_V2", {}),
        "efficientnet_b0": ("EfficientNet_B0_Weights.IMAGENET1K_V1", {}),
        "fasterrcnn_resnet50_fpn_v2": ("FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1", {"weights_backbone": None}),
    }
)
PRETRAINED = tuple(_WEIGHTS)
_SUM_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.pth$")


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A model of torchvision with published weights.

    Attributes
    ----------
    module : torch.nn.Module
        In evaluation mode, on the CPU; it takes (batch, 3, height, width), Faster R-CNN a list of images.
    categories : tuple of str
        Names of the classes.
    transform : callable
        From an image, uint8 or float (3, height, width), to what the module takes: size, crop and normalisation.
    weights : str
        torchvision's name of the weights.
    """

    module: nn.Module
    categories: tuple[str, ...]
    transform: Callable[[torch.Tensor], torch.Tensor]
    weights: str


def load_pretrained(name: str, directory: str | PathLike[str], *, download: bool = False) -> Pretrained:
    """Load a model of torchvision (the extra `vision`) with the weights that were published with it.

    - ResNet: He, Zhang, Ren & Sun, CVPR (2016);
    - Inception v3: Szegedy, Vanhoucke, Ioffe, Shlens & Wojna, CVPR (2016);
    - MobileNetV2: Sandler, Howard, Zhu, Zhmoginov & Chen, CVPR (2018);
    - EfficientNet: Tan & Le, ICML (2019);
    - Faster R-CNN: Ren, He, Girshick & Sun, NeurIPS (2015).

    Parameters
    ----------
    name : str
        One of `PRETRAINED`.
    directory : path
        Folder with the file of weights, under the name it was published with.
    download : bool
        Fetch the file if it is not there. Whatever is loaded must have the SHA-256 sum that its name begins to tell.

    Raises
    ------
    ValidationError
        If `name` is unknown, or the weights do not fit the model.
    AnnError
        If torchvision cannot be imported.
    DataError
        If the file is missing, damaged, holds more than tensors, or cannot be fetched.
    """
    weights, options = _WEIGHTS[check_one_of("name", name, PRETRAINED)]
    models = _torchvision_models()
    published = models.get_weight(weights)
    source = source_of(published.url)
    path = Path(directory) / source.name
    if not download and not path.is_file():
        raise DataError(f"{path} is not there; fetch it with download=True, or from {source.url}")
    fetch((source,), Path(directory))  # of a file that is there only the sum is looked at
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file fails in whatever way the parser happens to meet it
        raise DataError(f"{path} holds something else than a state_dict of tensors ({type(error).__name__})") from error
    module = models.get_model(name, weights=None, num_classes=len(published.meta["categories"]), **options)
    check_fits(module, state, path)
    module.load_state_dict(state)
    return Pretrained(module.eval(), tuple(published.meta["categories"]), published.transforms(), weights)


def source_of(url: str) -> Source:
    """Return a published file, whose name ends in the beginning of its SHA-256 sum, such as resnet18-f37072fd.pth."""
    name = url.rsplit("/", 1)[-1]
    found = _SUM_IN_NAME.search(name)
    assert found is not None, url  # what torchvision publishes
    return Source(url, name, found[1], "sha256")


def _torchvision_models() -> Any:
    try:
        return importlib.import_module("torchvision").models
    # Where its compiled operators do not fit this build of PyTorch, it fails with a RuntimeError.
    except (ImportError, RuntimeError) as error:
        remedy = "pip install 'allornone[vision]', from the same index as torch: both for the CPU, or both for CUDA"
        raise AnnError(f"torchvision cannot be imported ({error}); {remedy}") from error
