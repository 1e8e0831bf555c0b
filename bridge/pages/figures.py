"""The figures of a conversion's report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bridge.figures import short
from bridge.measurement import PARTS, LayerError, Measurement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours; markers differ, too.
LOOK: dict[str, dict[str, Any]] = {
    "clipping": {"color": "#e69f00", "marker": "^"},
    "quantisation": {"color": "#0072b2", "marker": "o"},
    "inherited": {"color": "#56b4e9", "marker": "s"},
    "input coding": {"color": "#009e73", "marker": "v"},
    "unevenness": {"color": "#d55e00", "marker": "D"},
}
PANELS = 12  # layers whose activations are drawn, at most
COLUMNS = 4
_NOTHING = 1e-6  # a part that is smaller everywhere, as rounding is, is not drawn
_NAMES = 30  # layers named along an axis as wide as the page, at most


def errors(figure: Figure, measurement: Measurement) -> None:
    """Draw the parts of every layer's error, the layers in their order."""
    axes, layers = figure.subplots(), measurement.layers
    x = np.arange(len(layers))
    axes.plot(x, [100 * layer.total for layer in layers], color="#000000", linewidth=2.5, label="whole error")
    seen = [part for part in PARTS if any(layer.parts[part] > _NOTHING for layer in layers)]
    for part in seen:
        axes.plot(x, [100 * layer.parts[part] for layer in layers], **LOOK[part], markersize=5, label=part)
    _name(axes, [layer.name for layer in layers])
    axes.set_ylabel("error (% of the layer's activation)")
    axes.set_ylim(bottom=0)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=6)


def activations(figure: Figure, measurement: Measurement) -> None:
    """Draw what spikes say against the network's activation, a panel for each of some layers."""
    chosen = shown(measurement.layers)
    columns = min(COLUMNS, len(chosen))
    panels = figure.subplots(-(-len(chosen) // columns), columns, squeeze=False).ravel()
    for axes, layer in zip(panels, chosen, strict=False):
        low, high = (
            float(f(layer.points)) if len(layer.points) else default for f, default in ((np.min, 0), (np.max, 1))
        )
        axes.plot([low, high], [low, high], color="#000000", linewidth=1, linestyle="--")
        axes.scatter(*layer.points.T, s=6, alpha=0.35, color="#0072b2", linewidths=0, rasterized=True)
        axes.set_title(short(layer.name))
        axes.set_xlabel("output" if layer is measurement.layers[-1] else "activation / threshold")
    for axes in panels[len(chosen) :]:
        axes.axis("off")
    figure.supylabel("what the spikes say (spikes / most spikes)", fontsize=10)


def shown(layers: tuple[LayerError, ...]) -> list[LayerError]:
    """Return as many layers as have a panel, evenly spread, the first and the last among them."""
    places = np.linspace(0, len(layers) - 1, min(PANELS, len(layers))).round().astype(int)
    return [layers[i] for i in places]


def work(figure: Figure, measurement: Measurement) -> None:
    """Draw spikes and synaptic operations of every firing layer."""
    from matplotlib.ticker import StrMethodFormatter

    for axes, (title, counts) in zip(
        figure.subplots(1, 2),
        (("spikes", measurement.spikes), ("synaptic operations", measurement.operations)),
        strict=True,
    ):
        axes.bar(np.arange(len(counts)), list(counts.values()), color="#0072b2")
        _name(axes, list(counts), _NAMES // 2)
        axes.set_title(title)
        axes.set_ylabel("per inference")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _name(axes: Axes, names: list[str], room: int = _NAMES) -> None:
    """Put layers' names along the x axis, not more than there is room for."""
    step = -(-len(names) // room)
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if len(names) > 4 else {}
    axes.set_xticks(np.arange(0, len(names), step), [short(name) for name in names[::step]], **turned)
    axes.grid(visible=False, axis="x")
