"""Speed of an event-exact network on MNIST: images a second, all spikes and operations counted; a JSON line a case.

The CNN of `ann` (5 x 5 x 16, max-pooling, 5 x 5 x 32, average pooling, dense) is converted by event with K levels, and
its quantised twin says whether all answers are exact. Times are of `EventConverted.run`, from images to answers.

Run: python benchmarks/event_speed.py --data-dir FOLDER --weights cnn.pt
"""

import argparse
import json
import time

import numpy as np

import ann
import bridge

IMAGES = 2000


def main() -> None:
    """Print a JSON line for every batch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--weights", help="file of weights of `ann`; without one the network is trained for an epoch")
    parser.add_argument("--levels", type=int, default=8)
    parser.add_argument("--batches", default="1,100")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    data = ann.load("mnist", directory=options.data_dir)
    model = ann.build_for("cnn", data)
    if options.weights:
        ann.load_weights(model, options.weights)
    else:
        ann.fit(model, data, epochs=1)
    converted = bridge.convert(model.eval(), data.x_train, method="event", levels=options.levels)
    for batch in map(int, options.batches.split(",")):
        images = data.x_test[: IMAGES if batch > 1 else 200]
        threads = min(options.threads, batch)
        answer = converted.run(images, threads=threads, batch=batch)
        times = np.zeros((options.repeats, 2))
        for i in range(options.repeats):
            wall, processor = time.perf_counter(), time.process_time()
            converted.run(images, threads=threads, batch=batch)
            times[i] = time.perf_counter() - wall, time.process_time() - processor
        wall, processor = np.median(times, axis=0)
        line = {
            "benchmark": "event speed",
            "levels": options.levels,
            "batch": batch,
            "threads": threads,
            "accuracy": round(float((answer.classes == data.y_test[: len(images)]).mean()), 4),
            "exact": bool(np.array_equal(answer.scores, converted.twin(images))),
            "spikes_an_image": round(float(answer.spikes.sum() / len(images)), 1),
            "operations_an_image": round(float(answer.synaptic_events.mean())),
            "images_per_s": round(len(images) / wall, 1),
            "images_per_s_best": round(len(images) / times[:, 0].min(), 1),
            "cpu_ms_an_image": round(1e3 * processor / len(images), 4),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
