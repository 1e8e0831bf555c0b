"""The figures of a comparison's report, each an image that a page can hold within itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.table import NAMES, all_steps, energy_unit, representatives, runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bridge.comparison.compare import Comparison

WIDTH = 10.0  # inches, at 96 pixels the width of the page's text: fonts appear on the screen in their nominal size
STYLE = {
    "font.size": 10,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "grid.color": "#e3e3e3",
    "legend.frameon": False,
    "svg.hashsalt": "allornone",  # the same data give the same file
    "text.parse_math": False,  # a dollar sign in a layer's name is a dollar sign
}
# Okabe and Ito's colours, told apart by the colour-blind; markers and dashes differ, too.
LOOK: dict[str, dict[str, Any]] = {
    "ann": {"color": "#000000", "label": NAMES["ann"], "linestyle": "--"},  # a level, where there is no T
    "converted": {"color": "#0072b2", "label": NAMES["converted"], "marker": "o"},
    "surrogate": {"color": "#d55e00", "label": NAMES["surrogate"], "marker": "s"},
    "twin": {"color": "#009e73", "label": NAMES["twin"], "marker": "D", "linestyle": ":", "linewidth": 1.2},
}
LONGEST_NAME = 22  # characters of a layer's name beside its raster


def draw(painter: Callable[[Figure, Any], None], subject: Any, height: float) -> str:
    """Return a figure as the address of an image: a data URI of an SVG.

    Parameters
    ----------
    painter : callable
        Such as the functions below; called as ``painter(figure, subject)``.
    subject : Comparison, or what else the painter draws
    height : float
        In inches.
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        painter(figure, subject)
        file = io.BytesIO()
        figure.savefig(file, format="svg", dpi=200, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def accuracy(figure: Figure, comparison: Comparison) -> None:
    """Draw accuracy against T: the whole range, and a close-up of what is near the artificial network."""
    results = comparison.results
    ann, steps = results["ann"], all_steps(results)
    own = representatives(results)["surrogate"]
    whole, near = figure.subplots(1, 2)
    for axes in (whole, near):
        axes.axhspan(*(100 * bound for bound in ann["interval"]), color=LOOK["ann"]["color"], alpha=0.1, linewidth=0)
        axes.axhline(100 * ann["accuracy"], **LOOK["ann"])
        for (who, entries), shift in zip(runs(results).items(), (0.97, 1.03), strict=True):
            _with_intervals(axes, who, entries, shift)
        twin = [100 * entry["accuracy"] for entry in results["twin"]]
        axes.plot([entry["steps"] for entry in results["twin"]], twin, **LOOK["twin"], markersize=4, zorder=4)
        axes.plot(
            1.03 * own["steps"],
            100 * own["accuracy"],
            **{"marker": "o", "markersize": 14, "linestyle": "none", "label": "at the T it was trained with"},
            markerfacecolor="none",
            markeredgecolor=LOOK["surrogate"]["color"],
        )
        against_steps_axis(axes, steps)
        axes.set_ylabel("accuracy (% of test images)")
    whole.set_title("all")
    whole.set_ylim(0, 103)
    near.set_title("close-up")
    close = [e["interval"][0] for e in (ann, own, *results["converted"]) if e["accuracy"] > ann["accuracy"] - 0.05]
    near.set_ylim(100 * min((*close, ann["interval"][0])) - 1, 100.5)
    handles, labels = whole.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)


def _with_intervals(axes: Axes, who: str, entries: list[dict[str, Any]], shift: float) -> None:
    """Draw accuracies with their intervals, shifted a little lest those of two networks cover each other."""
    share = np.array([entry["accuracy"] for entry in entries])
    bounds = np.array([entry["interval"] for entry in entries]).T
    # An interval's end may lie a rounding error on the wrong side of a share of 0 or 1.
    reach = np.maximum(np.stack([share - bounds[0], bounds[1] - share]), 0.0)
    x = [shift * entry["steps"] for entry in entries]
    axes.errorbar(x, 100 * share, 100 * reach, **LOOK[who], markersize=5, capsize=3, elinewidth=1)


def spikes(figure: Figure, comparison: Comparison) -> None:
    """Draw spikes, spikes per neuron and synaptic operations against T."""
    panels = (
        ("spikes", "spikes per inference", "spikes"),
        ("spikes_per_neuron", "spikes per neuron and inference", "spikes per neuron"),
        ("synaptic_operations", "operations per inference", "synaptic operations, MACs"),
    )
    for axes, (key, label, title) in zip(figure.subplots(1, 3), panels, strict=True):
        levels = [comparison.results["ann"]["macs"]] if key == "synaptic_operations" else []
        for level in levels:
            axes.axhline(level, **LOOK["ann"] | {"label": "artificial: MACs"})
        _against_steps(axes, comparison.results, key, label, levels)
        axes.set_title(title)
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)


def speed(figure: Figure, comparison: Comparison) -> None:
    """Draw images and synaptic events a second against T."""
    left, right = figure.subplots(1, 2)
    level = comparison.results["ann"]["images_per_second"]
    left.axhline(level, **LOOK["ann"])
    _against_steps(left, comparison.results, "images_per_second", "images per second", [level])
    left.set_title("images")
    _against_steps(right, comparison.results, "events_per_second", "synaptic events per second", [])
    right.set_title("synaptic events")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)


def energy(figure: Figure, comparison: Comparison) -> None:
    """Draw energy against T, a panel for every cost model, all on one scale."""
    costs = comparison.results["energy"]
    panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    factor, unit = energy_unit(comparison.results)
    every = []
    for axes, cost in zip(panels, costs, strict=True):
        reference = {row["steps"]: factor * row["artificial"] for who in runs(comparison.results) for row in cost[who]}
        ts = sorted(reference)
        # One T makes a level, as an artificial network has no T; more make a line, as precision may depend on T.
        edges = [ts[0] / 1.3, *ts, ts[-1] * 1.3]
        look = LOOK["twin"] | {"marker": ""} if cost["ann"] is None else LOOK["ann"]
        axes.plot(edges, [reference[t] for t in (ts[0], *ts, ts[-1])], **look)
        every += reference.values()
        for who in runs(comparison.results):
            energies = [factor * row["spiking"] for row in cost[who]]
            axes.plot([row["steps"] for row in cost[who]], energies, **LOOK[who])
            every += energies
        against_steps_axis(axes, ts)
        axes.set_title(cost["title"])
    log_axis(panels[0], every)
    panels[0].set_ylabel(f"energy per inference ({unit})")
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4)


def latency(figure: Figure, comparison: Comparison) -> None:
    """Draw which share of the images is decided after how many steps, for a few T's."""
    from matplotlib.colors import to_rgb
    from matplotlib.ticker import PercentFormatter

    for axes, (who, entries) in zip(figure.subplots(1, 2, sharey=True), runs(comparison.results).items(), strict=True):
        shown = few(entries, representatives(comparison.results)[who]["steps"])
        for i, entry in enumerate(shown):
            pale = 0.6 * (1 - (i + 1) / len(shown))  # the larger T, the stronger the colour
            colour = [channel + (1 - channel) * pale for channel in to_rgb(LOOK[who]["color"])]
            label = f"T = {entry['steps']}: {100 * entry['accuracy']:.1f} % right"
            decided = comparison.arrays[f"{who}/T={entry['steps']}/latency"]
            width = 6 - 4.5 * (i + 1) / len(shown)  # and the thinner the line, lest it hide those below
            axes.ecdf(decided, color=colour, label=label, linewidth=width)
        longest = shown[-1]["duration"]
        against_steps_axis(axes, [2**i for i in range(longest.bit_length())])  # most are decided early, a few very late
        axes.set(title=LOOK[who]["label"], xlabel="steps from the image's onset", ylim=(0, 1.03))
        axes.set_xlim(right=1.1 * longest)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.legend(loc="best")
    figure.axes[0].set_ylabel("images decided for good")


def few(entries: list[dict[str, Any]], wanted: int) -> list[dict[str, Any]]:
    """Return the first, the middle and the last entry, and that of the wanted T if there is one."""
    spread = {entries[i]["steps"] for i in (0, len(entries) // 2, -1)} | {wanted}
    return [entry for entry in entries if entry["steps"] in spread]


def raster(figure: Figure, comparison: Comparison) -> None:
    """Draw the spikes of one image through the layers of both spiking networks."""
    from matplotlib.ticker import MaxNLocator

    shown = comparison.results["raster"]
    for axes, (who, entries) in zip(figure.subplots(1, 2), runs(comparison.results).items(), strict=True):
        entry = next(entry for entry in entries if entry["steps"] == shown[f"{who}_steps"])
        layers = entry["layers"]
        bottoms = np.concatenate([[0.0], np.cumsum(heights([layer["neurons"] for layer in layers]))])
        for layer, bottom, top in zip(layers, bottoms, bottoms[1:], strict=False):
            step, neuron = comparison.arrays[f"raster/{who}/{layer['name']}"].T
            y = bottom + (neuron + 0.5) / layer["neurons"] * (top - bottom)
            # Thousands of dots are an image within the SVG; as shapes they would make it slow and large.
            size = min(max(1500 / layer["neurons"], 7), 40)
            axes.scatter(step, y, s=size, marker=".", color=LOOK[who]["color"], linewidths=0, rasterized=True)
            axes.axhline(top, color="#888888", linewidth=0.8)
        names = [f"{short(layer['name'])}\n{layer['neurons']:,}" for layer in layers]
        axes.set_yticks((bottoms[:-1] + bottoms[1:]) / 2, names)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False)
        axes.set(xlim=(0, entry["duration"] + 1), ylim=(bottoms[-1], 0))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(title=f"{LOOK[who]['label']}, T = {entry['steps']}", xlabel="step from the image's onset")
    figure.axes[0].set_ylabel("neuron, stacked by layer (name, size)")


def heights(sizes: Sequence[int]) -> np.ndarray:
    """Return the share of the plot's height of each layer: by its size, but never too low to be seen and named."""
    share = np.maximum(np.array(sizes) / sum(sizes), 0.12)
    return share / share.sum()


def short(name: str) -> str:
    """Return a layer's name, cut where it is too long for a figure."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def f_i(figure: Figure, comparison: Comparison) -> None:
    """Draw how the firing rate follows the input, beside ReLU."""
    drive, axes = comparison.arrays["f_i/input"], figure.subplots()
    lines = (
        ("if", "integrate-and-fire, as in the converted network", LOOK["converted"]["color"], "-", 5),
        ("relu", "ReLU of the input", LOOK["ann"]["color"], "--", 1.5),
        ("lif", "leaky, with a refractory period, as in biology", "#cc79a7", "-", 2.5),
    )
    for name, label, colour, style, width in lines:
        rate = comparison.arrays[f"f_i/{name}"]
        axes.plot(drive, rate, label=label, color=colour, linestyle=style, linewidth=width)
    axes.set(xlabel="input (thresholds per step)", ylabel="firing rate (spikes per step)")
    axes.legend(loc="upper left")


def _against_steps(axes: Axes, results: dict[str, Any], key: str, label: str, levels: list[float]) -> None:
    """Draw a figure of both spiking networks against T, on an axis that holds some levels, too."""
    for who, entries in runs(results).items():
        axes.plot([entry["steps"] for entry in entries], [entry[key] for entry in entries], **LOOK[who])
        levels = [*levels, *(entry[key] for entry in entries)]
    against_steps_axis(axes, all_steps(results))
    log_axis(axes, levels)
    axes.set_ylabel(label)


def against_steps_axis(axes: Axes, steps: list[int]) -> None:
    """Make the x axis one of T, in powers of two, with a tick at every T that has room for its number."""
    ticks = steps[:1]
    for t in steps[1:]:
        if t / ticks[-1] >= (steps[-1] / steps[0]) ** 0.095:
            ticks.append(t)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    axes.set_xlim(steps[0] / 1.3, steps[-1] * 1.3)
    axes.set_xlabel("time steps T")


def log_axis(axes: Axes, values: list[float], which: str = "y") -> None:
    """Make an axis, "x" or "y", logarithmic, with plain numbers; linear where some value is 0."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    low, high, axis = min(values), max(values), getattr(axes, f"{which}axis")
    limit, scale = getattr(axes, f"set_{which}lim"), getattr(axes, f"set_{which}scale")
    if low > 0:
        scale("log")
        limit(low / 1.6, high * 1.6)  # over a factor of 2.5: holds a 1, a 2 or a 5
        wide = which == "x" and high / low > 100  # numbers beside each other need more room than above each other
        axis.set_major_locator(LogLocator(subs=(1, 3) if wide else (1, 2, 5)))
        axes.minorticks_off()
    else:
        limit(0, None)
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))


def _plain(value: float) -> str:
    """Return a tick's number without powers of ten; M stands for millions."""
    if value >= 1e6:
        return f"{value / 1e6:,g} M"
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"
