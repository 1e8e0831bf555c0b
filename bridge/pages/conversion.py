"""The report of a conversion as one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape
from math import isfinite
from typing import TYPE_CHECKING

from bridge.figures import draw
from bridge.measurement import PARTS, Measurement
from bridge.pages import figures
from bridge.pages.elements import figure, grid, listed, page, section, terms
from bridge.table import Table, Words, percent

if TYPE_CHECKING:
    from bridge.conversion_report import ConversionReport

VERDICTS = {
    "exact": "Says exactly what the node computes from what it is given, but for the rounding of weights.",
    "quantised": "Says it in steps: the error is stated, and measured below where samples were given.",
    "graded": "Its events carry a number: exact, but not all-or-none.",
    "merged": "Has no neurons of its own: its weights are in those of another node.",
    "dropped": "Has no effect at inference.",
}
DEFINITIONS = {
    "Error": "The root mean square, over samples and neurons, of the difference between what the spikes say and the "
    "network's activation, as a share of the root mean square of that activation. It is split into five parts, each "
    "measured in the same way. The differences sum to the whole, their root mean squares do not.",
    "Clipping": "What the activation loses where it is above what the most spikes stand for. Made in this layer.",
    "Quantisation": "What the clipped activation changes when it is rounded to so many spikes as there can be. Made "
    "in this layer.",
    "Inherited": "What clipping and quantisation of the layers before add: the layer's value in the quantised twin, "
    "in which every activation is rounded, less the network's own activation, rounded.",
    "Input coding": "What it adds that the input is coded in spikes: the quantised twin given what the code says, "
    "less the twin given the sample. Nothing with a constant current.",
    "Unevenness": "What the spikes say less what the quantised twin says: spikes that came too early or too late, "
    "here and in the layers before; and what it changes that weights are rounded to so many bits as the settings say. "
    "Networks converted by event have none of the former, and weights of 30 bits.",
    "Influence": "How far the output is off if only this layer is clipped and quantised and all others are exact.",
    "Gain": "How many times more the network's output changes than its input, if that changes a little at random; both "
    "relative to their size. Where it is large, what the input's code and the first layers round grows on its way.",
    "Synaptic operation": "One synapse reached by one spike.",
    "Quantised twin": "The network with every activation rounded to one of the numbers of spikes that there can be.",
}
SOURCES = (
    "B. Rueckauer, I.-A. Lungu, Y. Hu, M. Pfeiffer, S.-C. Liu: Conversion of continuous-valued deep networks to "
    "efficient event-driven networks for image classification. Frontiers in Neuroscience 11:682, 2017.",
    "T. Bu, W. Fang, J. Ding, P. Dai, Z. Yu, T. Huang: Optimal ANN-SNN conversion for high-accuracy and "
    "ultra-low-latency spiking neural networks. ICLR 2022 (clipping, quantisation and unevenness errors).",
)


def render(report: ConversionReport) -> str:
    """Return a report as an HTML page.

    Parameters
    ----------
    report : ConversionReport
    """
    parts = [_summary(report)]
    if report.measurement:
        parts += [
            section("Suggestions", listed(report.suggestions())),
            _errors(report.measurement),
            _activations(report.measurement),
            _work(report.measurement),
        ]
    parts += [_nodes(report), _meanings(report)]
    return page(f"Conversion of a network ({report.title})", "\n".join(parts))


def _summary(report: ConversionReport) -> str:
    counts, measured = report.counts(), report.measurement
    words = f"{len(report.nodes)} nodes: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}."
    if measured is None:
        words += " Nothing was measured: that takes samples."
    else:
        words += (
            f" On {measured.samples} samples the spiking network gives the network's class in "
            f"{percent(measured.agreement)} of the cases, its quantised twin in {percent(measured.twin_agreement)}; "
            f"its output is {percent(measured.layers[-1].total)} off."
        )
        if isfinite(measured.gain):
            words += f" The network's own gain is {measured.gain:.3g}."
        if measured.accuracy:
            right = ", ".join(f"{who} {percent(share)}" for who, share in measured.accuracy.items())
            words += f" Right answers: {right}."
    return f'<p class="summary">{escape(words)}</p>'


def _errors(measured: Measurement) -> str:
    alt = "Error of every layer and its parts: " + "; ".join(
        f"{layer.name} {percent(layer.total)}" for layer in measured.layers
    )
    caption = "The error of each layer, and what it is made of, relative to the layer's activation."
    rows = [
        [
            layer.name,
            f"{layer.neurons:,}",
            f"{layer.rms:.3g}",
            *(f"{100 * error:.2f}" for error in (layer.total, *layer.parts.values(), layer.influence)),
        ]
        for layer in measured.layers
    ]
    head = ["layer", "neurons", "activation", "whole", *PARTS, "influence"]
    table = Table(
        f"Root mean squares over {measured.samples} samples and all neurons: of the activation in its own unit, of "
        "errors in % of it, of the influence on the output in % of that.",
        head,
        rows,
        (("", 3), ("error of the layer and its parts", 6), ("", 1)),
    )
    plot = figure(draw(figures.errors, measured, 4.2), alt, caption)
    return section("Where the error comes from", plot, grid(table))


def _activations(measured: Measurement) -> str:
    chosen = figures.shown(measured.layers)
    few = "" if len(chosen) == len(measured.layers) else f" {len(chosen)} of {len(measured.layers)} layers are shown."
    caption = (
        "Each dot is a neuron and a sample, a random choice of those of which one at least of both values is not 0. On "
        "the dashed line the spikes say what the network says. Of an activation both are in units of what the most "
        f"spikes stand for, so that the y axis is the firing rate; of the output, which is read, in its own unit.{few}"
    )
    rows = -(-len(chosen) // figures.COLUMNS)
    alt = f"What the spikes say against the network's activation, in {len(chosen)} layers."
    plot = draw(figures.activations, measured, 0.4 + 2.8 * rows)
    return section("Activation against firing rate", figure(plot, alt, caption))


def _work(measured: Measurement) -> str:
    spikes, operations = (sum(kind.values()) for kind in (measured.spikes, measured.operations))
    alt = f"Spikes and synaptic operations by layer, in all {spikes:,.0f} and {operations:,.0f} per inference."
    caption = f"Means over {measured.samples} samples; in all {spikes:,.1f} spikes and {operations:,.1f} operations."
    layers, rows = {layer.name: layer for layer in measured.layers}, []
    for name, count in measured.spikes.items():
        work = [f"{count:,.1f}", f"{measured.operations[name]:,.1f}", percent(count / (spikes or 1))]
        layer = layers.get(name)
        neurons = [percent(layer.clipped), f"{layer.dead:,}", f"{layer.silent:,}"] if layer else ["–"] * 3
        rows.append([name, *work, *neurons])
    table = Table(
        "Per inference; relays of poolings are layers of their own. Clipped: share of the activations above the "
        "highest that spikes can say. Dead: neurons that are 0 for every sample in the network itself; silent: those "
        "that are not, but never spike.",
        ["layer", "spikes", "synaptic operations", "share of the spikes", "clipped", "dead", "silent"],
        rows,
    )
    if not rows:
        return section("Spikes and operations", "<p>No layer fires: the network is linear.</p>")
    return section("Spikes and operations", figure(draw(figures.work, measured, 3.9), alt, caption), grid(table))


def _nodes(report: ConversionReport) -> str:
    rows = [[node.node, Words(node.kind), Words(node.verdict), Words(node.reason)] for node in report.nodes]
    table = Table("Every node of the module, in its order.", ["node", "kind", "verdict", "why"], rows)
    notes = [listed(list(report.notes))] if report.notes else []
    return section("What became of every node", grid(table), *notes)


def _meanings(report: ConversionReport) -> str:
    verdicts = {name.capitalize(): VERDICTS[name] for name in report.counts()}
    definitions = DEFINITIONS if report.measurement else {}
    sources = f"<h3>Sources</h3>{listed(list(SOURCES))}" if report.measurement else ""
    return section("What the words mean", terms(verdicts | definitions), sources)
