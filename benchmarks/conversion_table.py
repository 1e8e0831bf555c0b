"""Train every architecture on the digits, convert it by rate and by event, and say what came of it: a JSON line each.

Run: python benchmarks/conversion_table.py [MODEL ...] [--seed 0] [--samples 100] [--steps 32] [--levels 32]
     python benchmarks/conversion_table.py --markdown results.jsonl   # the table of these lines

Classifiers: accuracy on the first test images, and how often the network says the same. Autoencoders and the Boltzmann
machine (by way of its hidden units): mean squared error of what comes back. Generators: mean squared distance of what
they draw from what the artificial network draws of the same noise. Spiking networks are not converted but taken over.
What is refused says why. By event, what products need (graded events) is allowed only where it is refused without;
"graded" then says so.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

import ann
import bridge

CALIBRATION = 1_000  # samples of noise that a generator is converted with


def judge(outputs, model, data, reference):
    """Return what outputs for the first test samples, or for noise, are worth."""
    count = len(outputs)
    if isinstance(model, ann.models.AdversarialNetwork):
        return {"distance": float(((outputs.reshape(count, -1) - reference.reshape(count, -1)) ** 2).mean())}
    if isinstance(model, ann.models.BoltzmannMachine):
        with torch.no_grad():
            outputs = model.visible(torch.tensor(outputs, dtype=torch.float32)).numpy()
    elif outputs.shape[1:] == (data.n_classes,):
        told = outputs.argmax(axis=1)
        right = float((told == data.y_test[:count]).mean())
        return {"accuracy": right, "agreement": float((told == reference.argmax(axis=1)).mean())}
    return {"error": float(((outputs.reshape(count, -1) - data.x_test[:count].reshape(count, -1)) ** 2).mean())}


def attempt(convert, x, model, data, reference):
    """Convert and run; returns what came of it, or why it was refused."""
    begun = time.perf_counter()
    try:
        answer = convert().run(x)
    except (bridge.BridgeError, bridge.ValidationError) as error:
        return {"refused": str(error)}
    return judge(np.asarray(answer.scores), model, data, reference) | {"seconds": time.perf_counter() - begun}


def samples_of(model, data, count, seed):
    """Return what a model is converted with, and what it is judged by."""
    if not isinstance(model, ann.models.AdversarialNetwork):
        return data.x_train, data.x_test[:count]
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(CALIBRATION + count, model.latent))
    asked = np.eye(model.classes)[rng.integers(model.classes, size=len(noise))] if model.classes else noise[:, :0]
    noise = np.concatenate([noise, asked], axis=1).astype(np.float32)
    return noise[count:], noise[:count]


def measure(name, data, arguments):
    """Train one architecture and convert it every way."""
    model = ann.build_for(name, data, seed=arguments.seed)
    ann.fit(model, data, seed=arguments.seed, **asdict(ann.find_recipe(name, data)))
    known, x = samples_of(model, data, arguments.samples, arguments.seed)
    reference = ann.evaluate(model, x)
    found = {"model": name, "samples": len(x), "artificial": judge(reference, model, data, reference)}
    judged = x, model, data, reference
    if isinstance(model, ann.SpikingNetwork):
        return found | {"taken over": attempt(lambda: bridge.take_over(model, x), *judged)}
    event = {"method": "event", "levels": arguments.levels}
    found["rate"] = attempt(lambda: bridge.convert(model, known, method="rate", steps=arguments.steps), *judged)
    found["event"] = attempt(lambda: bridge.convert(model, known, **event), *judged)
    if "refused" in found["event"]:
        graded = attempt(lambda: bridge.convert(model, known, **event, allow=("product",)), *judged)
        if "refused" not in graded:
            found["event"] = graded | {"graded": True}
    return found


def markdown(lines):
    """Return the table of results in Markdown, and under it why what was refused was."""

    def cell(found):
        if found is None:
            return ""
        if "refused" in found:
            return "no"
        value = f"{100 * found['accuracy']:.1f} %" if "accuracy" in found else ""
        value += "".join(f"{kind} {found[kind]:.4f}" for kind in ("error", "distance") if kind in found)
        return value + (", graded" if found.get("graded") else "")

    ways = ("artificial", "rate", "event", "taken over")
    rows = ["| model | artificial | by rate | by event | taken over |", "|---|---|---|---|---|"]
    reasons = []
    for line in lines:
        rows.append(f"| `{line['model']}` | " + " | ".join(cell(line.get(way)) for way in ways) + " |")
        for way in ways:
            if "refused" in line.get(way, {}):
                reasons.append(f"- `{line['model']}` by {way}: {line[way]['refused']}")
    return "\n".join([*rows, "", *reasons])


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(ann.MODELS), metavar="MODEL", help="by default all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--levels", type=int, default=32)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="print the table of a file of results, and end")
    arguments = parser.parse_args()
    if arguments.markdown:
        print(markdown([json.loads(line) for line in arguments.markdown.read_text().splitlines()]))
        return
    torch.set_num_threads(1)
    data = ann.load("digits", seed=arguments.seed)
    for name in arguments.models:
        print(json.dumps(measure(name, data, arguments)), flush=True)


if __name__ == "__main__":
    main()
