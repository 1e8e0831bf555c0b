"""The figures of tests, fronts, robustness and several trainings; `bridge.figures` has the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.figures import LOOK, against_steps_axis, log_axis
from bridge.table import NAMES, all_steps, energy_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bridge.comparison.compare import Comparison

NETWORKS = ("ann", "twin", "converted", "surrogate")
SHIFTS = {"ann": -0.09, "twin": -0.03, "converted": 0.03, "surrogate": 0.09}  # side by side, lest they hide each other
SPIKING = {"twin": 0.95, "converted": 1.0, "surrogate": 1.05}  # the same on a logarithmic axis
ANN_MARKER = "^"  # where the artificial network is a point, and not a level
LABELS = {"converted": (-8, -7), "surrogate": (8, 7)}  # where T stands beside a point, in typographic points
WRONG = (0, 1, 2, 5, 10, 20, 50, 100)  # ticks, in %


def differences(figure: Figure, comparison: Comparison) -> None:
    """Draw how much more or less often a network is right than the artificial one, against T, for one training."""
    results = comparison.results
    found = {who: results["tests"][who] for who in SPIKING}
    rows = {who: [(row["steps"], row["difference"], *row["interval"]) for row in tests] for who, tests in found.items()}
    _differences(figure, rows, results["tests"]["margin"], all_steps(results))


def seeds(figure: Figure, comparison: Comparison) -> None:
    """Draw the same over several trainings, means with intervals, and every training as a dot."""
    found = comparison.results["seeds"]
    rows, dots = {}, {}
    for who in SPIKING:
        described = [(row["steps"], row["difference"]) for row in found["networks"][who]]
        rows[who] = [(t, difference["mean"], *difference["interval"]) for t, difference in described]
        dots[who] = [(t, value) for t, difference in described for value in difference["values"]]
    panels = _differences(figure, rows, found["margin"], all_steps(comparison.results))
    for axes in panels:
        for who, points in dots.items():
            steps, values = np.array(points).T
            axes.plot(SPIKING[who] * steps, 100 * values, ".", color=LOOK[who]["color"], alpha=0.35, markersize=5)


def _differences(
    figure: Figure, rows: dict[str, list[tuple[float, ...]]], margin: float, steps: list[int]
) -> tuple[Axes, Axes]:
    """Draw differences with intervals against T, all of them and close up, over the band of the margin."""
    whole, near = figure.subplots(1, 2)
    for axes in (whole, near):
        axes.axhspan(-100 * margin, 100 * margin, color="#999999", alpha=0.25, linewidth=0, label="margin")
        axes.axhline(0, **LOOK["ann"])
        for who, points in rows.items():
            t, middle, low, high = np.array(points).T
            reach = np.maximum(np.stack([middle - low, high - middle]), 0.0)
            look = LOOK[who] | {"linestyle": "none"}
            axes.errorbar(SPIKING[who] * t, 100 * middle, 100 * reach, **look, markersize=5, capsize=3, elinewidth=1)
        against_steps_axis(axes, steps)
        axes.set_ylabel("difference of accuracy (points)")
    whole.set_title("all")
    near.set_title("close-up")
    near.set_ylim(-5 - 100 * margin, 5 + 100 * margin)
    figure.legend(*whole.get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return whole, near


def robustness(figure: Figure, comparison: Comparison) -> None:
    """Draw accuracy against the strength of every perturbation, with intervals; the strengths evenly spaced."""
    found = comparison.results["robustness"]
    shown = {
        test["name"]: {
            who: (shares, [[low, high] for low, high in test["interval"][who]])
            for who, shares in test["accuracy"].items()
        }
        for test in found["tests"]
    }
    _robustness(figure, found["tests"], shown)


def robustness_over_seeds(figure: Figure, comparison: Comparison) -> None:
    """Draw the same over several trainings, with the intervals of the means."""
    tests = comparison.results["seeds"]["robustness"]
    shown = {
        test["name"]: {
            who: ([value["mean"] for value in values], [value["interval"] for value in values])
            for who, values in test["accuracy"].items()
        }
        for test in tests
    }
    _robustness(figure, tests, shown)


def _robustness(figure: Figure, tests: list[dict[str, Any]], shown: dict[str, dict[str, tuple]]) -> None:
    columns = 3
    panels = figure.subplots(-(-len(tests) // columns), columns, squeeze=False, sharey=True).ravel()
    for axes, test in zip(panels, tests, strict=False):
        place = np.arange(len(test["strengths"]))
        for who in NETWORKS:
            shares, intervals = shown[test["name"]][who]
            low, high = np.array(intervals).T
            reach = np.maximum(np.stack([np.array(shares) - low, high - np.array(shares)]), 0.0)
            look = {"marker": ANN_MARKER, "markersize": 4} | LOOK[who]
            axes.errorbar(place + SHIFTS[who], 100 * np.array(shares), 100 * reach, **look, capsize=2, elinewidth=1)
        axes.set_xticks(place, ["none" if s is None else f"{s:g}" for s in test["strengths"]])
        axes.set(title=test["title"], xlabel=test["strength"], ylim=(0, 103))
    for axes in panels[::columns]:
        axes.set_ylabel("accuracy (% of test images)")
    for axes in panels[len(tests) :]:
        axes.remove()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)


def fronts(figure: Figure, comparison: Comparison) -> None:
    """Draw wrong answers against the duration and the energy of an inference; what lies lower left is better."""
    results = comparison.results
    factor, unit = energy_unit(results)
    titles = {"latency": "duration"} | {cost["model"]: cost["title"] for cost in results["energy"]}
    panels = figure.subplots(2, 2, sharey=True).ravel()
    for axes, (front, title) in zip(panels, titles.items(), strict=True):
        lying, every = [], []
        for point in results["fronts"]:
            cost = point["duration"] if front == "latency" else point["energy"][front]
            if cost is None:
                continue
            x = cost if front == "latency" else factor * cost
            on_it = front in point["fronts"]
            lying += [(x, 100 * (1 - point["accuracy"]))] if on_it else []
            every.append(x)
            _point(axes, point, x, filled=on_it)
        # From the right and below: what costs as much as a point on the front can be as right as it.
        x, y = np.array(sorted(lying)).T
        axes.plot(x, y, drawstyle="steps-post", color="#777777", linewidth=1.2, zorder=1)
        axes.set_title(title)
        log_axis(axes, every, "x")
        axes.set_xlabel("duration of an inference (steps)" if front == "latency" else f"energy per inference ({unit})")
        axes.set_yscale("symlog", linthresh=1)
        axes.set_yticks(WRONG, [str(tick) for tick in WRONG])
        axes.set_ylim(0, 120)
        axes.minorticks_off()
    for axes in panels[::2]:
        axes.set_ylabel("wrong answers (% of test images)")
    handles = [
        panels[0].plot([], [], **{"marker": ANN_MARKER, **LOOK[who], "linestyle": "none"}, markersize=7)[0]
        for who in NETWORKS
    ]
    figure.legend(handles, [NAMES[who] for who in NETWORKS], loc="outside upper center", ncols=4)


def _point(axes: Axes, point: dict[str, Any], x: float, *, filled: bool) -> None:
    """Draw a network at a T, filled where it lies on the front, with its T beside it."""
    who, y = point["network"], 100 * (1 - point["accuracy"])
    colour = LOOK[who]["color"]
    marker = LOOK[who].get("marker", ANN_MARKER)
    face = colour if filled else "none"
    axes.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=7, zorder=3, clip_on=False)
    if point["margin"] is not None:
        axes.plot(x, y, "|", color=colour, markersize=12, zorder=3)  # an early exit
    elif who in LABELS:
        across, up = LABELS[who]
        offset = across, up if y > 0.0 else abs(up)  # not onto the axis
        place = {"xytext": offset, "textcoords": "offset points", "ha": "center", "va": "center"}
        axes.annotate(str(point["steps"]), (x, y), **place, fontsize=8, color=colour, zorder=4)
