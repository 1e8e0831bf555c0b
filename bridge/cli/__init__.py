"""The command line: ``allornone convert``, ``compare``, ``train``, ``simulate``, ``bench`` and others, a file each."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import typer

from bridge.cli import bench, compare, convert, data, info, models, simulate, train

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    help="All-or-none spiking neurons, artificial networks beside them, and the bridge between the two.",
)


def _paragraphs(command: Callable) -> str:
    """Return a command's docstring with a line a paragraph: terminals are narrower than the source, and wrap it."""
    return "\n\n".join(" ".join(part.split()) for part in (inspect.getdoc(command) or "").split("\n\n"))


for _command, _examples in (
    (convert.convert, convert.EXAMPLES),
    (compare.compare, compare.EXAMPLES),
    (train.train, train.EXAMPLES),
    (models.models, models.EXAMPLES),
    (data.data, data.EXAMPLES),
    (simulate.simulate, simulate.EXAMPLES),
    (bench.bench, bench.EXAMPLES),
    (info.info, None),
):
    app.command(help=_paragraphs(_command), epilog=_examples)(_command)


def main() -> None:
    """Run the command line."""
    app()
