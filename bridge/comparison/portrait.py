"""The figures of one network's run on the test images, and what is shown of its spikes."""

from __future__ import annotations

from typing import Any

import numpy as np

import snn
from bridge.comparison import energy
from bridge.comparison.statistics import wilson
from bridge.inference import Inference
from bridge.rate import Converted


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


def describe_early(network: Converted, inference: Inference, y: np.ndarray, margin: float) -> dict[str, Any]:
    """Return the figures of a run with an early exit: the duration is the mean of the steps up to which it is read."""
    assert inference.steps_read is not None
    until = network.layers[-1].first - 1 + inference.steps_read
    updates = np.zeros(len(until))
    for layer in network.layers:
        updates += np.prod(layer.shape) * np.clip(until - layer.first + 1, 0, layer.last - layer.first + 1)
    told = {"margin": margin, "duration": float(until.mean()), "neuron_updates": float(updates.mean())}
    return describe(network, inference, y) | told


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


def describe_twin(steps: int, answers: np.ndarray, reference: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Return the figures of a quantised twin.

    Parameters
    ----------
    steps : int
        T, of which its activations have one of T + 1 values.
    answers, reference, y : ndarray of int (images,)
        The classes it names, those that the artificial network names, and the true ones.
    """
    right, total = int((answers == y).sum()), len(y)
    return {
        "steps": steps,
        "bits": energy.bits(steps),
        "accuracy": right / total,
        "interval": wilson(right, total),
        "agreement": float((answers == reference).mean()),
    }


def price(
    model: energy.CostModel,
    work: energy.Work,
    converted: list[dict[str, Any]],
    surrogate: list[dict[str, Any]],
    early_exit: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return what one inference costs under a model: the artificial network, its twin, spiking ones at every T."""

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
        "ann": model.artificial(work, 1) if model.prices_floats else None,
        "converted": [row(entry) for entry in converted],
        "surrogate": [row(entry) for entry in surrogate],
        "early_exit": [row(entry) for entry in early_exit],
    }
