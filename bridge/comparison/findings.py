"""The tables of tests, fronts, robustness, NeuroBench's metrics and several trainings; others are in `bridge.table`."""

from __future__ import annotations

from typing import Any

from bridge.table import NAMES, Table, count, energy_unit, percent, plain

NETWORKS = ("ann", "twin", "converted", "surrogate")


class Holds(str):
    """A cell that is marked because a test shows what it says."""

    style = "cheaper"


def tests_table(results: dict[str, Any]) -> Table:
    """Return differences from the artificial network and the p-values of both tests, for one training."""
    tests, rows = results["tests"], []
    for who in NETWORKS[1:]:
        for row in tests[who]:
            cells = [str(row["steps"]), str(row["gained"]), str(row["lost"]), *_difference(row)]
            rows.append([NAMES[who], *cells, *_p_values(row)])
    caption = (
        "Against the artificial network, on the same images. Gained and lost: images that only this network, and only "
        "the artificial one, gets right. Difference of accuracy in points, with its 95 % interval. A small p of "
        f"equality: they differ. A small p of a difference of {100 * tests['margin']:g} points or more: they are "
        "equally good. Adjusted: for the number of T's; below 0.05 marked."
    )
    head = ["network", "T", "gained", "lost", "difference", "interval", "p", "adjusted", "p", "adjusted"]
    groups = (("", 6), ("equality", 2), (f"{100 * tests['margin']:g} points or more", 2))
    return Table(caption, head, rows, groups)


def seeds_table(results: dict[str, Any]) -> Table:
    """Return means and deviations over several trainings, and paired tests against the artificial network."""
    found = results["seeds"]
    ann, rows = found["ann"], []
    rows.append([NAMES["ann"], "–", percent(ann["mean"]), _points(ann["sd"]), *["–"] * 7])
    for who in NETWORKS[1:]:
        for row in found["networks"][who]:
            difference = row["difference"]
            shown = _difference({"difference": difference["mean"], "interval": difference["interval"]})
            spikes = f"{row['spikes']['mean']:,.0f} ± {row['spikes']['sd']:,.0f}" if "spikes" in row else "–"
            cells = [percent(row["mean"]), _points(row["sd"]), spikes, *shown, *_p_values(row)]
            rows.append([NAMES[who], str(row["steps"]), *cells])
    seeds = found["seeds"]
    caption = (
        f"Means over {count(len(seeds), 'training')}, seeds {seeds[0]} to {seeds[-1]}, each with a split of the data "
        "and weights of its own; sd: standard deviation over trainings, in points. Difference from the artificial "
        "network of the same seed, in points, with the 95 % interval of its mean (Student's t). A small p of equality: "
        f"they differ. A small p of a difference of {100 * found['margin']:g} points or more: they are equally good. "
        "Adjusted: for the number of T's; below 0.05 marked."
    )
    head = ["network", "T", "accuracy", "sd", "spikes per inference", "difference", "interval", "p", "adjusted"]
    groups = (("", 7), ("equality", 2), (f"{100 * found['margin']:g} points or more", 2))
    return Table(caption, [*head, "p", "adjusted"], rows, groups)


def robustness_table(results: dict[str, Any]) -> Table:
    """Return the accuracy of every network under every perturbation, with intervals."""
    found, rows = results["robustness"], []
    for test in found["tests"]:
        for i, strength in enumerate(test["strengths"]):
            cells = []
            for who in NETWORKS:
                low, high = test["interval"][who][i]
                cells += [percent(test["accuracy"][who][i]), f"{100 * low:.1f} to {100 * high:.1f}"]
            rows.append([test["title"], "none" if strength is None else f"{strength:g}", *cells])
    steps = found["steps"]
    caption = (
        f"Accuracy and its 95 % interval. The twin and the converted network have T = {steps['converted']}, the "
        f"surrogate-trained one T = {steps['surrogate']}. Strengths: "
        + "; ".join(f"{test['title']}: {test['strength']}" for test in found["tests"])
        + "."
    )
    groups = (("", 2), *((NAMES[who], 2) for who in NETWORKS))
    return Table(caption, ["perturbation", "strength", *["accuracy", "interval"] * len(NETWORKS)], rows, groups)


def fronts_table(results: dict[str, Any]) -> Table:
    """Return the networks and T's that no other beats in accuracy, duration and energy together."""
    factor, unit = energy_unit(results)
    costs = results["energy"]
    rows = []
    for point in results["fronts"]:
        on = [cost["model"] for cost in costs if f"{cost['model']}+latency" in point["fronts"]]
        if point["duration"] is None or not on:
            continue
        early = "" if point["margin"] is None else f", margin {point['margin']:g}"
        cells = [f"{point['steps']}{early}", percent(point["accuracy"]), f"{point['duration']:.4g}"]
        for cost in costs:
            cell = plain(factor * point["energy"][cost["model"]])
            cells.append(Holds(cell) if cost["model"] in on else cell)
        rows.append([NAMES[point["network"]], *cells])
    caption = (
        "The spiking networks and T's worth having: no other is at least as right, as quick and as thrifty, and better "
        "in one of them. Marked: under this cost model. Energy per inference. With a margin: an early exit, read until "
        "the highest score leads by so much; durations and energies are means."
    )
    head = ["network", "T", "accuracy", "duration (steps)", *(f"{cost['title']} ({unit})" for cost in costs)]
    return Table(caption, head, rows)


def neurobench_table(results: dict[str, Any]) -> Table:
    """Return NeuroBench's metrics of all networks."""
    found = results["neurobench"]
    rows = []
    for who in NETWORKS:
        mine = found[who]
        steps = found["steps"].get("converted" if who == "twin" else who)
        counts = (mine[key] for key in ("effective_macs", "effective_acs", "dense", "membrane_updates"))
        cells = [
            "–" if steps is None else str(steps),
            f"{mine['footprint'] / 1000:,.1f}",
            f"{mine['connection_sparsity']:.3f}",
            f"{mine['activation_sparsity']:.3f}",
            *(f"{number:,.0f}" for number in counts),
        ]
        rows.append([NAMES[who], *cells])
    caption = (
        "NeuroBench's metrics (Yik et al. 2025), counts per inference. Footprint: parameters, buffers and potentials "
        "at 32 bits. Sparsity: the share of weights, and of outputs of units, that are zero. Effective operations: "
        "synapses whose weight and input are not zero; accumulates (ACs) where the input is spikes, "
        "multiply-accumulates (MACs) else. Dense: all synapses. A layer counts once in each of the T steps, the first "
        "one, too, which the simulator computes once. Pooling counts nothing; averages are pooled in the weights of "
        "spiking networks."
    )
    head = ["network", "T", "footprint (kB)", "connection sparsity", "activation sparsity", "effective MACs"]
    return Table(caption, [*head, "effective ACs", "dense", "membrane updates"], rows)


def p_value(p: float) -> str:
    """Return a p-value with two digits."""
    return "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def _p_values(row: dict[str, Any]) -> list[str]:
    cells = []
    for key in ("p_difference", "p_equivalence"):
        adjusted = row[f"{key}_holm"]
        cells += [p_value(row[key]), Holds(p_value(adjusted)) if adjusted < 0.05 else p_value(adjusted)]
    return cells


def _difference(row: dict[str, Any]) -> list[str]:
    low, high = row["interval"]
    return [f"{100 * row['difference']:+.2f}", f"{100 * low:+.1f} to {100 * high:+.1f}"]


def _points(share: float) -> str:
    return f"{100 * share:.2f}"
