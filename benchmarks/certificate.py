"""How many answers are certified to be the network's, on all test images; a JSON line for every seed and T.

Run: python benchmarks/certificate.py --model mlp --seeds 0,1,2 --steps 16,32,64,128
     python benchmarks/certificate.py --model cnn --data mnist --data-dir FOLDER --samples 1000 --steps 128

A violation is a certified answer that PyTorch, in float32, does not give. Tightness is the median ratio of the bound to
how far the margin really is from the network's.
"""

import argparse
import json
import time
from dataclasses import asdict

import numpy as np
import torch

import ann
import bridge


def measure(model: str, data: ann.Dataset, seed: int, steps: list[int], samples: int | None, threads: int) -> None:
    """Train with one seed, convert for every T, certify, and ask PyTorch."""
    x = data.x_test[:samples]
    module = ann.build(model, data.shape, data.n_classes, seed=seed)
    ann.fit(module, data, seed=seed, **asdict(ann.find_recipe(model, data)))
    scores = ann.evaluate(module, x).astype(np.float64)
    for t in steps:
        converted = bridge.convert(module, data.x_train, steps=t)
        converted.run(x[:50], threads=threads)  # compiled before it is timed
        begun = time.perf_counter()
        certificate = bridge.certify(converted, x, threads=threads)
        seconds = time.perf_counter() - begun
        same = certificate.classes == scores.argmax(axis=1)
        own = np.take_along_axis(scores, certificate.classes[:, None], axis=1)
        others = np.where(np.arange(scores.shape[1]) == certificate.classes[:, None], -np.inf, scores).max(axis=1)
        off = np.abs(certificate.margin - (own[:, 0] - others))
        result = {
            "benchmark": "certificate",
            "model": model,
            "data": data.name,
            "seed": seed,
            "steps": t,
            "samples": len(x),
            "agreement": float(same.mean()),
            "certified": float(certificate.certified.mean()),
            "violations": int((certificate.certified & ~same).sum()),
            "tightness": round(float(np.median(certificate.bound / np.maximum(off, 1e-9))), 2),
            "seconds": round(seconds, 2),
        }
        print(json.dumps(result), flush=True)


def main() -> None:
    """Print a JSON line for every seed and T."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--data-dir")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--steps", default="16,32,64,128,256")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for seed in map(int, options.seeds.split(",")):
        data = ann.load(options.data, directory=options.data_dir, seed=seed)
        steps = [int(t) for t in options.steps.split(",")]
        measure(options.model, data, seed, steps, options.samples, options.threads)


if __name__ == "__main__":
    main()
