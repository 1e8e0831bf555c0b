"""Train every kind of spiking network on the digits, take it over, and count the spikes that differ: a JSON line each.

Run: python benchmarks/taken_over.py [--seed 0] [--epochs 5] [--samples 100]

The networks compute in float32, the engine in float64 with weights rounded to 32 bits. "spikes" are those of all layers
and steps, "differing" how many of the engine's were not the module's or the other way round; "accuracy" is of all test
samples in PyTorch, "taken_over" that of the first ones on the engine.
"""

import argparse
import itertools
import json
from dataclasses import asdict, replace

import numpy as np
import torch

import ann
import bridge

MODELS = ("spiking-mlp", "spiking-cnn", "spiking-rnn")
JUMPS = {"leaky": 0.0, "adaptive": 0.2}


def spikes_of(model, x):
    """Return for each layer of neurons whether each fired, (steps, samples, ...)."""
    told, hooks = {}, []
    for name, layer in model.body.named_modules():
        if isinstance(layer, ann.SoftResetLeaky):
            of = told.setdefault(name.removesuffix(".neurons"), [])
            hooks.append(layer.register_forward_hook(lambda _, __, fired, of=of: of.append(fired > 0)))
    with torch.no_grad():
        model(torch.as_tensor(x))
    for hook in hooks:
        hook.remove()
    return {name: torch.stack(steps).numpy() for name, steps in told.items()}


def measure(name, neurons, encoding, data, arguments):
    """Train one network and take it over."""
    model = ann.build_for(name, data, seed=arguments.seed, jump=JUMPS[neurons], encoding=encoding)
    recipe = ann.find_recipe(name, data)
    epochs = min(recipe.epochs, arguments.epochs)
    ann.fit(model, data, seed=arguments.seed, **asdict(replace(recipe, epochs=epochs)))
    x, y = data.x_test[: arguments.samples], data.y_test[: arguments.samples]
    taken = bridge.take_over(model, x)
    recording = taken.simulate(taken.simulation(len(x)), x)
    spikes = differing = 0
    for layer, expected in spikes_of(model, x).items():
        known = next(one for one in taken.layers if one.name == layer)
        record = recording.spikes[layer]
        found = np.zeros((model.steps, len(x), np.prod(known.shape)), bool)
        found[record.steps - known.first, record.samples, record.neurons] = True
        found = np.moveaxis(found.reshape(model.steps, len(x), *known.shape), -1, 2)
        spikes += int(expected.sum())
        differing += int((found != expected).sum())
    return {
        "model": name,
        "neurons": neurons,
        "encoding": encoding,
        "epochs": epochs,
        "accuracy": ann.accuracy(model, data.x_test, data.y_test),
        "taken_over": float((taken.run(x).classes == y).mean()),
        "spikes": spikes,
        "differing": differing,
    }


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=5, help="at most; the recipes have 20 to 30")
    parser.add_argument("--samples", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = ann.load("digits", seed=arguments.seed)
    for kind in itertools.product(MODELS, JUMPS, ("rate", "latency", "delta")):
        print(json.dumps(measure(*kind, data, arguments)), flush=True)


if __name__ == "__main__":
    main()
