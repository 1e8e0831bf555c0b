"""Train every architecture on the digits, convert it by rate and by event, and say what came of it: a JSON line each.

Run: python benchmarks/conversion_table.py [MODEL ...] [--seed 0] [--samples 100] [--steps 32] [--levels 32]
     python benchmarks/conversion_table.py --markdown results.jsonl   # the table of these lines

Classifiers: accuracy on the first test images, and how often the network says the same. Autoencoders: mean squared
error of what comes back. What is refused says why. By event, what products need (graded events) is allowed only where
it is refused without; "graded" then says so.
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

# Generators take noise, and what the spiking networks are is taken over spike for spike instead.
MODELS = [name for name, kind in ann.MODELS.items() if kind.task != "generate" and not name.startswith("spiking")]


def judge(outputs, data, reference):
    """Return what outputs for the first test samples are worth."""
    count = len(outputs)
    if outputs.shape[1:] == (data.n_classes,):
        told = outputs.argmax(axis=1)
        right = float((told == data.y_test[:count]).mean())
        return {"accuracy": right, "agreement": float((told == reference.argmax(axis=1)).mean())}
    return {"error": float(((outputs.reshape(count, -1) - data.x_test[:count].reshape(count, -1)) ** 2).mean())}


def attempt(model, data, reference, **options):
    """Convert and run; returns what came of it, or why it was refused."""
    begun = time.perf_counter()
    try:
        converted = bridge.convert(model, data.x_train, **options)
        answer = converted.run(data.x_test[: len(reference)])
    except (bridge.BridgeError, bridge.ValidationError) as error:
        return {"refused": str(error)}
    return judge(np.asarray(answer.scores), data, reference) | {"seconds": time.perf_counter() - begun}


def measure(name, data, arguments):
    """Train one architecture and convert it every way."""
    model = ann.build_for(name, data, seed=arguments.seed)
    ann.fit(model, data, seed=arguments.seed, **asdict(ann.find_recipe(name, data)))
    reference = ann.evaluate(model, data.x_test[: arguments.samples])
    found = {"model": name, "samples": len(reference), "artificial": judge(reference, data, reference)}
    found["rate"] = attempt(model, data, reference, method="rate", steps=arguments.steps)
    found["event"] = attempt(model, data, reference, method="event", levels=arguments.levels)
    if "refused" in found["event"]:
        graded = attempt(model, data, reference, method="event", levels=arguments.levels, allow=("product",))
        if "refused" not in graded:
            found["event"] = graded | {"graded": True}
    return found


def markdown(lines):
    """Return the table of results in Markdown, and under it why what was refused was."""

    def cell(found):
        if "refused" in found:
            return "no"
        value = f"{100 * found['accuracy']:.1f} %" if "accuracy" in found else f"error {found['error']:.4f}"
        return value + (", graded" if found.get("graded") else "")

    rows = ["| model | artificial | by rate | by event |", "|---|---|---|---|"]
    reasons = []
    for line in lines:
        rows.append(
            f"| `{line['model']}` | " + " | ".join(cell(line[way]) for way in ("artificial", "rate", "event")) + " |"
        )
        reasons += [
            f"- `{line['model']}` by {way}: {line[way]['refused']}"
            for way in ("rate", "event")
            if "refused" in line[way]
        ]
    return "\n".join([*rows, "", *reasons])


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL", help="by default all that take samples")
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
