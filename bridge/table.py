"""A comparison as tables: one on the terminal, and those of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.comparison.compare import Comparison

NEAR = 0.006  # of accuracy: what counts as good as the artificial network
NAMES = {"ann": "artificial", "converted": "converted", "surrogate": "surrogate-trained", "twin": "quantised twin"}


class Cheaper(str):
    """A cell that is marked because spiking costs less there."""

    style = "cheaper"


class Words(str):
    """A cell of words, not of a number."""

    style = "words"


@dataclass(frozen=True)
class Table:
    """What a table says.

    Attributes
    ----------
    caption : str
    head : list of str
        Titles of the columns.
    rows : list of list of str
        The first cell of a row is its title.
    groups : tuple of (str, int)
        Titles over several columns each, and over how many; an empty one for none.
    """

    caption: str
    head: list[str]
    rows: list[list[str]]
    groups: tuple[tuple[str, int], ...] = ()


def accuracy_table(results: dict[str, Any]) -> Table:
    """Return accuracy, interval and agreement for every T."""
    networks = {"twin": results["twin"]} | runs(results)
    by_steps = {who: {entry["steps"]: entry for entry in entries} for who, entries in networks.items()}
    rows = []
    for t in all_steps(results):
        twin, mine, other = (by_steps[who].get(t) for who in networks)
        cells = ["–"] * 9
        if twin and mine:
            cells[:4] = str(twin["bits"]), percent(twin["accuracy"]), interval(twin), percent(twin["agreement"])
            cells[4:7] = percent(mine["accuracy"]), interval(mine), percent(mine["agreement"])
        if other:
            cells[7:] = percent(other["accuracy"]), interval(other)
        rows.append([f"{t}{' *' if t == results['surrogate']['steps'] else ''}", *cells])
    ann = results["ann"]
    return Table(
        f"Artificial network: {percent(ann['accuracy'])}, interval {interval(ann)}. Agreement: same answer as the "
        "artificial network. Bits: of the twin's activations. * the T that the surrogate-trained network was trained "
        "with.",
        ["T", "bits", *["accuracy", "interval", "agreement"] * 2, "accuracy", "interval"],
        rows,
        (("", 1), (NAMES["twin"], 4), (NAMES["converted"], 3), (NAMES["surrogate"], 2)),
    )


def layers_table(results: dict[str, Any]) -> Table:
    """Return the spikes of every layer, at the T's that stand for the networks."""
    rows = []
    for who, entry in representatives(results).items():
        for layer in entry["layers"]:
            share = percent(layer["spikes"] / (entry["spikes"] or 1))
            cells = [f"{layer['neurons']:,}", f"{layer['spikes']:,.1f}", f"{layer['spikes_per_neuron']:.3f}", share]
            rows.append([f"{NAMES[who]}, T = {entry['steps']}", layer["name"], layer["kind"], *cells])
    head = ["network", "layer", "kind", "neurons", "spikes per inference", "spikes per neuron", "share of spikes"]
    return Table("Spikes by layer, at the T's of the summary; means over the test images.", head, rows)


def energy_table(results: dict[str, Any]) -> Table:
    """Return energies and break-even points under every cost model, for every T."""
    costs, rows = results["energy"], []
    factor, unit = energy_unit(results)
    for who, entries in runs(results).items():
        for i, entry in enumerate(entries):
            cells = [f"{entry['spikes_per_neuron']:.2f}"]
            for row in (cost[who][i] for cost in costs):
                mark = Cheaper if row["spiking"] < row["artificial"] else str
                even = row["break_even_spikes_per_neuron"]
                cells += [plain(factor * row["artificial"]), mark(plain(factor * row["spiking"]))]
                cells.append("–" if even is None else f"{even:.2f}")
            rows.append([NAMES[who], str(entry["steps"]), *cells])
    return Table(
        "With the break-even number of spikes per neuron both networks would cost the same: where the actual number is "
        "below it, spiking costs less (marked), and where it is 0, no sparseness would be enough.",
        ["network", "T", "spikes per neuron", *["artificial", "spiking", "break-even"] * len(costs)],
        rows,
        (("", 3), *((f"{cost['title']} ({unit})", 3) for cost in costs)),
    )


def latency_table(comparison: Comparison) -> Table:
    """Return the steps to the decision that stays, for every T."""
    rows = []
    for who, entries in runs(comparison.results).items():
        for entry in entries:
            steps = comparison.arrays[f"{who}/T={entry['steps']}/latency"]
            numbers = (entry["duration"], steps.min(), entry["latency_median"], entry["latency_90"], steps.max())
            rows.append([NAMES[who], str(entry["steps"]), *(f"{n:g}" for n in numbers), percent(entry["accuracy"])])
    head = ["network", "T", "duration", "earliest", "median", "90 % of images", "latest", "accuracy"]
    return Table("Steps from the image's onset to the decision that stays.", head, rows)


def speed_table(results: dict[str, Any]) -> Table:
    """Return the speed of every run."""
    rows = [[NAMES["ann"], "–", f"{results['ann']['images_per_second']:,.0f}", "–"]]
    for who, entries in runs(results).items():
        for entry in entries:
            speeds = (f"{entry[key]:,.0f}" for key in ("images_per_second", "events_per_second"))
            rows.append([NAMES[who], str(entry["steps"]), *speeds])
    head = ["network", "T", "images per second", "synaptic events per second"]
    return Table(f"Speed on {machine(results)}.", head, rows)


def runs(results: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of the two spiking networks, one for every T."""
    return {"converted": results["converted"], "surrogate": results["surrogate"]["by_steps"]}


def all_steps(results: dict[str, Any]) -> list[int]:
    """Return every T of the results, in order."""
    return sorted({entry["steps"] for entries in runs(results).values() for entry in entries})


def representatives(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entries that stand for the spiking networks.

    Of the converted one that of the smallest T as good as the artificial network, else of the best T; of the
    surrogate-trained one that of the T it was trained with.
    """
    converted, surrogate = results["converted"], results["surrogate"]
    near = (entry for entry in converted if is_near(entry, results))
    return {
        "converted": next(near, max(converted, key=lambda entry: entry["accuracy"])),
        "surrogate": next(entry for entry in surrogate["by_steps"] if entry["steps"] == surrogate["steps"]),
    }


def is_near(entry: dict[str, Any], results: dict[str, Any]) -> bool:
    """Return whether a network is as good as the artificial one."""
    return entry["accuracy"] >= results["ann"]["accuracy"] - NEAR


def energy_unit(results: dict[str, Any]) -> tuple[float, str]:
    """Return the factor and the name of the unit that suits the results' energies, which are in joules."""
    largest = max(row["spiking"] for cost in results["energy"] for who in runs(results) for row in cost[who])
    return (1e9, "nJ") if largest < 1e-4 else (1e6, "µJ")


def machine(results: dict[str, Any]) -> str:
    """Return where the results were measured."""
    return f"{results['machine']['platform']}, {count(results['machine']['threads'], 'thread')}"


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.2f} %"


def interval(entry: dict[str, Any]) -> str:
    """Return the interval of an accuracy in percent, in words."""
    low, high = entry["interval"]
    return f"{100 * low:.1f} to {100 * high:.1f}"


def count(number: int, noun: str) -> str:
    """Return a number of things, such as "2 threads"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def plain(value: float) -> str:
    """Return a number with a digit after the point, or none from a thousand on."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"
