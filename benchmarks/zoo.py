"""Every family of torchvision's classifiers, traced at small size with random weights; a JSON line each.

The models stand in `tests/reference_zoo.py`. A line tells how far the graph is from the module on other images than
those traced (the largest difference, in parts of the largest output), its nodes and multiply-accumulates, and how long
tracing took; or the reason of a refusal.

Run: python benchmarks/zoo.py [FAMILY ...]
"""

import copy
import json
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch

import bridge

sys.path.append(str(Path(__file__).parent.parent / "tests"))
import reference_zoo as reference


def line(family: str) -> dict:
    """Trace the model of a family and compare it with its graph."""
    model = reference.model(family)
    start = time.perf_counter()
    try:
        graph = bridge.trace(model, reference.sample(family))
    except bridge.ConversionError as error:
        return {"family": family, "refused": str(error)}
    seconds = time.perf_counter() - start
    x = reference.sample(family).double()
    with torch.no_grad():
        expected = copy.deepcopy(model).double()(x).numpy()
    error = np.abs(graph.run(x.numpy()) - expected).max() / np.abs(expected).max()
    kinds = Counter(type(node).__name__ for node in graph.nodes.values())
    return {
        "family": family,
        "error": float(error),
        "nodes": dict(kinds.most_common()),
        "macs": sum(graph.macs().values()),
        "trace_s": round(seconds, 2),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for family in sys.argv[1:] or reference.families():
        print(json.dumps(line(family)), flush=True)
