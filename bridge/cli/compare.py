"""``allornone compare``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.subjects import check_directory
from bridge.cli.telling import cores, errors_told

if TYPE_CHECKING:
    import ann
    from bridge.comparison.compare import Comparison, Subject

EXAMPLES = """
[bold]Examples[/bold]

  allornone compare

  allornone compare --model mlp --steps 4,32 --seed 1

  allornone compare --seeds 10 --margin 1

  allornone compare --data mnist --data-dir ~/mnist --no-robustness --out mnist-report

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
    seed: Annotated[
        int, typer.Option(min=0, help="Fixes the split, the weights, the order of training and all noise.")
    ] = 0,
    seeds: Annotated[
        int, typer.Option(min=1, help="How many trainings to compare, with seeds from --seed on; 10 are telling.")
    ] = 1,
    margin: Annotated[
        float, typer.Option(help="Points of accuracy that count as no difference, in the tests of equivalence.")
    ] = 0.5,
    robustness: Annotated[
        bool, typer.Option(help="Whether to try noise, occlusion, lesions and coarse weights, too.")
    ] = True,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; by default as many as there are cores.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report; trained weights are kept there, too.")] = Path(
        "allornone-report"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead of a table.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Train a network, round it, convert it, train a spiking one, and compare all of them on the same images.

    Writes report.html, comparison.json and comparison.h5 to the output folder. Weights trained by an earlier run with
    the same settings are loaded from there instead of trained again.
    """
    with errors_told(debug):
        options = {"samples": samples, "epochs": epochs, "threads": threads or cores()}
        _compare(data, data_dir, model, steps, seed, seeds, margin, robustness, out, as_json, **options)


def _compare(
    data_name: str,
    data_dir: Path | None,
    model: str,
    steps: str,
    seed: int,
    seeds: int,
    margin: float,
    robustness: bool,
    out: Path,
    as_json: bool,
    samples: int | None,
    epochs: int | None,
    threads: int,
) -> None:
    from bridge import files

    wanted = _parse_steps(steps)
    if not 0 < margin < 100:
        raise typer.BadParameter(f"{margin:g} is not above 0 and below 100 points", param_hint="--margin")
    import torch  # here and below: the command's help should not wait for PyTorch

    import ann
    from ann.checks import check_seed
    from bridge.comparison.report import render
    from bridge.comparison.seeds import summarise
    from bridge.comparison.terminal import print_table

    if model not in ann.TWINS:
        raise typer.BadParameter(f"{model!r} is not one of {', '.join(ann.TWINS)}", param_hint="--model")
    known = [name for kind, name in ann.RECIPES if kind == model]  # the data sets of images, with settings that train
    if data_name not in known:
        raise typer.BadParameter(f"{data_name!r} is not one of {', '.join(known)}", param_hint="--data")
    check_directory(data_name, data_dir)
    check_seed(seed + seeds - 1)
    data = ann.load(data_name, directory=data_dir, seed=seed)
    available = len(data.y_test)
    samples = samples or (min(1000, available) if data_name == "mnist" else available)
    if samples > available:
        raise typer.BadParameter(f"{samples} is more than the {available} test images", param_hint="--samples")
    files.check_folder(out)
    torch.set_num_threads(threads)
    comparisons = []
    for s in range(seed, seed + seeds):
        data = data if s == seed else ann.load(data_name, directory=data_dir, seed=s)
        settings: dict[str, Any] = {"data": data_name, "model": model, "epochs": epochs, "seed": s}
        artificial, spiking = (
            _train_or_load(name, data, epochs, s, out / "weights", settings | {"model": name})
            for name in (model, ann.TWINS[model])
        )
        settings |= {"steps": list(wanted), "samples": samples, "threads": threads, "margin": margin}
        options = {"steps": wanted, "samples": samples, "margin": margin / 100, "perturbed": robustness}
        options |= {"seed": s, "threads": threads, "settings": settings}
        comparisons.append(_run(artificial, spiking, data, options))
    comparison = comparisons[0]
    if seeds > 1:
        found = [one.results for one in comparisons]
        comparison.results["seeds"] = summarise(found, list(range(seed, seed + seeds)), margin / 100)
    files.write(comparison, out, render)
    if as_json:
        import json

        typer.echo(json.dumps(comparison.results, indent=2))
    else:
        print_table(comparison.results)
        typer.echo(f"Report: {out / files.REPORT}")


def _run(artificial: Subject, spiking: Subject, data: ann.Dataset, options: dict[str, Any]) -> Comparison:
    """Compare, with a progress bar."""
    from bridge.comparison.compare import compare as run_comparison
    from bridge.comparison.perturbations import PERTURBATIONS

    runs = 2 * len(options["steps"]) + (spiking.module.steps not in options["steps"])
    if options["perturbed"]:
        runs += sum(len(perturbation.strengths) * perturbation.draws for perturbation in PERTURBATIONS)
    with _bar(options["samples"] * runs) as report:
        return run_comparison(artificial, spiking, data, report=report, **options)


def _train_or_load(
    name: str, data: ann.Dataset, epochs: int | None, seed: int, folder: Path, settings: dict[str, Any]
) -> Subject:
    """Return a trained network: with the weights of an earlier run of the same settings, if there are any."""
    import ann
    from bridge.comparison.compare import Subject

    module = ann.build(name, data.shape, data.n_classes, seed=seed)
    path = folder / f"{name}-{seed}.pt"
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
