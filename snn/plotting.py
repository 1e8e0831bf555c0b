"""Pictures of recordings, by matplotlib, which is imported only here and only when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snn.errors import ValidationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from snn.recording import Recording, Trace

_UNITS = {"v": "mV", "i_syn": "pA", "i_ex": "pA", "i_in": "pA", "refractory": "steps"}


def raster(recording: Recording, populations: tuple[str, ...], sample: int, axes: Axes | None) -> Axes:
    """Draw a dot for every spike; see `snn.Recording.plot_raster`."""
    import matplotlib.pyplot as plt

    axes = axes or plt.subplots(layout="constrained")[1]
    base, ticks, labels = 0, [], []
    for name in populations:
        if name not in recording.spikes:
            raise ValidationError("plot_raster", "population", name, f"one of {', '.join(recording.spikes)}")
        record = recording.spikes[name]
        size, mine = int(np.prod(record.shape)), record.samples == sample
        axes.plot(record.times[mine], record.neurons[mine] + base, ".", markersize=2, label=name, rasterized=True)
        ticks.append(base + size / 2)
        labels.append(f"{name}\n({size:,})")
        base += size
    axes.set(xlabel="time (ms)", ylabel="neuron", yticks=ticks, xlim=(recording.start, recording.stop), ylim=(-1, base))
    axes.set_yticklabels(labels)
    return axes


def trace(recorded: Trace, sample: int, axes: Axes | None) -> Axes:
    """Draw a recorded variable over time; see `snn.Recording.plot_trace`."""
    import matplotlib.pyplot as plt

    axes = axes or plt.subplots(layout="constrained")[1]
    axes.plot(recorded.times, recorded.values[sample], linewidth=1)
    unit = _UNITS.get(recorded.variable)
    axes.set(xlabel="time (ms)", ylabel=f"{recorded.variable} ({unit})" if unit else recorded.variable)
    return axes
