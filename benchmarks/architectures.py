"""Train every architecture on the digits, and say how good it is and how long it took: a JSON line each.

Seconds of training are told by the clock and by the processor, which on a busy machine is the better measure.

Run: python benchmarks/architectures.py [MODEL ...] [--seed 0] [--threads 2]
     python benchmarks/architectures.py lenet resnet --data mnist --data-dir FOLDER --checkpoints OUT   # goes on there

Classifiers: accuracy on the test part. Autoencoders: mean squared error on the test part, beside that of principal
components as many as the code has numbers; the denoising one also on noisy samples, beside what the components make of
these; and how pure the clusters are that k-means finds in the code, in the components and in the samples themselves.
Boltzmann machine: the same by way of its hidden units. Generators: what a separately trained convolutional network
(with another seed) says of their samples: how often it sees the class asked for, or the shares of the classes.
Last, "evolved-step-mlp": 64 step functions taught by an evolution strategy.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

import ann

SAMPLES = 1_000  # drawn of every generator
EVOLVED = "evolved-step-mlp"


def judge_reconstruction(name, model, data):
    """Return the mean squared errors of a model and of principal components."""
    x = data.x_test
    if name == "rbm":
        with torch.no_grad():
            return {"error": float(((model.reconstruct(torch.tensor(x)).numpy() - x) ** 2).mean())}
    with torch.no_grad():
        code = model.encode(torch.tensor(x)).numpy()
    components = ann.principal_components(data.x_train, code.shape[1])
    found = {
        "code": code.shape[1],
        "error": float(((ann.evaluate(model, x) - x) ** 2).mean()),
        "error_pca": float(((components.reconstruct(x) - x) ** 2).mean()),
        "purity": ann.purity(ann.k_means(code, data.n_classes), data.y_test),
        "purity_pca": ann.purity(ann.k_means(components.encode(x), data.n_classes), data.y_test),
        "purity_samples": ann.purity(ann.k_means(x, data.n_classes), data.y_test),
    }
    if name == "denoising":
        noisy = x + np.random.default_rng(0).normal(0, model.noise, x.shape).astype(np.float32)
        found["error_noisy"] = float(((ann.evaluate(model, noisy) - x) ** 2).mean())
        found["error_noisy_pca"] = float(((components.reconstruct(noisy) - x) ** 2).mean())
    return found


def judge_generation(model, data, seed):
    """Return what a separately trained classifier says of a generator's samples."""
    classifier = ann.build_for("cnn", data, seed=seed + 1)
    ann.fit(classifier, data, seed=seed + 1, **asdict(ann.find_recipe("cnn", data)))
    asked = np.arange(SAMPLES) % data.n_classes
    samples = model.sample(asked.tolist() if model.classes else SAMPLES, seed=seed).numpy()
    seen = ann.predict(classifier, samples)
    found = {"classifier": ann.accuracy(classifier, data.x_test, data.y_test)}
    if model.classes:
        return found | {"recognised": float((seen == asked).mean())}
    shares = np.bincount(seen, minlength=data.n_classes) / SAMPLES
    return found | {"least_share": float(shares.min()), "largest_share": float(shares.max())}


def measure(name, data, seed, checkpoints=None):
    """Train one architecture by its recipe and judge it."""
    model = ann.build_for(name, data, seed=seed)
    kept = {"checkpoint": checkpoints / f"{name}-{data.name}-{seed}.pt", "resume": True} if checkpoints else {}
    begun, busy = time.perf_counter(), time.process_time()
    record = ann.fit(model, data, seed=seed, **asdict(ann.find_recipe(name, data)), **kept)
    seconds = {"seconds": time.perf_counter() - begun, "processor_seconds": time.process_time() - busy}
    task = ann.MODELS[name].task
    if task == "classify":
        found = {"accuracy": ann.accuracy(model, data.x_test, data.y_test)}
    elif task == "reconstruct":
        found = judge_reconstruction(name, model, data)
    else:
        found = judge_generation(model, data, seed)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    epochs = len(record.train_loss)
    return {"model": name, "seed": seed, "parameters": parameters, "epochs": epochs, **seconds, **found}


def measure_evolution(name, data, seed):
    """Evolve a perceptron with a hidden layer of step functions and judge it."""
    model = ann.build_for("mlp", data, seed=seed, hidden=(64,), activation="step")
    begun, busy = time.perf_counter(), time.process_time()
    record = ann.evolve(model, data, seed=seed)
    seconds = {"seconds": time.perf_counter() - begun, "processor_seconds": time.process_time() - busy}
    found = {"model": name, "seed": seed, "parameters": sum(parameter.numel() for parameter in model.parameters())}
    accuracy = ann.accuracy(model, data.x_test, data.y_test)
    return found | {"generations": len(record.train_loss), **seconds, "accuracy": accuracy}


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[*ann.MODELS, EVOLVED], metavar="MODEL", help="by default all")
    parser.add_argument("--data", default="digits", choices=ann.DATASETS)
    parser.add_argument("--data-dir", metavar="FOLDER", help="where its files are, for data that do not come along")
    parser.add_argument("--checkpoints", type=Path, metavar="FOLDER", help="keep what is trained, and go on from it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    data = ann.load(arguments.data, arguments.data_dir, seed=arguments.seed)
    for name in arguments.models:
        if name == EVOLVED:
            found = measure_evolution(name, data, arguments.seed)
        else:
            found = measure(name, data, arguments.seed, arguments.checkpoints)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
