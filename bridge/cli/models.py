"""``allornone models``."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.telling import errors_told

EXAMPLES = """
[bold]Examples[/bold]

  allornone models

  allornone models lenet

  allornone models lstm --shape 25,12 --outputs 9
"""


def models(
    name: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Show this model's layers.")] = None,
    shape: Annotated[str, typer.Option(help="Shape of a sample, sizes separated by commas.")] = "1,28,28",
    outputs: Annotated[int, typer.Option(min=1, help="Number of classes, or of numbers to predict.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """List the architectures that can be trained, or show the layers of one."""
    with errors_told(debug):
        import ann

        if name is None:
            _list(as_json)
            return
        try:
            sizes = tuple(int(size) for size in shape.split(","))
        except ValueError:
            raise typer.BadParameter(
                f"{shape!r} is not a list of sizes such as 1,28,28", param_hint="--shape"
            ) from None
        model = ann.build(name, sizes, outputs)
        summary = model.summary()
        if as_json:
            import json

            parameters = sum(parameter.numel() for parameter in model.parameters())
            typer.echo(json.dumps({"model": name, "parameters": parameters, "summary": summary.splitlines()}))
        else:
            typer.echo(summary)


def _list(as_json: bool) -> None:
    import ann

    rows = {
        name: {"what": kind.what, "since": kind.since, "samples": kind.samples, "task": kind.task}
        for name, kind in ann.MODELS.items()
    }
    if as_json:
        import json

        typer.echo(json.dumps(rows))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "what it is", "since", "takes", "learns to", box=None)
    for name, row in rows.items():
        table.add_row(name, row["what"], row["since"], row["samples"], row["task"])
    Console().print(table)
