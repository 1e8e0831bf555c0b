"""A converted convolutional network on a graphics card, beside the CPU and beside snnTorch on the same card.

    PYTHONPATH=. python benchmarks/cuda_conversion.py --data-dir FOLDER     # with MNIST's four files, as ann.load reads

A CNN (5 x 5 x 16, average pooling, 5 x 5 x 32, average pooling, dense) is trained on MNIST for some epochs on the card,
converted by rate for T steps, and run on all test images. snnTorch's `Leaky` with beta = 1 runs the same network, with
the converted weights in units of the thresholds and the same initial charge, all its batches on the card. Input is put
there beforehand for snnTorch and not for the converted network, which is handed NumPy arrays. Prints one JSON line:
images a second, accuracies, and whether the scores on the card are those of the CPU, bit for bit, on the first images.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import conversion_speed
import numpy as np
import torch
from torch import nn

import ann
import bridge


def trained(x: torch.Tensor, y: torch.Tensor, epochs: int) -> nn.Sequential:
    """Return a trained CNN, on the CPU."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(512, 10),
    ).to(x.device)  # fmt: skip
    optimiser = torch.optim.Adam(module.parameters(), 2e-3)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x), device=x.device).split(256):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(x[chosen]), y[chosen]).backward()
            optimiser.step()
    return module.cpu().eval()


def timed(run: Callable[[], Any], repeats: int) -> tuple[list[float], Any]:
    """Return the seconds of each run after one that is not counted, and what the last returned."""
    found, seconds = run(), []
    for _ in range(repeats):
        start = time.perf_counter()
        found = run()
        seconds.append(time.perf_counter() - start)
    return seconds, found


def main() -> None:
    """Print a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--threads", type=int, default=8, help="of the CPU")
    parser.add_argument("--batch", type=int, default=250, help="of the converted network")
    parser.add_argument("--peer-batch", type=int, default=2000, help="of snnTorch")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--cpu-images", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    card = torch.device(options.device if torch.cuda.is_available() else "cpu")
    data = ann.load("mnist", directory=options.data_dir)
    module = trained(torch.tensor(data.x_train).to(card), torch.tensor(data.y_train).to(card), options.epochs)
    images, labels = np.asarray(data.x_test[: options.images]), np.asarray(data.y_test[: options.images])
    with torch.no_grad():
        original = (module(torch.tensor(images)).argmax(1).numpy() == labels).mean()
    converted = bridge.convert(module, data.x_train[:1000], steps=conversion_speed.STEPS)

    def on(device: str, count: int) -> bridge.Inference:
        return converted.run(images[:count], device=device, threads=options.threads, batch=options.batch)

    cpu_seconds, cpu = timed(lambda: on("cpu", options.cpu_images), 1)
    seconds, found = timed(lambda: on(options.device, len(images)), options.repeats)
    peer = conversion_speed.Peer(module, list(converted.thresholds.values()))
    for layer in peer.layers:
        layer.to(card)
    on_card, run = torch.tensor(images).to(card), peer.snntorch(card)

    def snntorch() -> np.ndarray:
        with torch.no_grad():
            return torch.cat([run(x).cpu() for x in on_card.split(options.peer_batch)]).numpy()

    peer_seconds, scores = timed(snntorch, options.repeats)
    print(
        json.dumps(
            {
                "benchmark": "cuda conversion",
                "T": conversion_speed.STEPS,
                "images": len(images),
                "batch": options.batch,
                "images_per_s": {
                    "allornone": [round(len(images) / s) for s in seconds],
                    "allornone, cpu": [round(options.cpu_images / s) for s in cpu_seconds],
                    "snntorch": [round(len(images) / s) for s in peer_seconds],
                },
                "ratio": round(float(np.median(peer_seconds) / np.median(seconds)), 3),
                "accuracy": {
                    "original": float(original),
                    "allornone": float((found.scores.argmax(1) == labels).mean()),
                    "snntorch": float((scores.argmax(1) == labels).mean()),
                },
                "equal": bool((found.scores[: options.cpu_images] == cpu.scores).all()),
                "spikes_per_image": float(found.spikes.sum(axis=1).mean()),
            }
        )
    )


if __name__ == "__main__":
    main()
