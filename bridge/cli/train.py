"""``allornone train``."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.subjects import load_data
from bridge.cli.telling import cores, errors_told

if TYPE_CHECKING:
    import ann

EXAMPLES = """
[bold]Examples[/bold]

  allornone train lenet --out lenet-digits

  allornone train gru --data japanese-vowels --data-dir ~/vowels --out vowels

  allornone train mlp --data table.csv --target species --out flowers

  allornone train resnet --data fashion-mnist --data-dir ~/fashion --download --epochs 5 --out fashion
"""


def train(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Architecture; `allornone models` lists them.")],
    out: Annotated[Path, typer.Option(help="Folder for weights, checkpoint, record and curves.")],
    data: Annotated[
        str, typer.Option(help="Data set (`allornone data` lists them), a .csv or .npz file, or a folder of pictures.")
    ] = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the data set's files, where it needs one.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch files that are not there.")] = False,
    target: Annotated[str | None, typer.Option(help="Column of a .csv file to tell.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes through the training samples; by default what suits the model.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples of an update; by default what suits.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate; by default what suits.")] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="gradient-descent, sgd, momentum, adam or nadam; by default what suits.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many epochs without a new minimum; by default never.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the split, the weights and the order of training.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    mixed_precision: Annotated[bool, typer.Option("--mixed-precision", help="Compute in bfloat16.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; by default as many as there are cores.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Train a network on a data set.

    Writes weights.pt, record.json and curves.png to the output folder, and checkpoint.pt after every epoch: the same
    command goes on where it was interrupted, to the same weights.
    """
    with errors_told(debug):
        import torch

        import ann
        from bridge import files

        loaded = load_data(data, data_dir, download, target, seed)
        module = ann.build_for(model, loaded, seed=seed)
        recipe = ann.find_recipe(model, loaded)
        given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "optimizer": optimizer}
        recipe = replace(recipe, **{name: value for name, value in given.items() if value is not None})
        files.check_folder(out)
        torch.set_num_threads(threads or cores())
        typer.echo(f"Training {model} on {len(loaded.x_train):,} samples of {loaded.name}", err=True)
        record = ann.fit(
            module,
            loaded,
            **asdict(recipe),
            patience=patience,
            seed=seed,
            device=device,
            mixed_precision=mixed_precision,
            checkpoint=out / "checkpoint.pt",
            resume=True,
            report="bar" if sys.stderr.isatty() else None,
        )
        found = {"model": model, "data": loaded.name, "seed": seed, **asdict(record), **_judge(module, loaded)}
        _write(out, module, loaded, record, found)
        for name in ("test_accuracy", "test_error"):
            if name in found:
                typer.echo(f"{name.replace('_', ' ')}: {found[name]:.4g}")
        typer.echo(f"written to {out}: weights.pt, record.json, curves.png")


def _judge(module: Any, data: ann.Dataset) -> dict[str, float]:
    """Return the accuracy on the test part, or the mean squared error of a model that predicts or reconstructs."""
    import numpy as np

    import ann

    if module.input_shape != data.shape:
        return {}  # it takes noise
    outputs = ann.evaluate(module, data.x_test)
    if data.classes and outputs.shape == (len(data.x_test), data.n_classes):
        return {"test_accuracy": ann.accuracy(module, data.x_test, data.y_test)}
    for wanted in (data.y_test, data.x_test):
        if outputs.shape == wanted.shape:
            return {"test_error": float(np.mean((outputs - wanted) ** 2))}
    return {}


def _write(out: Path, module: Any, data: ann.Dataset, record: ann.TrainingRecord, found: dict[str, Any]) -> None:
    import json

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    import ann

    ann.save_weights(module, out / "weights.pt", {"model": found["model"], "shape": data.shape, "seed": found["seed"]})
    (out / "record.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    figure = record.plot().figure
    figure.savefig(out / "curves.png")
    pyplot.close(figure)
