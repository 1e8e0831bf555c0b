"""``allornone compare``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.telling import cores, errors_told

if TYPE_CHECKING:
    import ann
    from bridge.compare import Subject

EXAMPLES = """
[bold]Examples[/bold]

  allornone compare

  allornone compare --model mlp --steps 4,32 --seed 1

  allornone compare --data mnist --data-dir ~/mnist --out mnist-report

  allornone compare --json > result.json
"""


def compare(
    data: Annotated[str, typer.Option(help="Data set: digits (bundled with scikit-learn) or mnist.")] = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the data set's files, for mnist.")] = None,
    model: Annotated[str, typer.Option(help="Architecture: cnn or mlp.")] = "cnn",
    steps: Annotated[str, typer.Option(help="Numbers of time steps T, separated by commas.")] = "1,2,4,8,16,32,64",
    samples: Annotated[
        int | None, typer.Option(min=1, help="Test images to use; by default all of digits, 1000 of mnist.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes through the training images; by default what suits the model.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the split, the weights and the order of training.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; by default as many as there are cores.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report; trained weights are kept there, too.")] = Path(
        "allornone-report"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead of a table.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Train a network, convert it, train a spiking one, and compare all three on the same images.

    Writes report.html, comparison.json and comparison.h5 to the output folder. Weights trained by an earlier run with
    the same settings are loaded from there instead of trained again.
    """
    with errors_told(debug):
        _compare(data, data_dir, model, steps, samples, epochs, seed, threads or cores(), out, as_json)


def _compare(
    data_name: str,
    data_dir: Path | None,
    model: str,
    steps: str,
    samples: int | None,
    epochs: int | None,
    seed: int,
    threads: int,
    out: Path,
    as_json: bool,
) -> None:
    from bridge import files

    wanted = _parse_steps(steps)
    import torch  # here and below: the command's help should not wait for PyTorch

    import ann
    from bridge.compare import compare as run_comparison
    from bridge.report import render
    from bridge.table import print_table

    if model not in ann.TWINS:
        raise typer.BadParameter(f"{model!r} is not one of {', '.join(ann.TWINS)}", param_hint="--model")
    if data_name not in ann.DATASETS:
        raise typer.BadParameter(f"{data_name!r} is not one of {', '.join(ann.DATASETS)}", param_hint="--data")
    data = ann.load(data_name, directory=data_dir, seed=seed)
    available = len(data.y_test)
    samples = samples or (min(1000, available) if data_name == "mnist" else available)
    if samples > available:
        raise typer.BadParameter(f"{samples} is more than the {available} test images", param_hint="--samples")
    files.check_folder(out)
    torch.set_num_threads(threads)
    settings: dict[str, Any] = {"data": data_name, "model": model, "epochs": epochs, "seed": seed}
    artificial, spiking = (
        _train_or_load(name, data, epochs, seed, out / "weights", settings | {"model": name})
        for name in (model, ann.TWINS[model])
    )
    settings |= {"steps": list(wanted), "samples": samples, "threads": threads}
    with _bar(samples * (len(wanted) * 2 + (spiking.module.steps not in wanted))) as report:
        comparison = run_comparison(
            artificial, spiking, data, steps=wanted, samples=samples, threads=threads, settings=settings, report=report
        )
    files.write(comparison, out, render)
    if as_json:
        import json

        typer.echo(json.dumps(comparison.results, indent=2))
    else:
        print_table(comparison.results)
        typer.echo(f"Report: {out / files.REPORT}")


def _train_or_load(
    name: str, data: ann.Dataset, epochs: int | None, seed: int, folder: Path, settings: dict[str, Any]
) -> Subject:
    """Return a trained network: with the weights of an earlier run of the same settings, if there are any."""
    import ann
    from bridge.compare import Subject

    module = ann.build(name, data.shape, data.n_classes, seed=seed)
    path = folder / f"{name}.pt"
    if path.is_file() and ann.load_metadata(path).get("settings") == settings:
        typer.echo(f"Loading {name} from {path}", err=True)
        metadata = ann.load_weights(module, path)
        return Subject(module, name, metadata["training"] | {"loaded": str(path)})
    recipe = ann.find_recipe(name, data)
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    typer.echo(f"Training {name} on {len(data.x_train):,} images of {data.name}, {recipe.epochs} epochs", err=True)
    record = ann.fit(module, data, seed=seed, report="bar" if sys.stderr.isatty() else None, **asdict(recipe))
    training = {"epochs": len(record.train_loss), "seconds": record.seconds}
    folder.mkdir(exist_ok=True)
    ann.save_weights(module, path, {"settings": settings, "training": training})
    return Subject(module, name, training)


def _parse_steps(text: str) -> tuple[int, ...]:
    try:
        steps = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list of integers such as 4,16,64", param_hint="--steps") from None
    if min(steps) < 1:
        raise typer.BadParameter(
            f"{min(steps)} is not a number of time steps; give integers >= 1", param_hint="--steps"
        )
    return tuple(sorted(set(steps)))


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    """Show a progress bar over all images of all runs; yields the function to report to."""
    from tqdm import tqdm

    finished: dict[str, int] = {}
    with tqdm(total=total, unit="image", disable=not sys.stderr.isatty()) as bar:

        def report(what: str, done: int, of: int) -> None:
            bar.set_description(what)
            bar.update(done - finished.get(what, 0))
            finished[what] = done

        yield report
