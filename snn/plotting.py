"""Pictures of recordings, by matplotlib, which is imported only here and only when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snn import checks
from snn.errors import ValidationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from snn.recording import Recording, SpikeRecord, Trace

_SPIKES = 100_000  # dots of a raster at most
_ROWS = 4_000  # neurons of a raster at most
_LEAST_BAND = 0.05  # of a raster's height, so that labels do not overlap
_LINES = 10  # of a trace; more are drawn thin, with their mean


def raster(recording: Recording, populations: tuple[str, ...], sample: int, axes: Axes | None) -> Axes:
    """Draw a dot for every spike; see `snn.Recording.plot_raster`."""
    names = _chosen(recording, populations, sample, "plot_raster")
    axes = axes or _new_axes(height=max(3.2, 0.45 * len(names)))
    records = [recording.spikes[name] for name in names]
    neurons = sum(len(record.recorded) for record in records)
    spikes = sum(int(np.count_nonzero(record.samples == sample)) for record in records)
    nth = max(1, -(-neurons // _ROWS), -(-spikes // _SPIKES))
    shown = np.array([-(-len(record.recorded) // nth) for record in records], np.float64)
    heights = np.maximum(shown, _LEAST_BAND * shown.sum())
    floors = np.cumsum(heights[::-1])[::-1] - heights  # the first uppermost
    points = axes.get_window_extent().height / axes.figure.dpi * 72 / heights.sum()
    for record, name, floor, space in zip(records, names, floors, heights / shown, strict=True):
        rows = record.rows
        mine = (record.samples == sample) & (rows % nth == 0)
        tall = space * points > 4
        axes.plot(
            record.times[mine],
            floor + (rows[mine] // nth + 0.5) * space,
            linestyle="",
            marker="|" if tall else ".",
            markersize=0.7 * min(space * points, 14.0) if tall else 1.5,
            label=name,
            rasterized=True,
        )
    for floor in floors[:-1]:
        axes.axhline(floor, color="0.8", linewidth=0.6, zorder=0)
    axes.set(xlabel="time (ms)", xlim=_span(recording), ylim=(0, heights.sum()))
    labels = [_label(*pair) for pair in zip(names, records, strict=True)]
    if len(records) == 1:
        _number_rows(axes, records[0].recorded[::nth])
        axes.set_ylabel(f"neuron of {labels[0]}")
    else:
        axes.set_yticks(floors + heights / 2, labels)
        axes.tick_params(axis="y", length=0)
    if nth > 1:
        axes.set_title(f"one neuron in {nth:,} is drawn", loc="right", fontsize="small")
    return axes


def rates(recording: Recording, populations: tuple[str, ...], bin_size: float, sample: int, axes: Axes | None) -> Axes:
    """Draw mean rates over time; see `snn.Recording.plot_rates`."""
    names = _chosen(recording, populations, sample, "plot_rates")
    histograms = [recording.spikes[name].rates(bin_size) for name in names]
    axes = axes or _new_axes()
    for name, (times, values) in zip(names, histograms, strict=True):
        edges = np.append(times - bin_size / 2, times[-1] + bin_size / 2)
        axes.stairs(values[sample], edges, baseline=None, label=name, linewidth=1.2)
    axes.set(xlabel="time (ms)", ylabel=f"rate (Hz), bins of {bin_size:g} ms", xlim=_span(recording))
    axes.set_ylim(bottom=0)
    _legend(axes, len(names))
    return axes


def trace(recorded: Trace, sample: int, axes: Axes | None) -> Axes:
    """Draw a recorded variable over time; see `snn.Recording.plot_trace`."""
    _check_sample("plot_trace", sample, len(recorded.values))
    axes = axes or _new_axes()
    values, count = recorded.values[sample], recorded.values.shape[2]
    if count <= _LINES:
        for neuron, column in zip(recorded.neurons, values.T, strict=True):
            axes.plot(recorded.times, column, linewidth=1, label=f"{recorded.population}[{neuron}]")
    else:
        axes.plot(recorded.times, values, linewidth=0.5, color="0.6", alpha=0.4)
        label = f"mean of {recorded.population}[{recorded.neurons[0]}:{recorded.neurons[-1] + 1}]"
        axes.plot(recorded.times, values.mean(axis=1), linewidth=1.5, color="C0", label=label)
    axes.set(
        xlabel="time (ms)", ylabel=f"{recorded.variable} ({recorded.unit})" if recorded.unit else recorded.variable
    )
    axes.margins(x=0)
    _legend(axes, min(count, _LINES))
    return axes


def _chosen(recording: Recording, populations: tuple[str, ...], sample: int, owner: str) -> list[str]:
    """Return the populations to draw: those named, or all with recorded neurons."""
    for name in populations:
        if name not in recording.spikes:
            raise ValidationError(owner, "population", name, f"one of {', '.join(recording.spikes)}")
        if not len(recording.spikes[name].recorded):
            raise ValidationError(owner, "population", name, "one whose spikes are recorded; see Network.record_spikes")
    _check_sample(owner, sample, recording.batch)
    names = list(populations) or [name for name, record in recording.spikes.items() if len(record.recorded)]
    if not names:
        raise ValidationError(owner, "recording", "no spikes", "one with spikes; see Network.record_spikes")
    return names


def _check_sample(owner: str, sample: int, batch: int) -> None:
    if checks.integer(owner, "sample", sample, minimum=0) >= batch:
        raise ValidationError(owner, "sample", sample, f"0 to {batch - 1}")


def _new_axes(height: float = 3.2) -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(7.0, height), layout="constrained")[1]


def _span(recording: Recording) -> tuple[float, float] | None:
    """Return the limits of time; None, matplotlib's choice, where there is none."""
    return (recording.start, recording.stop) if recording.stop > recording.start else None


def _number_rows(axes: Axes, neurons: np.ndarray) -> None:
    """Put the numbers of some neurons beside their rows, which are one high."""
    from matplotlib.ticker import MaxNLocator

    rows = np.asarray(MaxNLocator(6, integer=True).tick_values(0, len(neurons) - 1)).astype(int)
    rows = rows[(rows >= 0) & (rows < len(neurons))]
    axes.set_yticks(rows + 0.5, neurons[rows])


def _label(name: str, record: SpikeRecord) -> str:
    """Return what stands beside a population's band: its name and size, and how many neurons were recorded."""
    size, recorded = int(np.prod(record.shape)), len(record.recorded)
    return f"{name} ({size:,})" if recorded == size else f"{name} ({recorded:,} of {size:,})"


def _legend(axes: Axes, entries: int) -> None:
    """Put a legend beside the axes, where it covers nothing."""
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small", ncols=1 + entries // 16)
