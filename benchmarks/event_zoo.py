"""Torchvision's families of classifiers, small and with random weights, converted by event; a JSON line each.

The models stand in `tests/reference_zoo.py`; their batch normalisations are given the statistics of random images, so
that activations neither vanish nor explode on the way. Each is converted with K = 32 levels, products allowed. Told are
how its nodes fare, whether the engine says exactly what the quantised twin computes, how far both are from the module
(relative error of the output on other images than those it was calibrated on), and what is refused, and why.

Run: python benchmarks/event_zoo.py [FAMILY ...]
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

import bridge
import snn

sys.path.append(str(Path(__file__).parent.parent / "tests"))
import reference_zoo as reference

CALIBRATION, SAMPLES = 64, 2
LEVELS = 32


def network(family: str, images: torch.Tensor) -> torch.nn.Module:
    """Return the model of a family, its batch normalisations with the statistics of some images."""
    module = reference.model(family)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.train().momentum = 1.0
    with torch.no_grad():
        module(images)
    return module.eval()


def report(family: str) -> dict:
    """Convert the network of one family and run it."""
    torch.manual_seed(1)
    images = reference.sample(family, CALIBRATION + SAMPLES)
    x = images.double().numpy()
    module = network(family, images[:CALIBRATION])
    line: dict = {"family": family}
    begun = time.process_time()
    try:
        converted = bridge.convert(module, x[:CALIBRATION], method="event", levels=LEVELS, allow=("product",))
        line["seconds_to_convert"] = round(time.process_time() - begun, 1)
        line["verdicts"] = dict(Counter(verdict.verdict for verdict in converted.verdicts))
        line["layers"] = dict(Counter(layer.kind for layer in converted.plan.layers.values()))
        line["neurons"] = sum(layer.layout.size for layer in converted.plan.layers.values())
        own, twin = converted.traced.run(x[-SAMPLES:]), converted.twin(x[-SAMPLES:])
        line["error"] = round(float(np.linalg.norm(twin - own) / np.linalg.norm(own)), 4)
        begun = time.process_time()
        inference = converted.run(x[-SAMPLES:], batch=SAMPLES)
    except (bridge.BridgeError, snn.SnnError) as error:
        return {**line, "refused": str(error)}
    line["equal_to_twin"] = bool((inference.scores == twin).all())
    line["events_a_sample"] = int(inference.spikes.sum() / SAMPLES)
    line["seconds_to_run"] = round(time.process_time() - begun, 1)
    return line


if __name__ == "__main__":
    for family in sys.argv[1:] or reference.families():
        print(json.dumps(report(family)), flush=True)
