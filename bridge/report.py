"""A comparison as one HTML page that needs nothing else: no script, no network, no other file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from bridge import figures
from bridge.figures import LOOK, runs

if TYPE_CHECKING:
    from bridge.compare import Comparison

NEAR = 0.006  # of accuracy: what the summary calls as good as the artificial network

STYLE = """
body { max-width: 960px; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff;
       font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; } h3 { margin: 0 0 .3rem; font-size: 1rem; }
.summary { font-size: 1.1rem; }
figure { margin: 1.5rem 0; break-inside: avoid; } img { width: 100%; height: auto; }
figcaption, caption { font-size: .9rem; color: #444; text-align: left; } caption { padding-bottom: .4rem; }
.scroll { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .2rem .5rem; text-align: right; border-bottom: 1px solid #e3e3e3; }
th { vertical-align: bottom; } thead th { border-bottom: 1px solid #888; } th[scope=colgroup] { text-align: center; }
tr > :first-child { text-align: left; } td.cheaper { font-weight: bold; background: #dff0e8; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(250px, 1fr)); gap: 1rem; font-size: .85rem; }
.columns ul { margin: 0; padding-left: 1.1rem; }
dt { font-weight: bold; } dd { margin: 0 0 .5rem 1.5rem; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: max-content 1fr; font-size: .9rem; } .facts dd { margin: 0 0 0 1rem; }
@media print { body { max-width: none; margin: 0; font-size: 11pt; } tr { break-inside: avoid; } h2 { break-after: avoid; } }
"""

DEFINITIONS = {
    "T": "The time steps for which the input is shown and in which each layer may fire. A layer starts after the one "
    "before it, so that an inference takes a few steps more than T; the tables call these the duration.",
    "Converted": "The artificial network with each ReLU replaced by an integrate-and-fire neuron that subtracts its "
    "threshold when it fires: the number of its spikes in T steps stands for the activation (Rueckauer 2017).",
    "Quantised twin": "The artificial network with each activation rounded to one of the T + 1 numbers of spikes that T "
    "steps allow (Bu 2022). Where it and the converted network differ, spikes came unevenly.",
    "Surrogate-trained": "A network of leaky spiking neurons, trained as such by backpropagation through time with a smooth "
    "derivative in place of the step's (Neftci 2019), with snnTorch (Eshraghian 2023), at one T; other T's are shown, too.",
    "Spikes per inference": "All spikes of all layers for one image, the mean over the test images.",
    "Synaptic operation": "One synapse reached by one spike: an addition of a weight to a potential.",
    "MAC": "Multiply-accumulate: a multiplication and an addition, the unit of work of an artificial network. The first "
    "layer of a spiking network needs these, too, once an image, as its input is not spikes but a constant current.",
    "Decision": "The class with the highest output so far. The step of the decision is the first after which it does not "
    "change any more, right or wrong.",
    "Interval": "The 95 % interval of a share of right answers (Wilson 1927). It tells how sure an accuracy is with that many "
    "test images; it does not tell how accuracy would vary with another training.",
}
SOURCES = (
    "B. Rueckauer, I.-A. Lungu, Y. Hu, M. Pfeiffer, S.-C. Liu: Conversion of continuous-valued deep networks to efficient "
    "event-driven networks for image classification. Frontiers in Neuroscience 11:682, 2017.",
    "T. Bu, W. Fang, J. Ding, P. Dai, Z. Yu, T. Huang: Optimal ANN-SNN conversion for high-accuracy and "
    "ultra-low-latency spiking neural networks. ICLR 2022 (QCFS quantisation).",
    "E. O. Neftci, H. Mostafa, F. Zenke: Surrogate gradient learning in spiking neural networks. IEEE Signal Processing "
    "Magazine 36(6):51-63, 2019.",
    "J. K. Eshraghian et al.: Training spiking neural networks using lessons from deep learning. Proceedings of the IEEE "
    "111(9):1016-1054, 2023 (snnTorch).",
    "M. Horowitz: Computing's energy problem (and what we can do about it). ISSCC 2014, 10-14.",
    "E. B. Wilson: Probable inference, the law of succession, and statistical inference. Journal of the American "
    "Statistical Association 22:209-212, 1927.",
)


class Cheaper(str):
    """A table's cell that is marked because spiking costs less there."""


def render(comparison: Comparison) -> str:
    """Return the report of a comparison as an HTML page.

    Parameters
    ----------
    comparison : Comparison
    """
    data = comparison.results["data"]
    title = f"Artificial and spiking networks on {data['name']}"
    sections = (_accuracy, _spikes, _energy, _latency, _raster, _f_i, _speed)
    body = "\n".join([_summary(comparison.results), *(section(comparison) for section in sections), _method()])
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def _summary(results: dict[str, Any]) -> str:
    ann, data, machine, surrogate = (results[key] for key in ("ann", "data", "machine", "surrogate"))
    chosen, own = _chosen(results), _own(results)
    last = results["converted"][-1]
    if chosen["accuracy"] >= ann["accuracy"] - NEAR:
        reached = f"comes within {100 * NEAR:.1f} points of that, or above, from T = {chosen['steps']} on"
        reached = reached.removesuffix(" on") if chosen is last else reached
        reached = reached.replace(" from", " at") if chosen is last else reached
    else:
        reached = f"does not come within {100 * NEAR:.1f} points of that; it is best at T = {chosen['steps']}"
    more = "" if chosen is last else f" and {_percent(last['accuracy'])} at T = {last['steps']}"
    words = (
        f"On {_count(data['test'], 'test image')} of {data['name']}, the artificial network {ann['model']} is right in "
        f"{_percent(ann['accuracy'])} of the cases (95 % interval {_interval(ann)}), with {ann['macs']:,} multiply-accumulates an "
        f"image. Converted into spiking neurons, it {reached}: {_percent(chosen['accuracy'])}{more}. "
        f"{surrogate['model']}, trained as a spiking network with surrogate gradients, reaches {_percent(own['accuracy'])} at the "
        f"T = {own['steps']} it was trained with. {_work('The converted network', chosen, ann)} "
        f"{_work('The surrogate-trained one', own, ann)} {_verdict(results)}"
    )
    facts = {
        "Data": f"{data['name']}: {data['train']:,} training, {data['validation']:,} validation and {data['test']:,} test images "
        f"of {' × '.join(map(str, data['shape']))}, classes {', '.join(data['classes'])}",
        "Artificial network": f"{ann['model']}, {ann['parameters']:,} parameters{_training(ann)}",
        "Spiking network": f"{surrogate['model']}, {surrogate['parameters']:,} parameters{_training(surrogate)}; "
        f"{_percent(surrogate['torch_accuracy'])} right in PyTorch",
        "Settings": ", ".join(f"{key} {value}" for key, value in results["settings"].items() if value is not None),
        "Machine": f"{machine['platform']}, {_count(machine['threads'], 'thread')}, Python {machine['python']}",
        "Version": f"allornone {results['version']}",
    }
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items() if fact)
    return f'<p class="summary">{escape(words)}</p>\n<dl class="facts">{pairs}</dl>'


def _work(who: str, entry: dict[str, Any], ann: dict[str, Any]) -> str:
    share = entry["synaptic_operations"] / ann["macs"]
    return (
        f"{who} fires {entry['spikes']:,.0f} spikes an image at T = {entry['steps']}, {entry['spikes_per_neuron']:.2f} a neuron, "
        f"which make {entry['synaptic_operations']:,.0f} synaptic operations, {share:.2f} times the multiply-accumulates."
    )


def _verdict(results: dict[str, Any]) -> str:
    """Say under which cost models the two networks of the summary cost less, and under which more."""
    ts = {"converted": _chosen(results)["steps"], "surrogate": results["surrogate"]["steps"]}
    less, more = [], []
    for cost in results["energy"]:
        for who, t in ts.items():
            row = next(row for row in cost[who] if row["steps"] == t)
            ratio = row["spiking"] / row["artificial"]
            (less if ratio < 1 else more).append(f"{cost['title']}, {LOOK[who]['label']}: {ratio:.2f} times")
    ends = [f"costs {word} energy than the artificial network in {len(cases)} of {len(less) + len(more)} cases "
            f"({'; '.join(cases)})" for word, cases in (("less", less), ("more", more)) if cases]  # fmt: skip
    return f"At these T's spiking {', and '.join(ends)}."


def _chosen(results: dict[str, Any]) -> dict[str, Any]:
    """Return the converted network's entry that stands for it: the smallest T that is near, else the best."""
    converted = results["converted"]
    near = (entry for entry in converted if entry["accuracy"] >= results["ann"]["accuracy"] - NEAR)
    return next(near, max(converted, key=lambda entry: entry["accuracy"]))


def _own(results: dict[str, Any]) -> dict[str, Any]:
    """Return the surrogate-trained network's entry at the T it was trained with."""
    return next(e for e in results["surrogate"]["by_steps"] if e["steps"] == results["surrogate"]["steps"])


def _training(network: dict[str, Any]) -> str:
    training = network["training"]
    told = f"; {_count(training['epochs'], 'epoch')} in {training['seconds']:.1f} s" if "epochs" in training else ""
    return told + ("; weights of an earlier run" if "loaded" in training else "")
