"""``allornone info``."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.telling import errors_told


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Show versions, threads, devices, Numba's cache, and where snn, ann and bridge come from.

    PyPI has unrelated packages named snn and ann that install folders of the same names; the last lines tell whether
    the ones that Python finds are this distribution's.
    """
    from bridge.information import gather, print_information

    with errors_told(debug):
        found = gather()
        if as_json:
            import json

            typer.echo(json.dumps(found, indent=2))
        else:
            print_information(found)
        if found["foreign"]:
            raise typer.Exit(1)
