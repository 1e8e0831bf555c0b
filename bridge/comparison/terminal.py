"""A comparison on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.comparison.findings import NETWORKS, p_value
from bridge.table import count, energy_unit, interval, runs

if TYPE_CHECKING:
    from rich.table import Table as Grid

SHORT = {"ann": "ANN", "twin": "twin", "converted": "converted", "surrogate": "surrogate"}


def print_table(results: dict[str, Any]) -> None:
    """Print the figures of a comparison: all networks at every T, the tests, robustness, and several trainings.

    Parameters
    ----------
    results : dict
        Of a `bridge.comparison.compare.Comparison`.
    """
    from rich.console import Console

    console = Console(highlight=False)
    ann, data, surrogate = results["ann"], results["data"], results["surrogate"]
    names = f"{ann['model']}, and {surrogate['model']} trained with surrogate gradients"
    console.print(f"{data['name']}, {count(data['test'], 'test image')}: {names}", markup=False)
    console.print(_networks(results))
    console.print("*: the T it was trained with. For an image: spikes; synaptic operations or")
    console.print("multiply-accumulates; steps to the decision (median); energy by stated models:")
    console.print("arithmetic only, with memory, and of integers, where the artificial network is")
    console.print("its twin with activations of ceil(log2(T + 1)) bits. The report has them.")
    margin = 100 * results["tests"]["margin"]
    console.print(f"\nAgainst the artificial network, on the same images (margin {margin:g} points)")
    console.print(_tests(results))
    console.print("gained, lost: images that only this network, only the artificial one gets right;")
    console.print("points: difference of accuracy; p of equality (McNemar), and of a difference of")
    console.print("the margin or more (TOST), both adjusted for the number of T's (Holm).")
    if data["test"] < results["tests"]["images_needed"]:
        needed = results["tests"]["images_needed"]
        console.print(f"So few images cannot show equivalence, whatever they are: it takes {needed:,}.")
    if "robustness" in results:
        steps = results["robustness"]["steps"]
        console.print("\nAccuracy in % when it gets harder", end="")
        console.print(f" (converted T = {steps['converted']}, surrogate T = {steps['surrogate']})")
        console.print(_robustness(results))
    if "seeds" in results:
        seeds = results["seeds"]["seeds"]
        console.print(f"\nOver {count(len(seeds), 'training')} (seeds {seeds[0]} to {seeds[-1]})")
        console.print(_seeds(results))
        console.print("difference from the artificial network of the same seed, in points: mean and")
        console.print("95 % interval; p by paired t-tests, adjusted as above.")


def _grid(first: str, *columns: str) -> Grid:
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, padding=0, show_edge=False, header_style="bold")
    grid.add_column(first, no_wrap=True)
    for name in columns:
        grid.add_column(name, justify="right", no_wrap=True)
    return grid


def _networks(results: dict[str, Any]) -> Grid:
    factor, unit = energy_unit(results)
    columns = ("T", "right\n%", "95 %\ninterval", "spikes", "ops,\nMACs", "steps")
    grid = _grid("network", *columns, *(f"{name}\n{unit}" for name in ("arith", "mem.", "ints")), "images\n/s")

    def energy(joules: float | None) -> str:
        return "" if joules is None else _brief(factor * joules)

    ann, own, costs = results["ann"], results["surrogate"]["steps"], results["energy"]
    macs, prices = _brief(ann["macs"]), [energy(cost["ann"]) for cost in costs]
    right = f"{100 * ann['accuracy']:.2f}", _range(ann)
    grid.add_row(SHORT["ann"], "", *right, "", macs, "", *prices, _brief(ann["images_per_second"]), end_section=True)
    for i, entry in enumerate(results["twin"]):
        prices = [energy(cost["converted"][i]["artificial"]) for cost in costs]
        right = f"{100 * entry['accuracy']:.2f}", _range(entry)
        last = i == len(results["twin"]) - 1
        name = "" if i else SHORT["twin"]
        grid.add_row(name, str(entry["steps"]), *right, "", macs, "", *prices, "", end_section=last)
    for who, entries in runs(results).items():
        for i, entry in enumerate(entries):
            grid.add_row(
                "" if i else SHORT[who],
                f"{entry['steps']}{'*' if who == 'surrogate' and entry['steps'] == own else ''}",
                f"{100 * entry['accuracy']:.2f}",
                _range(entry),
                _brief(entry["spikes"]),
                _brief(entry["synaptic_operations"]),
                f"{entry['latency_median']:g}",
                *(energy(cost[who][i]["spiking"]) for cost in costs),
                _brief(entry["images_per_second"]),
                end_section=i == len(entries) - 1,
            )
    return grid


def _tests(results: dict[str, Any]) -> Grid:
    grid = _grid("network", "T", "gained", "lost", "points", "95 %\ninterval", "p equal", "p margin")
    for who in NETWORKS[1:]:
        rows = results["tests"][who]
        for i, row in enumerate(rows):
            low, high = row["interval"]
            grid.add_row(
                "" if i else SHORT[who],
                str(row["steps"]),
                str(row["gained"]),
                str(row["lost"]),
                f"{100 * row['difference']:+.2f}",
                f"{100 * low:+.1f} to {100 * high:+.1f}",
                p_value(row["p_difference_holm"]),
                p_value(row["p_equivalence_holm"]),
                end_section=i == len(rows) - 1,
            )
    return grid


def _robustness(results: dict[str, Any]) -> Grid:
    grid = _grid("", "", *(SHORT[who] for who in NETWORKS))
    for test in results["robustness"]["tests"]:
        for i, strength in enumerate(test["strengths"]):
            if strength is None:
                continue
            title = f"{test['title']} ({test['unit']})" if i == 1 else ""
            shares = (f"{100 * test['accuracy'][who][i]:.1f}" for who in NETWORKS)
            grid.add_row(title, f"{strength:g}", *shares, end_section=i == len(test["strengths"]) - 1)
    return grid


def _seeds(results: dict[str, Any]) -> Grid:
    found = results["seeds"]
    grid = _grid("network", "T", "right\n%", "sd", "difference", "95 %\ninterval", "p equal", "p margin")
    right = f"{100 * found['ann']['mean']:.2f}", f"{100 * found['ann']['sd']:.2f}"
    grid.add_row(SHORT["ann"], "", *right, "", "", "", "", end_section=True)
    for who in NETWORKS[1:]:
        rows = found["networks"][who]
        for i, row in enumerate(rows):
            low, high = row["difference"]["interval"]
            grid.add_row(
                "" if i else SHORT[who],
                str(row["steps"]),
                f"{100 * row['mean']:.2f}",
                f"{100 * row['sd']:.2f}",
                f"{100 * row['difference']['mean']:+.2f}",
                f"{100 * low:+.1f} to {100 * high:+.1f}",
                p_value(row["p_difference_holm"]),
                p_value(row["p_equivalence_holm"]),
                end_section=i == len(rows) - 1,
            )
    return grid


def _range(entry: dict[str, Any]) -> str:
    return interval(entry).replace(" to ", "-")


def _brief(value: float) -> str:
    """Return a number >= 0 with three digits, such as 934k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * size:
            return f"{value / size:#.3g}".rstrip(".") + letter
    return f"{value:#.3g}".rstrip(".")
