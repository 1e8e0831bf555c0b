"""A comparison as a table on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table


def print_table(results: dict[str, Any]) -> None:
    """Print the figures of a comparison.

    Parameters
    ----------
    results : dict
        Of a `bridge.compare.Comparison`.
    """
    artificial, data = results["ann"], results["data"]
    title = f"{data['name']}, {data['test']:,} test images"
    table = Table(title=title, caption="intervals: 95 %, Wilson; energy: arithmetic only / with memory", caption_style="dim")
    for name in ("network", "T", "accuracy %", "interval %", "spikes", "operations", "decided after", "energy nJ", "images/s"):
        table.add_column(name, justify="left" if name == "network" else "right")
    costs = {cost["model"]: cost for cost in results["energy"]}
    compute, memory = costs["compute"], costs["memory"]
    table.add_row(
        f"{artificial['model']} (artificial)",
        "",
        _percent(artificial["accuracy"]),
        _interval(artificial),
        "",
        f"{artificial['macs']:,.0f} MAC",
        "",
        _energies(compute["converted"][0]["artificial"], memory["converted"][0]["artificial"]),
        f"{artificial['images_per_second']:,.0f}",
        end_section=True,
    )
    for label, entries, key in (
        (f"{artificial['model']} converted", results["converted"], "converted"),
        (f"{results['surrogate']['model']} (surrogate)", results["surrogate"]["by_steps"], "surrogate"),
    ):
        for i, entry in enumerate(entries):
            own = " *" if key == "surrogate" and entry["steps"] == results["surrogate"]["steps"] else ""
            table.add_row(
                label if i == 0 else "",
                f"{entry['steps']}{own}",
                _percent(entry["accuracy"]),
                _interval(entry),
                f"{entry['spikes']:,.0f}",
                f"{entry['synaptic_operations']:,.0f}",
                f"{entry['latency_median']:.0f} steps",
                _energies(compute[key][i]["spiking"], memory[key][i]["spiking"]),
                f"{entry['images_per_second']:,.0f}",
                end_section=i == len(entries) - 1,
            )
    console = Console()
    console.print(table)
    console.print("* the number of steps it was trained with", style="dim", highlight=False)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _interval(entry: dict[str, Any]) -> str:
    low, high = entry["interval"]
    return f"{100 * low:.1f}-{100 * high:.1f}"


def _energies(compute: float, memory: float) -> str:
    return f"{compute * 1e9:,.0f} / {memory * 1e9:,.0f}"
