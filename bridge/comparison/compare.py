"""The comparison: an artificial network, its quantised twin, the same converted, and one trained as a spiking one.

All on the same images; `docs/comparison.md` says what comes of it.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np

from bridge.comparison import energy, neurobench, robustness
from bridge.comparison.fronts import fronts
from bridge.comparison.portrait import (
    describe,
    describe_early,
    describe_twin,
    f_i_curve,
    price,
    raster,
    steps_to_decision,
)
from bridge.comparison.statistics import images_needed, paired_tests, wilson
from bridge.convert import prepare, take_over
from bridge.errors import ValidationError
from bridge.inference import Inference
from bridge.rate import Converted, convert_by_rate, quantised_twin
from bridge.table import representatives

SCHEMA = 3
MARGIN = 0.005  # of accuracy: how much worse or better still counts as equally good
_EARLY = (0.1, 0.25, 0.5)  # margins of an early exit, as quantiles of the artificial network's on training images
_LOOKED_AT = 1000  # of those, at most
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
    margin: float = MARGIN,
    perturbed: bool = True,
    seed: int = 0,
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
    margin : float
        For the tests of equivalence: the difference of accuracies that counts as none, above 0 and below 1.
    perturbed : bool
        Whether robustness is measured, too.
    seed : int
        Fixes what is random in it.
    threads : int
        On how many threads; it changes no result but speed.
    settings : dict, optional
        Kept in the results as they are.
    report : callable, optional
        Called as ``report(what, done, total)`` with numbers of images; `robustness` counts an image once for each
        perturbation.

    Raises
    ------
    ValidationError
        If `margin` is refused.
    ConversionError
        If a network cannot be converted.
    """
    import ann

    if not 0 < margin < 1:
        raise ValidationError(f"margin must be a difference of accuracies above 0 and below 1, not {margin!r}")
    x, y = data.x_test[:samples], data.y_test[:samples]
    report = report or (lambda what, done, total: None)
    ann.evaluate(artificial.module, x[:_WARM])
    begun = time.perf_counter()
    answers = ann.evaluate(artificial.module, x).argmax(axis=1)
    seconds = time.perf_counter() - begun
    arrays: dict[str, np.ndarray] = {"labels": y, "ann/predictions": answers}
    traced, graph = prepare(artificial.module, x)

    runs = _Runs(x, y, threads, report, arrays)
    converted, twins = {}, {}
    for t in steps:
        converted[t] = convert_by_rate(traced, graph, data.x_train, t)
        runs.run("converted", converted[t])
        twins[t] = arrays[f"twin/T={t}/predictions"] = quantised_twin(converted[t], x).argmax(axis=1)
    for t in sorted({*steps, spiking.module.steps}):
        runs.run("surrogate", take_over(spiking.module.body, x[:2], steps=t))

    early = _early_exits(artificial.module, converted[max(steps)], data, x, y, threads)

    right = int((answers == y).sum())
    work = energy.Work(macs=sum(traced.macs().values()))
    curves = runs.entries["converted"]
    for entry in curves:
        entry["agreement"] = float((runs.answers["converted"][entry["steps"]] == answers).mean())
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
        "twin": [describe_twin(t, given, answers, y) for t, given in twins.items()],
        "converted": curves,
        "surrogate": {
            "model": spiking.name,
            "training": spiking.training,
            "steps": spiking.module.steps,
            "torch_accuracy": float(ann.accuracy(spiking.module, x, y)),
            "parameters": sum(p.numel() for p in spiking.module.parameters()),
            "by_steps": runs.entries["surrogate"],
        },
        "early_exit": early,
        "energy": [price(model, work, curves, runs.entries["surrogate"], early) for model in energy.MODELS],
    }
    results["tests"] = {"margin": margin, "images_needed": images_needed(margin)} | {
        who: paired_tests(given, answers, y, margin) for who, given in ({"twin": twins} | runs.answers).items()
    }
    results["fronts"] = fronts(results)
    chosen = {who: runs.networks[who][entry["steps"]] for who, entry in representatives(results).items()}
    results["neurobench"] = _neurobench(artificial.module, chosen, x, threads)
    if perturbed:
        contestants = robustness.Contestants(artificial.module, spiking.module.body, *chosen.values())
        results["robustness"], answered = robustness.measure(
            contestants,
            x,
            y,
            data.x_train,
            seed=seed,
            threads=threads,
            report=lambda what, done, total: report(what, done * len(x), total * len(x)),
        )
        arrays |= {f"robustness/{name}": given for name, given in answered.items()}
    middle, own = _middle(steps), spiking.module.steps
    arrays |= {f"raster/converted/{k}": v for k, v in raster(converted[middle], x[0]).items()}
    arrays |= {f"raster/surrogate/{k}": v for k, v in raster(runs.networks["surrogate"][own], x[0]).items()}
    arrays |= {f"f_i/{k}": v for k, v in f_i_curve().items()}
    results["raster"] = {"label": int(y[0]), "converted_steps": middle, "surrogate_steps": own}
    return Comparison(results, arrays)


@dataclass
class _Runs:
    """Runs of spiking networks on the test images, and what came of them, by network and T."""

    x: np.ndarray
    y: np.ndarray
    threads: int
    report: Report
    arrays: dict[str, np.ndarray]
    networks: dict[str, dict[int, Converted]] = field(default_factory=dict)
    entries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    answers: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)

    def run(self, who: str, network: Converted) -> None:
        """Run a network on all images."""
        t, x = network.steps, self.x
        network.run(x[:_WARM], threads=self.threads)  # compiled and warm before anything is timed
        inference = network.run(
            x, threads=self.threads, report=lambda done: self.report(f"{who}, T = {t}", done, len(x))
        )
        self.networks.setdefault(who, {})[t] = network
        self.entries.setdefault(who, []).append(describe(network, inference, self.y))
        self.answers.setdefault(who, {})[t] = inference.classes
        _keep(self.arrays, f"{who}/T={t}", network, inference)


def _early_exits(
    module: Any, network: Converted, data: Any, x: np.ndarray, y: np.ndarray, threads: int
) -> list[dict[str, Any]]:
    """Return what an early exit from the most steps gives, at margins that come from the training images."""
    import ann

    scores = np.sort(ann.evaluate(module, data.x_train[:_LOOKED_AT]), axis=1)
    margins = np.quantile(scores[:, -1] - scores[:, -2], _EARLY)
    found = []
    for margin in sorted({float(f"{margin:.3g}") for margin in margins if margin > 0.0}):
        found.append(describe_early(network, network.run(x, threads=threads, margin=margin), y, margin))
    return found


def _neurobench(module: Any, chosen: dict[str, Converted], x: np.ndarray, threads: int) -> dict[str, Any]:
    """Return NeuroBench's metrics of all networks, the spiking ones at the T's that stand for them."""
    converted = chosen["converted"]
    found: dict[str, Any] = {
        "ann": {
            "footprint": neurobench.module_footprint(module),
            "connection_sparsity": neurobench.connection_sparsity(converted.traced),
            **neurobench.of_artificial(converted.traced, x),
            "membrane_updates": 0.0,
        },
        "twin": {
            "footprint": neurobench.twin_footprint(converted),
            "connection_sparsity": neurobench.connection_sparsity(converted.traced),
            **neurobench.of_artificial(converted.traced, x, converted.quantise),
            "membrane_updates": 0.0,
        },
    }
    for who, network in chosen.items():
        found[who] = {
            "footprint": neurobench.network_footprint(network),
            "connection_sparsity": neurobench.connection_sparsity(network.graph),
            **neurobench.of_spiking(network, x, network.run(x, threads=threads)),
            "membrane_updates": neurobench.membrane_updates(network, x, threads),
        }
    return {"steps": {who: network.steps for who, network in chosen.items()}} | found


def _keep(arrays: dict[str, np.ndarray], name: str, network: Converted, inference: Inference) -> None:
    arrays[f"{name}/predictions"] = inference.classes
    arrays[f"{name}/latency"] = steps_to_decision(network, inference)
    arrays[f"{name}/spikes"] = inference.spikes
    arrays[f"{name}/synaptic_operations"] = inference.synaptic_events


def _middle(steps: tuple[int, ...]) -> int:
    """Return the T whose raster is shown: 16, or the nearest there is."""
    return min(steps, key=lambda t: (abs(t - 16), t))
