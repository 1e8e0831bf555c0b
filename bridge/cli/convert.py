"""``allornone convert``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.subjects import load_data, load_module
from bridge.cli.telling import cores, errors_told
from bridge.convert import MOST

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

EXAMPLES = """
[bold]Examples[/bold]

  allornone convert cnn --steps 8 --out digits

  allornone convert lenet-digits/weights.pt --method event --levels 16 --out lenet

  allornone convert lstm --data japanese-vowels --data-dir ~/vowels --method event --allow LSTM --out vowels

  allornone convert net.py:build --weights net.pt --data samples.npz --out mine

where weights.pt is of allornone train, net.py defines a function build that returns a torch.nn.Module, and net.pt is
written by torch.save(module.state_dict(), "net.pt").
"""
_FEW = 16  # samples to try a conversion on
NETWORK, PAGE, RESULTS = "network.nir", "report.html", "report.json"


def convert(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Architecture (`allornone models` lists them), a file of weights by `allornone train`, an .onnx "
            "file, or FILE.py:FUNCTION, a function that returns a torch.nn.Module.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the network and its report.")],
    weights: Annotated[
        Path | None, typer.Option(help="Weights of the architecture or the function's module; else it is trained.")
    ] = None,
    data: Annotated[
        str, typer.Option(help="Data set (`allornone data` lists them), a .csv or .npz file, or a folder of pictures.")
    ] = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the data set's files, where it needs one.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch files that are not there.")] = False,
    target: Annotated[str | None, typer.Option(help="Column of a .csv file to tell.")] = None,
    method: Annotated[str, typer.Option(help="rate (clocked, T steps) or event (asynchronous, K levels).")] = "rate",
    steps: Annotated[int | None, typer.Option(min=1, max=MOST, help="Time steps T of rate; 32 by default.")] = None,
    levels: Annotated[int | None, typer.Option(min=1, max=MOST, help="Levels K of event; 32 by default.")] = None,
    allow: Annotated[
        str | None, typer.Option(help="What event may say by graded spikes: product, or kinds or names of nodes.")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Test samples to measure on, at most.")] = 100,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes of a training; by default what suits the model.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the split, the weights and the order of training.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; by default as many as there are cores.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON instead of text.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Convert a trained network into a spiking one, and say of every node what became of it and how far it is off.

    Writes report.html and report.json to the output folder, and the network as network.nir where NIR can say it, which
    it cannot by event. What cannot be converted is refused by name, with exit code 1; wrong arguments end with 2.
    """
    with errors_told(debug):
        if method not in ("rate", "event"):
            raise typer.BadParameter(f"{method!r} is neither rate nor event", param_hint="--method")
        for option, value, of in (("steps", steps, "rate"), ("levels", levels, "event"), ("allow", allow, "event")):
            if value is not None and method != of:
                raise typer.BadParameter(f"is for --method {of}; leave it out", param_hint=f"--{option}")
        import torch

        import bridge
        from bridge import files

        loaded = load_data(data, data_dir, download, target, seed)
        files.check_folder(out)
        torch.set_num_threads(threads or cores())
        allowed = tuple(name.strip() for name in allow.split(",")) if allow else ()

        def made(module: nn.Module, samples: np.ndarray) -> Any:
            if method == "rate":
                return bridge.convert(module, samples, steps=steps or 32)
            return bridge.convert(module, samples, method="event", levels=levels or 32, allow=allowed)

        # What cannot be converted is known before it is trained.
        module = load_module(model, weights, loaded, epochs, seed, lambda module: made(module, loaded.x_train[:_FEW]))
        typer.echo(f"Converting by {method}, on samples of {loaded.name}", err=True)
        converted = made(module, loaded.x_train)
        x, y = loaded.x_test[:samples], loaded.y_test[:samples] if loaded.classes else None
        typer.echo(f"Measuring on {len(x):,} test samples", err=True)
        report = converted.measure(x, y, threads=threads or cores())
        report.save_html(out / PAGE)
        report.save_json(out / RESULTS)
        typer.echo((out / RESULTS).read_text(encoding="utf-8") if as_json else str(report))
        written = [PAGE, RESULTS, *_network(converted, out)]
        typer.echo(f"written to {out}: {', '.join(written)}", err=True)


def _network(converted: Any, out: Path) -> list[str]:
    """Write the network, if NIR can say it; what it leaves out is told."""
    import bridge

    try:
        notes = bridge.to_nir(converted, out / NETWORK)
    except bridge.ConversionError as error:
        (out / NETWORK).unlink(missing_ok=True)  # of an earlier run
        typer.echo(f"{NETWORK} is not written: {error}", err=True)
        return []
    for note in notes:
        typer.echo(f"{NETWORK}: {note}", err=True)
    return [NETWORK]
