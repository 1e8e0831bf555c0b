"""``allornone data``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.subjects import check_directory
from bridge.cli.telling import errors_told

EXAMPLES = """
[bold]Examples[/bold]

  allornone data

  allornone data iris

  allornone data fashion-mnist --data-dir ~/fashion --download
"""


def data(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this data set.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the data set's files, where it needs one.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch files that are not there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """List the data sets, or load one and say what is in it.

    Nothing is fetched from the network unless asked for; what is fetched is checked by its published sum.
    """
    with errors_told(debug):
        import ann
        from ann.data import BUNDLED, SOURCES

        found: dict[str, object] = {
            each: "comes along"
            if each in BUNDLED
            else "can be fetched"
            if each in SOURCES
            else "from a folder of yours"
            for each in ann.DATASETS
        }
        if name is not None:
            check_directory(name, data_dir)
            loaded = ann.load(name, data_dir, download=download)
            found = {
                "name": loaded.name,
                "train": len(loaded.x_train),
                "validation": len(loaded.x_validation),
                "test": len(loaded.x_test),
                "shape": list(loaded.shape),
                "outputs": loaded.n_outputs,
                "classes": list(loaded.classes),
            }
        if as_json:
            import json

            typer.echo(json.dumps(found))
            return
        width = max(map(len, found))
        for key, value in found.items():
            shown = ", ".join(repr(part) for part in value) if isinstance(value, list) else value
            typer.echo(f"{key.ljust(width)}  {shown}")
