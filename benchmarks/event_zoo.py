"""Torchvision's families of classifiers, converted by event; a JSON line each.

Every network has random weights and small images as input; its batch normalisations have the statistics of such images,
so that activations neither vanish nor explode on the way. It is converted with K levels, products allowed. Told are how
its nodes fare, whether the engine says exactly what the quantised twin computes, how far both are from the module
(relative error of the output on other images than those it was calibrated on), and what is refused, and why.

Torchvision's compiled operators are not needed: where they are missing their names are defined before it is imported.

Run: python benchmarks/event_zoo.py [family ...]
"""

import importlib.util
import json
import re
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

import bridge
import snn

CALIBRATION, SAMPLES = 8, 2
LEVELS = 32
# Names of torchvision's builders, the size of the image, and what else they are given.
FAMILIES: dict[str, tuple[int, dict]] = {
    "alexnet": (64, {}),
    "squeezenet1_0": (32, {}),
    "vgg11_bn": (32, {}),
    "resnet18": (32, {}),
    "resnet50": (32, {}),
    "resnext50_32x4d": (32, {}),
    "wide_resnet50_2": (32, {}),
    "densenet121": (32, {}),
    "googlenet": (32, {"aux_logits": False, "init_weights": False}),
    "inception_v3": (75, {"aux_logits": False, "init_weights": False}),
    "shufflenet_v2_x0_5": (32, {}),
    "mobilenet_v2": (32, {}),
    "mobilenet_v3_small": (32, {}),
    "mnasnet0_5": (32, {}),
    "regnet_x_400mf": (32, {}),
    "regnet_y_400mf": (32, {}),
    "efficientnet_b0": (32, {}),
    "efficientnet_v2_s": (32, {}),
    "convnext_tiny": (32, {}),
    "vit_b_16": (32, {"image_size": 32}),
    "swin_t": (32, {}),
    "swin_v2_t": (32, {}),
    "maxvit_t": (64, {"input_size": (64, 64)}),
}


def torchvision_models():
    """Import torchvision, whose compiled operators a CPU build of PyTorch may lack."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        sys.exit("torchvision is not installed: pip install torchvision")
    text = (Path(spec.origin).parent / "_meta_registrations.py").read_text()
    library = torch.library.Library("torchvision", "DEF")
    for name in {"nms", "qnms", *re.findall(r'register_meta\("(\w+)"', text), *re.findall(r"torchvision::(\w+)", text)}:
        library.define(f"{name}(Tensor x) -> Tensor")
    from torchvision import models

    return library, models


def network(models, family: str, images: torch.Tensor) -> torch.nn.Module:
    """Return a random network of a family, its batch normalisations with the statistics of some images."""
    torch.manual_seed(0)
    module = getattr(models, family)(weights=None, num_classes=10, **FAMILIES[family][1])
    norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        module.train()(images)
    return module.eval()


def report(models, family: str) -> dict:
    """Convert a network of one family and run it."""
    size = FAMILIES[family][0]
    x = np.random.default_rng(0).normal(size=(CALIBRATION + SAMPLES, 3, size, size))
    module = network(models, family, torch.from_numpy(x[:CALIBRATION]).float())
    line: dict = {"family": family, "image": size}
    begun = time.process_time()
    try:
        converted = bridge.convert(module, x[:CALIBRATION], method="event", levels=LEVELS, allow=("product",))
    except bridge.BridgeError as error:
        return {**line, "refused": str(error)}
    line["seconds_to_convert"] = round(time.process_time() - begun, 1)
    line["verdicts"] = dict(Counter(verdict.verdict for verdict in converted.verdicts))
    line["layers"] = dict(Counter(layer.kind for layer in converted.plan.layers.values()))
    line["neurons"] = sum(layer.layout.size for layer in converted.plan.layers.values())
    own, twin = converted.traced.run(x[-SAMPLES:]), converted.twin(x[-SAMPLES:])
    line["error"] = round(float(np.linalg.norm(twin - own) / np.linalg.norm(own)), 4)
    line["same_class"] = int((twin.argmax(axis=1) == own.argmax(axis=1)).sum())
    begun = time.process_time()
    try:
        inference = converted.run(x[-SAMPLES:], batch=SAMPLES)
    except snn.SnnError as error:
        return {**line, "refused": str(error)}
    line["equal_to_twin"] = bool((inference.scores == twin).all())
    line["events_a_sample"] = int(inference.spikes.sum() / SAMPLES)
    line["seconds_to_run"] = round(time.process_time() - begun, 1)
    return line


def main() -> None:
    """Print a line for each family."""
    _library, models = torchvision_models()
    for family in sys.argv[1:] or FAMILIES:
        line = report(models, family)
        line["peak_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1)
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
