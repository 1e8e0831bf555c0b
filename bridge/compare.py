"""The comparison: an artificial network, the same converted, and a spiking one trained as such, on the same images."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np

import snn
from bridge import energy
from bridge.convert import prepare, take_over
from bridge.inference import Inference
from bridge.rate import Converted, convert_by_rate, quantised_twin
from bridge.statistics import wilson

SCHEMA = 1
_WARM = 50  # images that each network runs before it is timed
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What came of a comparison.

    Attributes
    ----------
    results : dict
        Figures, ready for JSON; `docs/comparison.md` says what each is.
    arrays : dict of str to ndarray
        Data behind them, ready for HDF5: predictions, latencies, rasters, the f-I curve.
    """

    results: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained network that takes part.

    Attributes
    ----------
    module : torch.nn.Module
    name : str
        Its architecture.
    training : dict
        How it came to be: ``{"epochs": ..., "seconds": ...}`` or ``{"loaded": path}``.
    """

    module: Any
    name: str
    training: dict[str, Any]


def compare(
    artificial: Subject,
    spiking: Subject,
    data: Any,
    *,
    steps: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64),
    samples: int | None = None,
    threads: int = 1,
    settings: dict[str, Any] | None = None,
    report: Report | None = None,
) -> Comparison:
    """Run everything on the same test images.

    Parameters
    ----------
    artificial : Subject
        A ReLU network; converted once for every T.
    spiking : Subject
        A network of spiking neurons trained with a surrogate gradient, with attributes ``body`` and ``steps``.
    data : ann.Dataset
    steps : tuple of int
        The T's.
    samples : int, optional
        How many test images, the first ones; all by default.
    threads : int
        On how many threads; it changes no result but speed.
    settings : dict, optional
        Kept in the results as they are.
    report : callable, optional
        Called as ``report(what, done, total)`` with numbers of images.

    Raises
    ------
    ConversionError
        If a network cannot be converted.
    """
    import ann

    x, y = data.x_test[:samples], data.y_test[:samples]
    report = report or (lambda what, done, total: None)
    arrays: dict[str, np.ndarray] = {"labels": y}
    ann.evaluate(artificial.module, x[:_WARM])
    begun = time.perf_counter()
    answers = ann.evaluate(artificial.module, x).argmax(axis=1)
    seconds = time.perf_counter() - begun
    arrays["ann/predictions"] = answers
    traced, graph = prepare(artificial.module, x)

    converted, curves = {}, []
    for t in steps:
        converted[t] = convert_by_rate(traced, graph, data.x_train, t)
        converted[t].run(x[:_WARM], threads=threads)  # compiled and warm before anything is timed
        inference = converted[t].run(
            x, threads=threads, report=lambda done, t=t: report(f"converted, T = {t}", done, len(x))
        )
        twin = quantised_twin(converted[t], x).argmax(axis=1)
        entry = describe(converted[t], inference, y) | {
            "twin_accuracy": float((twin == y).mean()),
            "agreement": float((inference.classes == answers).mean()),
        }
        curves.append(entry)
        _keep(arrays, f"converted/T={t}", converted[t], inference)

    surrogate_curves, taken = [], {}
    for t in sorted({*steps, spiking.module.steps}):
        taken[t] = take_over(spiking.module.body, x[:2], steps=t)
        taken[t].run(x[:_WARM], threads=threads)
        inference = taken[t].run(
            x, threads=threads, report=lambda done, t=t: report(f"surrogate, T = {t}", done, len(x))
        )
        surrogate_curves.append(describe(taken[t], inference, y))
        _keep(arrays, f"surrogate/T={t}", taken[t], inference)

    arrays |= {f"raster/converted/{k}": v for k, v in raster(converted[_middle(steps)], x[0]).items()}
    arrays |= {f"raster/surrogate/{k}": v for k, v in raster(taken[spiking.module.steps], x[0]).items()}
    arrays |= {f"f_i/{k}": v for k, v in f_i_curve().items()}
    right = int((answers == y).sum())
    work = energy.Work(macs=sum(traced.macs().values()))
    results = {
        "schema": SCHEMA,
        "version": metadata.version("allornone"),
        "settings": settings or {},
        "machine": {"platform": platform.platform(), "python": platform.python_version(), "threads": threads},
        "data": {
            "name": data.name,
            "train": len(data.x_train),
            "validation": len(data.x_validation),
            "test": len(y),
            "shape": list(data.shape),
            "classes": list(data.classes),
        },
        "ann": {
            "model": artificial.name,
            "training": artificial.training,
            "accuracy": right / len(y),
            "interval": wilson(right, len(y)),
            "parameters": sum(p.numel() for p in artificial.module.parameters()),
            "macs": work.macs,
            "images_per_second": len(y) / seconds,
        },
        "converted": curves,
        "surrogate": {
            "model": spiking.name,
            "training": spiking.training,
            "steps": spiking.module.steps,
            "torch_accuracy": float(ann.accuracy(spiking.module, x, y)),
            "parameters": sum(p.numel() for p in spiking.module.parameters()),
            "by_steps": surrogate_curves,
        },
        "energy": [_cost(model, work, curves, surrogate_curves) for model in energy.MODELS],
        "raster": {"label": int(y[0]), "converted_steps": _middle(steps), "surrogate_steps": spiking.module.steps},
    }
    return Comparison(results, arrays)


def describe(network: Converted, inference: Inference, y: np.ndarray) -> dict[str, Any]:
    """Return the figures of one spiking network's run, ready for JSON."""
    right, total = int((inference.classes == y).sum()), len(y)
    firing = [layer for layer in network.layers if layer.kind != "readout"]
    sizes = {layer.name: int(np.prod(layer.shape)) for layer in network.layers}
    updates = sum(sizes[layer.name] * (layer.last - layer.first + 1) for layer in network.layers)
    spikes, events = float(inference.spikes.sum(axis=1).mean()), float(inference.synaptic_events.mean())
    latency = steps_to_decision(network, inference)
    first_layer = next(iter(network.macs.values()))
    return {
        "steps": network.steps,
        "duration": network.duration,
        "accuracy": right / total,
        "interval": wilson(right, total),
        "spikes": spikes,
        "neurons": sum(sizes[layer.name] for layer in firing),
        "spikes_per_neuron": spikes / max(1, sum(sizes[layer.name] for layer in firing)),
        "synaptic_operations": events,
        "input_macs": first_layer,
        "neuron_updates": updates,
        "latency_median": float(np.median(latency)),
        "latency_90": float(np.quantile(latency, 0.9)),
        "images_per_second": total / inference.seconds,
        "events_per_second": float(inference.synaptic_events.sum()) / inference.seconds,
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "neurons": sizes[layer.name],
                "spikes": float(inference.spikes[:, i].mean()),
                "spikes_per_neuron": float(inference.spikes[:, i].mean()) / sizes[layer.name],
            }
            for i, layer in enumerate(firing)
        ],
    }


def steps_to_decision(network: Converted, inference: Inference) -> np.ndarray:
    """Return for each sample the step, from the image's onset, after which the decision stays; int64 (samples,)."""
    return network.layers[-1].first - 1 + inference.latency()


def raster(network: Converted, image: np.ndarray) -> dict[str, np.ndarray]:
    """Return the spikes of one image, by layer: rows of (step, neuron)."""
    simulation = network.simulation()
    network.encode(simulation, image[None])
    recording = simulation.run(float(network.duration))
    return {
        layer.name: np.stack([recording.spikes[layer.name].steps, recording.spikes[layer.name].neurons], axis=1)
        for layer in network.layers
        if layer.kind != "readout"
    }


def f_i_curve(steps: int = 1000) -> dict[str, np.ndarray]:
    """Return what neurons answer to constant input, beside what ReLU does.

    Input is in thresholds a step, rates in spikes a step: of an integrate-and-fire neuron with soft reset, which is
    ReLU clipped at 1, and of a leaky one with a refractory period of 2 steps, as biology has it.
    """
    drive = np.linspace(-0.5, 1.5, 81)
    network = snn.Network()
    cells = network.population("if", len(drive), snn.IF(i_e=drive), initial={"v": 0.5})
    leaky = snn.LIF(tau_m=10.0, c_m=1.0, v_threshold=1.0, v_reset=0.0, t_ref=2.0, i_e=drive)
    leaks = network.population("lif", len(drive), leaky)
    recording = snn.Simulation(network, dt=1.0).run(float(steps))
    rates = {p.name: recording.spikes[p.name].counts()[0] / steps for p in (cells, leaks)}
    return {"input": drive, "relu": np.maximum(drive, 0.0), **rates}


def _keep(arrays: dict[str, np.ndarray], name: str, network: Converted, inference: Inference) -> None:
    arrays[f"{name}/predictions"] = inference.classes
    arrays[f"{name}/latency"] = steps_to_decision(network, inference)
    arrays[f"{name}/spikes"] = inference.spikes
    arrays[f"{name}/synaptic_operations"] = inference.synaptic_events


def _cost(model: energy.CostModel, work: energy.Work, converted: list[dict], surrogate: list[dict]) -> dict[str, Any]:
    def row(entry: dict[str, Any]) -> dict[str, Any]:
        mine = energy.Work(entry["input_macs"], entry["synaptic_operations"], entry["neuron_updates"])
        factor = model.break_even(work, mine, entry["steps"])
        return {
            "steps": entry["steps"],
            "artificial": model.artificial(work, entry["steps"]),
            "spiking": model.spiking(mine, entry["steps"]),
            "break_even_spikes_per_neuron": factor * entry["spikes_per_neuron"] if entry["spikes"] else None,
        }

    return {
        "model": model.name,
        "title": model.title,
        "assumptions": list(model.assumptions),
        "converted": [row(entry) for entry in converted],
        "surrogate": [row(entry) for entry in surrogate],
    }


def _middle(steps: tuple[int, ...]) -> int:
    """Return the T whose raster is shown: 16, or the nearest there is."""
    return min(steps, key=lambda t: (abs(t - 16), t))
