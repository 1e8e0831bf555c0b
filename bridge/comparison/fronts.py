"""Which networks and T's are worth having: nothing else is at least as right, as quick and as thrifty."""

from __future__ import annotations

from typing import Any

import numpy as np


def pareto(costs: np.ndarray) -> np.ndarray:
    """Return which points no other dominates (Pareto front), bool (points,).

    A point dominates another if it is at most as large in every column and smaller in one.

    Parameters
    ----------
    costs : array (points, columns)
        Less is better.
    """
    costs = np.asarray(costs, np.float64)
    no_worse = (costs[:, None] <= costs[None]).all(axis=2)
    better = (costs[:, None] < costs[None]).any(axis=2)
    return np.logical_not(np.any(no_worse & better, axis=0))


def fronts(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every network at every T as a point of accuracy, duration and energy, with the fronts it lies on.

    So are the converted network's early exits, which have a margin.

    The fronts are "latency" (accuracy and duration, of spiking networks), those named after cost models (accuracy and
    energy, of all networks that a model prices), and the same with "+latency" (all three, of spiking networks).

    Parameters
    ----------
    results : dict
        Of a comparison, with its energies.
    """
    costs = {cost["model"]: cost for cost in results["energy"]}
    points = [_point("ann", results["ann"], {name: cost["ann"] for name, cost in costs.items()})]
    runs = {"twin": results["twin"], "converted": results["converted"], "surrogate": results["surrogate"]["by_steps"]}
    for who, entries in runs.items():
        for i, entry in enumerate(entries):
            of, kind = ("converted", "artificial") if who == "twin" else (who, "spiking")
            points.append(_point(who, entry, {name: cost[of][i][kind] for name, cost in costs.items()}))
    for i, entry in enumerate(results["early_exit"]):
        points.append(
            _point("converted", entry, {name: cost["early_exit"][i]["spiking"] for name, cost in costs.items()})
        )
    spiking = [point for point in points if point["duration"] is not None]
    _mark(spiking, "latency", ("duration",))
    for name in costs:
        _mark([point for point in points if point["energy"][name] is not None], name, (name,))
        _mark(spiking, f"{name}+latency", ("duration", name))
    return points


def _point(who: str, entry: dict[str, Any], energy: dict[str, float | None]) -> dict[str, Any]:
    return {
        "network": who,
        "steps": entry.get("steps"),
        "margin": entry.get("margin"),
        "accuracy": entry["accuracy"],
        "duration": entry.get("duration"),
        "energy": energy,
        "fronts": [],
    }


def _mark(points: list[dict[str, Any]], front: str, columns: tuple[str, ...]) -> None:
    """Note on which of these points a front lies, of accuracy and of what the columns say."""
    costs = [[-p["accuracy"], *(p[c] if c == "duration" else p["energy"][c] for c in columns)] for p in points]
    for point, lies_on_it in zip(points, pareto(np.array(costs)), strict=True):
        if lies_on_it:
            point["fronts"].append(front)
