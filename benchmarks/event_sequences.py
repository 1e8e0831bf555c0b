"""Sequences: recurrent networks and a transformer converted by event, against their quantised twin; JSON lines.

Digits are read row by row, 8 rows of 8; Japanese vowels (Kudo, Toyama and Shimbo, 1999) are 25 times 12 cepstral
coefficients of nine speakers. Each network is trained by its recipe in `ann`, converted with K levels, and run on all
test samples. Told are the accuracies of network, twin and spiking network, and in how many samples the last two differ.

Run: python benchmarks/event_sequences.py --vowels FOLDER
"""

import argparse
import json
import time
from dataclasses import asdict

import numpy as np
import torch

import ann
import bridge


def report(data: ann.Dataset, kind: str, levels: int) -> dict:
    """Train, convert and run one network."""
    module = ann.build(kind, data.shape, data.n_classes, seed=0)
    ann.fit(module, data, seed=0, **asdict(ann.find_recipe(kind, data)))
    x, y = np.asarray(data.x_test, np.float64), np.asarray(data.y_test)
    begun = time.process_time()
    converted = bridge.convert(module, np.asarray(data.x_train), method="event", levels=levels, allow=("product",))
    converting = time.process_time() - begun
    begun = time.process_time()
    inference = converted.run(x)
    running = time.process_time() - begun
    twin = converted.twin(x)
    return {
        "data": data.name,
        "network": kind,
        "levels": levels,
        "samples": len(x),
        "accuracy": round(100 * ann.accuracy(module, data.x_test, data.y_test), 2),
        "twin": round(100 * float((twin.argmax(axis=1) == y).mean()), 2),
        "spiking": round(100 * float((inference.classes == y).mean()), 2),
        "samples_that_differ": int((inference.scores != twin).any(axis=1).sum()),
        "events_a_sample": round(float(inference.spikes.sum() / len(x))),
        "populations": len(converted.network.populations),
        "processor_seconds_to_convert": round(converting, 1),
        "processor_ms_a_sample": round(1e3 * running / len(x), 2),
    }


def main() -> None:
    """Print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vowels", metavar="FOLDER", help="with the files of Japanese vowels; without it digits only")
    parser.add_argument("--networks", nargs="+", default=["lstm", "gru", "rnn", "bidirectional", "transformer"])
    parser.add_argument("--levels", type=int, default=32)
    given = parser.parse_args()
    torch.set_num_threads(1)
    every = [ann.load("digits")] + ([ann.load("japanese-vowels", given.vowels)] if given.vowels else [])
    for kind in given.networks:
        for data in every:
            print(json.dumps(report(data, kind, given.levels)), flush=True)


if __name__ == "__main__":
    main()
