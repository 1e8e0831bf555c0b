"""Every family of torchvision's classifiers, small and with random weights."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

_KEPT: list[Any] = []  # operators live as long as their library


def import_torchvision() -> Any:
    """Import torchvision, also where its compiled operators do not fit this build of PyTorch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("torchvision is not installed: pip install allornone[vision]")
    if "torchvision" not in sys.modules:
        # Its import only wants these operators to be there; no model of the zoo calls them.
        source = (Path(spec.submodule_search_locations[0]) / "_meta_registrations.py").read_text()
        names = {
            *re.findall(r'register_meta\("(\w+)"', source),
            *re.findall(r"torchvision::(\w+)", source),
            "nms",
            "qnms",
        }
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in sorted(names):
            if not hasattr(torch.ops.torchvision, name):
                library.define(f"{name}(Tensor x) -> Tensor")
        _KEPT.append(library)
    import torchvision

    return torchvision


def families() -> dict[str, Callable[[], nn.Module]]:
    """Give a maker of one model a family: its smallest member, or its class with a smaller configuration."""
    m = import_torchvision().models
    swin_v2 = {
        "block": m.swin_transformer.SwinTransformerBlockV2,
        "downsample_layer": m.swin_transformer.PatchMergingV2,
    }
    swin = partial(m.SwinTransformer, [4, 4], 16, [2, 2], [2, 4], num_classes=10)
    fused, inverted = m.efficientnet.FusedMBConvConfig, m.efficientnet.MBConvConfig
    block, bottleneck = m.resnet.BasicBlock, m.resnet.Bottleneck
    return {
        "alexnet": lambda: _narrow(m.alexnet(num_classes=10)),
        "convnext": lambda: m.ConvNeXt(
            [m.convnext.CNBlockConfig(16, 32, 2), m.convnext.CNBlockConfig(32, None, 2)], 0.1, num_classes=10
        ),
        "densenet": lambda: m.DenseNet(8, (2, 2, 2, 2), 16, num_classes=10),
        "efficientnet": lambda: m.EfficientNet(
            [inverted(1, 3, 1, 32, 16, 1), inverted(6, 5, 2, 16, 24, 2)], 0.2, num_classes=10
        ),
        "efficientnet_v2": lambda: m.EfficientNet(
            [fused(1, 3, 1, 24, 24, 2), fused(4, 3, 2, 24, 32, 1), inverted(4, 3, 2, 32, 40, 2)], 0.2, num_classes=10
        ),
        "googlenet": lambda: m.googlenet(num_classes=10, init_weights=False),
        "inception": lambda: m.inception_v3(num_classes=10, init_weights=False),
        "maxvit": lambda: m.MaxVit((32, 32), 8, 2, [8, 16], [1, 1], 8, 0.2, num_classes=10),
        "mnasnet": lambda: m.mnasnet0_5(num_classes=10),
        "mobilenet_v2": lambda: m.mobilenet_v2(num_classes=10, width_mult=0.25),
        "mobilenet_v3": lambda: m.mobilenet_v3_small(num_classes=10, width_mult=0.5),
        "regnet": lambda: m.RegNet(
            m.regnet.BlockParams.from_init_params(4, 8, 8.0, 2.0, 8, se_ratio=0.25), num_classes=10
        ),
        "resnet": lambda: m.ResNet(block, [1, 1, 1, 1], num_classes=10),
        "resnext": lambda: m.ResNet(bottleneck, [1, 1, 1, 1], num_classes=10, groups=4, width_per_group=8),
        "wide_resnet": lambda: m.ResNet(bottleneck, [1, 1, 1, 1], num_classes=10, width_per_group=128),
        "shufflenet_v2": lambda: m.shufflenet_v2_x0_5(num_classes=10),
        "squeezenet": lambda: m.squeezenet1_1(num_classes=10),
        "swin": lambda: swin(window_size=[2, 2]),
        "swin_v2": lambda: swin(window_size=[2, 2], **swin_v2),
        "vgg": lambda: _narrow(m.vgg11_bn(num_classes=10)),
        "vit": lambda: m.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=10),
    }


def sample(family: str, batch: int = 2) -> torch.Tensor:
    """Give random images that a family takes."""
    size = {"alexnet": 64, "inception": 75}.get(family, 32)
    return torch.randn(batch, 3, size, size)


def model(family: str) -> nn.Module:
    """Make the model of a family, with numbers that training might have left where it starts from zeros and ones."""
    torch.manual_seed(0)
    made = families()[family]()
    for part in made.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None and part.running_var is not None:
            part.running_mean.normal_(0.0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
        if isinstance(part, nn.Linear) and not part.weight.any():
            nn.init.normal_(part.weight, std=0.1)
        if hasattr(part, "layer_scale"):
            nn.init.normal_(part.layer_scale)
    return made.eval()


def _narrow(model: Any) -> nn.Module:
    """Make the hidden dense layers narrow: they hold nine in ten of the weights."""
    dense = [index for index, part in enumerate(model.classifier) if isinstance(part, nn.Linear)]
    sizes = [model.classifier[dense[0]].in_features, 32, 32, 10]
    for index, before, after in zip(dense, sizes[:-1], sizes[1:], strict=True):
        model.classifier[index] = nn.Linear(before, after)
    return model
