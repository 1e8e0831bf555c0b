"""The report of a conversion: what became of every node and why, how far the layers are off, and what would help."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from importlib import metadata
from math import isfinite
from pathlib import Path
from typing import Any

from bridge.files import replace
from bridge.measurement import PARTS, LayerError, Measurement
from bridge.plan import Verdict

_SMALL = 0.01  # relative error below which nothing is suggested
_STEEP = 10.0  # gain of a network from which on it is worth a word
_MANY = 0.05  # share of a layer's neurons that are worth a word


@dataclass(frozen=True, eq=False)
class ConversionReport:
    """What became of a module; `print` it, or look at it in a browser.

    Attributes
    ----------
    method : str
        How it was converted, such as "rate".
    settings : dict
        With which numbers, such as ``{"T": 32, "weight_bits": 24}``.
    nodes : tuple of Verdict
        Every node of the module as traced.
    notes : tuple of str
        What else is to be known of the conversion, in sentences.
    measurement : Measurement or None
        How far the layers are from the network's, see `Converted.measure`; None where nothing was measured.
    """

    method: str
    settings: dict[str, Any]
    nodes: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()
    measurement: Measurement | None = None

    @property
    def title(self) -> str:
        """Method and settings in a few words."""
        return ", ".join([self.method, *(f"{name} = {value}" for name, value in self.settings.items())])

    def counts(self) -> dict[str, int]:
        """Return how many nodes have which verdict."""
        found = [node.verdict for node in self.nodes]
        return {verdict: found.count(verdict) for verdict in dict.fromkeys(found)}

    def suggestions(self) -> list[str]:
        """Return what would bring the spiking network nearer to its original, in sentences; [] without measurement."""
        return suggest(self.measurement) if self.measurement else []

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts().items())
        rows = [("node", "kind", "verdict", "reason"), *((n.node, n.kind, n.verdict, n.reason) for n in self.nodes)]
        lines = [f"Converted ({self.title}): {len(self.nodes)} nodes, {counts}", "", *_aligned(rows, "<<<<")]
        lines += ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        if self.measurement:
            lines += ["", *_told(self.measurement)]
            lines += ["", "Suggestions:", *(f"- {sentence}" for sentence in self.suggestions())]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the plots' points, ready for JSON."""
        return {
            "schema": 1,
            "version": metadata.version("allornone"),
            "method": self.method,
            "settings": self.settings,
            "nodes": [asdict(node) for node in self.nodes],
            "notes": list(self.notes),
            "measurement": self.measurement.to_json() if self.measurement else None,
            "suggestions": self.suggestions(),
        }

    def save_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as a page that needs no other file; an old one is replaced as a whole or kept.

        Parameters
        ----------
        path : path
            Its folder is made if it is not there.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        from bridge.pages.conversion import render

        page = render(self)
        replace(Path(path).parent, {Path(path).name: lambda file: file.write_text(page, encoding="utf-8")})

    def save_json(self, path: str | os.PathLike[str]) -> None:
        """Write `to_json` to a file; as `save_html`."""
        text = json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n"
        replace(Path(path).parent, {Path(path).name: lambda file: file.write_text(text, encoding="utf-8")})


def suggest(measurement: Measurement) -> list[str]:
    """Return what would bring a spiking network nearer to its original, in sentences.

    Parameters
    ----------
    measurement : Measurement
    """
    *_, output = measurement.layers
    found = []
    if output.total < _SMALL:
        found.append(f"The output is within {_percent(_SMALL)} of the network's: nothing needs to be done.")
    else:
        found += _for_the_output(measurement, output)
    for layer in measurement.layers[:-1]:
        if layer.parts["clipping"] > 2 * layer.parts["quantisation"] and layer.parts["clipping"] > _SMALL:
            found.append(
                f"{_called(layer)} clips {_percent(layer.clipped)} of its activations, which costs "
                f"{_percent(layer.parts['clipping'])}: calibrate on more samples like these, or raise its threshold."
            )
        if layer.dead > _MANY * layer.neurons:
            found.append(
                f"{layer.dead:,} of the {layer.neurons:,} neurons of {_called(layer)} are 0 for all "
                f"{measurement.samples} samples in the network itself: those that always are could be left out."
            )
        if layer.silent > _MANY * layer.neurons:
            found.append(
                f"{layer.silent:,} of the {layer.neurons:,} neurons of {_called(layer)} never spike though they are "
                "active in the network: their activation is less than half a level."
            )
    return found


def _called(layer: LayerError) -> str:
    """Give a layer's name so that it reads as one, also where it is its place in an nn.Sequential."""
    return f"layer {layer.name}" if layer.name.isdigit() else layer.name


def _for_the_output(measurement: Measurement, output: LayerError) -> list[str]:
    made = max(output.parts[part] for part in PARTS[:3])
    coarse = f"The output is {_percent(output.total)} off"
    if output.parts["unevenness"] >= max(made, output.parts["input coding"]):
        return [f"{coarse}, most of it from spikes that come unevenly: give more steps, or convert by event."]
    if output.parts["input coding"] > made:
        return [f"{coarse}, most of it from the input's code: give more steps or levels, or use a constant input."]
    worst = max(measurement.layers, key=lambda layer: layer.influence)
    found = [
        f"{coarse}, most of it from clipping and quantisation: give more steps or levels, first of all to "
        f"{_called(worst)}, which alone puts the output {_percent(worst.influence)} off."
    ]
    if measurement.gain > _STEEP:
        found.append(
            f"The network itself changes its output {measurement.gain:.3g} times as much as a small change of its "
            "input, relative to both: what the input's code and the first layers round grows on its way."
        )
    return found


def _told(measurement: Measurement) -> list[str]:
    """Return a measurement as lines of text."""
    same = f"the network's class in {_percent(measurement.agreement)}"
    lines = [f"On {measurement.samples} samples: {same}, quantised twin in {_percent(measurement.twin_agreement)}"]
    if measurement.accuracy:
        right = (f"{who} {_percent(share)}" for who, share in measurement.accuracy.items())
        lines.append(f"Right answers: {', '.join(right)}")
    head = ("layer", "neurons", "error", *PARTS, "influence", "spikes", "operations")
    spikes, operations = (sum(kind.values()) for kind in (measurement.spikes, measurement.operations))
    lines += [
        *([f"The network's own gain: {measurement.gain:.3g}"] if isfinite(measurement.gain) else []),
        f"Per inference, relays included: {spikes:,.1f} spikes, {operations:,.1f} synaptic operations",
        "Errors in % of the root mean square of the network's activation:",
        *_aligned([head, *(_row(layer, measurement) for layer in measurement.layers)], "<" + ">" * 10),
    ]
    return lines


def _row(layer: LayerError, measurement: Measurement) -> tuple[str, ...]:
    numbers = (layer.total, *(layer.parts[part] for part in PARTS), layer.influence)
    work = (kind.get(layer.name) for kind in (measurement.spikes, measurement.operations))
    told = ("" if count is None else f"{count:,.1f}" for count in work)
    return layer.name, f"{layer.neurons:,}", *(f"{100 * number:.2f}" for number in numbers), *told


def _aligned(rows: list[tuple[str, ...]], alignment: str) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[f"{cell:{a}{w}}" for cell, a, w in zip(row, alignment, widths, strict=True)] for row in rows]
    return ["  " + "  ".join(row).rstrip() for row in cells]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
