"""Accuracy of artificial, converted and surrogate-trained networks over seeds; a JSON line a seed.

Run: python benchmarks/conversion.py --seeds 0,1,2
     python benchmarks/conversion.py --data mnist --data-dir FOLDER --seeds 0
"""

import argparse
import json
import time
from dataclasses import asdict

import torch

import ann
import bridge


def measure(name: str, directory: str | None, seed: int, steps: list[int], threads: int) -> dict:
    """Train both networks with one seed (split, weights, order) and run everything on all test images."""
    data = ann.load(name, directory=directory, seed=seed)
    x, y = data.x_test, data.y_test
    model, spiking = (ann.build(kind, data.shape, data.n_classes, seed=seed) for kind in ("cnn", "spiking-cnn"))
    trained = ann.fit(model, data, seed=seed, **asdict(ann.RECIPES["cnn", name]))
    twin = ann.fit(spiking, data, seed=seed, **asdict(ann.RECIPES["spiking-cnn", name]))
    taken = bridge.take_over(spiking.body, x[:2], steps=spiking.steps).run(x, threads=threads)
    result = {
        "benchmark": "conversion",
        "data": name,
        "seed": seed,
        "images": len(y),
        "ann": ann.accuracy(model, x, y),
        "ann_train_s": round(trained.seconds, 1),
        "surrogate_steps": spiking.steps,
        "surrogate": float((taken.classes == y).mean()),
        "surrogate_torch": ann.accuracy(spiking, x, y),
        "surrogate_train_s": round(twin.seconds, 1),
    }
    for t in steps:
        converted = bridge.convert(model, data.x_train, steps=t)
        converted.run(x[:50], threads=threads)  # compiled and warm before it is timed
        begun = time.perf_counter()
        answer = converted.run(x, threads=threads)
        result[f"converted_{t}"] = float((answer.classes == y).mean())
        result[f"images_per_s_{t}"] = round(len(y) / (time.perf_counter() - begun), 1)
    return result


def main() -> None:
    """Print a JSON line for every seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--data-dir")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--steps", default="1,2,4,8,16,32")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for seed in options.seeds.split(","):
        steps = [int(t) for t in options.steps.split(",")]
        print(json.dumps(measure(options.data, options.data_dir, int(seed), steps, options.threads)), flush=True)


if __name__ == "__main__":
    main()
