"""The command line: ``allornone convert``, ``compare``, ``train``, ``simulate``, ``bench`` and others, a file each."""

from __future__ import annotations

import typer

from bridge.cli import bench, compare, convert, data, info, models, simulate, train

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    help="All-or-none spiking neurons, artificial networks beside them, and the bridge between the two.",
)
app.command(epilog=convert.EXAMPLES)(convert.convert)
app.command(epilog=compare.EXAMPLES)(compare.compare)
app.command(epilog=train.EXAMPLES)(train.train)
app.command(epilog=models.EXAMPLES)(models.models)
app.command(epilog=data.EXAMPLES)(data.data)
app.command(epilog=simulate.EXAMPLES)(simulate.simulate)
app.command(epilog=bench.EXAMPLES)(bench.bench)
app.command()(info.info)


def main() -> None:
    """Run the command line."""
    app()
