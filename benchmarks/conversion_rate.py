"""Accuracy of networks converted by rate, training-free and after fine-tuning; a JSON line a run.

Run: python benchmarks/conversion_rate.py digits --seeds 0,1,2,3,4 --fine-tune 4
     python benchmarks/conversion_rate.py mnist --data-dir FOLDER --fine-tune 2 --batch 128 --learning-rate 1e-2
     python benchmarks/conversion_rate.py digits --model rnn --steps 16,32 --unroll
     python benchmarks/conversion_rate.py mnist --data-dir FOLDER --steps 32 --margins 2,4,8 --samples 2000

Every line has the accuracy of the network itself, of its quantised twin and of the spiking network for every T, and
the spikes of an inference. With --fine-tune L the network is also quantised to L levels, trained for ten epochs more,
and run with T = L. An RNN has rectifiers; --unroll gives every step of a sequence a population of its own. With
--margins samples leave every network when their margin is reached (early exit), timed beside the whole inference
("whole_s"; both after a first run). With --weights the network is read from there, or written there.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

import ann
import bridge


def trained(options: argparse.Namespace, data: ann.Dataset, seed: int) -> torch.nn.Module:
    """Return the network, read or trained."""
    more = {"activation": "relu"} if options.model == "rnn" else {}
    model = ann.build(options.model, data.shape, data.n_classes, seed=seed, **more)
    if options.weights and Path(options.weights).is_file():
        ann.load_weights(model, options.weights)
        return model.eval()
    ann.fit(model, data, seed=seed, **asdict(ann.find_recipe(options.model, data)))
    if options.weights:
        ann.save_weights(model, options.weights)
    return model


def converted(
    model: torch.nn.Module, data: ann.Dataset, steps: int, rule: str, samples: int | None, unroll: bool
) -> dict:
    """Convert, and run the test samples."""
    x, y = data.x_test[:samples], data.y_test[:samples]
    choices = bridge.RateOptions(thresholds=rule, unroll=unroll)
    made = bridge.convert(model, data.x_train, steps=steps, options=choices)
    begun = time.perf_counter()
    answer = made.run(x)
    return {
        "T": steps,
        "twin": float((bridge.quantised_twin(made, x).argmax(axis=1) == y).mean()),
        "spiking": float((answer.classes == y).mean()),
        "spikes": float(answer.spikes.sum(axis=1).mean()),
        "steps": made.duration,
        "s": round(time.perf_counter() - begun, 1),
    }


def early_exits(model: torch.nn.Module, data: ann.Dataset, options: argparse.Namespace, steps: int) -> Iterator[dict]:
    """Run the test samples with early exits at all margins."""
    x, y = data.x_test[: options.samples], data.y_test[: options.samples]
    made = bridge.convert(model, data.x_train, steps=steps, options=bridge.RateOptions(thresholds=options.rule))
    made.run(x[:50])
    whole = made.run(x)
    for margin in map(float, filter(None, options.margins.split(","))):
        made.run(x[:50], margin=margin)
        answer = made.run(x, margin=margin)
        yield {
            "T": steps,
            "margin": margin,
            "spiking": float((answer.classes == y).mean()),
            "steps_read": float(answer.steps_read.mean()),
            "spikes": float(answer.spikes.sum(axis=1).mean()),
            "s": round(answer.seconds, 2),
            "whole": float((whole.classes == y).mean()),
            "whole_spikes": float(whole.spikes.sum(axis=1).mean()),
            "whole_s": round(whole.seconds, 2),
        }


def measure(options: argparse.Namespace, seed: int) -> None:
    """Train, convert and fine-tune with one seed, and print what came of it."""
    data = ann.load(options.data, directory=options.data_dir, seed=seed)
    model = trained(options, data, seed)
    x, y = data.x_test[: options.samples], data.y_test[: options.samples]
    told = {"benchmark": "conversion_rate", "data": options.data, "model": options.model, "seed": seed}
    told |= {"samples": len(y), "rule": options.rule, "ann": ann.accuracy(model, x, y)}
    for steps in map(int, options.steps.split(",")):
        print(
            json.dumps(told | converted(model, data, steps, options.rule, options.samples, options.unroll)), flush=True
        )
        for line in early_exits(model, data, options, steps) if options.margins else ():
            print(json.dumps(told | line), flush=True)
    for levels in map(int, filter(None, options.fine_tune.split(","))):
        fine = ann.quantise(model, levels, data.x_train)
        settings = {"epochs": options.epochs, "batch_size": options.batch, "learning_rate": options.learning_rate}
        record = ann.fit(fine, data, keep="last", seed=seed, **settings)
        tuned = {"levels": levels, "epochs": options.epochs, "quantised": ann.accuracy(fine, x, y)}
        tuned |= {"fine_tuning_s": round(record.seconds, 1)}
        result = converted(fine, data, levels, "least_squares", options.samples, options.unroll)
        print(json.dumps(told | tuned | result), flush=True)


def main() -> None:
    """Print a JSON line for every seed and T."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--data-dir")
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--weights")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--steps", default="1,2,4,8,32")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--margins", default="")
    parser.add_argument("--unroll", action="store_true")
    parser.add_argument("--rule", default="least_squares")
    parser.add_argument("--fine-tune", default="")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    np.seterr(all="raise", under="ignore")
    for seed in map(int, options.seeds.split(",")):
        measure(options, seed)


if __name__ == "__main__":
    main()
