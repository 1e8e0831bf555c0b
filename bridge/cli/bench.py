"""``allornone bench``."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.telling import errors_told

EXAMPLES = """
[bold]Examples[/bold]

  allornone bench brunel

  allornone bench pd14 --scale 0.1 --drive poisson --threads 2

  allornone bench cuba --sim-ms 5000 --json >> results.jsonl
"""


def bench(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="brunel, coba, cuba, fly, pd14 or sparse.")],
    threads: Annotated[int, typer.Option(min=1, help="Threads; they never change the spikes.")] = 1,
    scale: Annotated[float, typer.Option(help="Size of the network; 1 is the paper's.")] = 1.0,
    sim_ms: Annotated[float, typer.Option(help="Simulated time to measure, in ms.")] = 1_000.0,
    warm_ms: Annotated[float, typer.Option(help="Simulated time before that, in ms.")] = 100.0,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the network and its input.")] = 1,
    engine: Annotated[str, typer.Option(help="Engine, as snn.Simulation takes it.")] = "grid",
    drive: Annotated[str | None, typer.Option(help="Input of pd14: poisson (by default) or dc.")] = None,
    variant: Annotated[
        str | None, typer.Option(help="Synapses of sparse: delta (by default), exponential, two, delays or two-delays.")
    ] = None,
    weight_bits: Annotated[int, typer.Option(help="Bits of a weight, 32, 24 or 16.")] = 32,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of a table.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Measure how fast a network of the literature runs, and what it does.

    The real-time factor is wall seconds for a second of biological time, after compilation and a warm-up. Synaptic
    events are those between neurons, without Poisson input. Compare only what ran one after the other on the same
    machine, with nothing else running.
    """
    from bridge.bench import measure, print_measurement

    with errors_told(debug):
        result = measure(
            network,
            threads=threads,
            scale=scale,
            warm_ms=warm_ms,
            sim_ms=sim_ms,
            seed=seed,
            engine=engine,
            drive=drive,
            variant=variant,
            weight_bits=weight_bits,
        )
        if as_json:
            import json

            typer.echo(json.dumps(result))
        else:
            print_measurement(result)
