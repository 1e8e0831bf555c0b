"""``allornone simulate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.telling import errors_told

EXAMPLES = """
[bold]Examples[/bold]

  allornone simulate net.py

  allornone simulate net.py --duration 5000 --threads 4 --out spikes.h5

  allornone simulate net.py --engine exact

where net.py is, for example,

  import snn

  network = snn.networks.brunel(scale=0.2, epsilon=0.5)
"""


def simulate(
    file: Annotated[Path, typer.Argument(help="A Python file that defines the network.", metavar="FILE.py")],
    duration: Annotated[float, typer.Option(help="In ms, a multiple of dt.")] = 1_000.0,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the spikes (SONATA); by default FILE.h5 in this folder.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads; they never change the spikes.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of random input; by default the network's.")] = None,
    dt: Annotated[float | None, typer.Option(help="Step of the grid engine in ms, 0.1 by default.")] = None,
    engine: Annotated[str, typer.Option(help="grid, exact or auto; see docs/engines.md.")] = "grid",
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Run the network that a Python file describes, and write its spikes.

    The file defines `network`, an snn.Network or a function that returns one, or else such a function `build`. It is
    run as a program, with all that it does; what it has under `if __name__ == "__main__":` is not. Ctrl-C ends the
    simulation early: what was simulated until then is written, and the exit code is 130.
    """
    from bridge.simulate import load, print_summary, run

    with errors_told(debug):
        path = out or Path(f"{file.stem}.h5")
        network = load(file)
        recording, interrupted = run(network, duration, path, threads, seed, dt, engine=engine, bar=sys.stderr.isatty())
        print_summary(recording, path)
        if interrupted:
            typer.echo(f"interrupted at {recording.stop:g} of {duration:g} ms", err=True)
            raise typer.Exit(130)
