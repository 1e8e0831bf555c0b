"""The same comparison over several trainings: what does not hang on one choice of weights and images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bridge.comparison.statistics import adjust, mean_variance, paired_t, paired_t_equivalence


def summarise(comparisons: list[dict[str, Any]], seeds: list[int], margin: float) -> dict[str, Any]:
    """Return means, standard deviations and paired tests over trainings, ready for JSON.

    Parameters
    ----------
    comparisons : list of dict
        Results of the same comparison, one a seed, at least two.
    seeds : list of int
    margin : float
        Of accuracy, for the tests of equivalence.
    """
    reference = [found["ann"]["accuracy"] for found in comparisons]
    networks = {
        "twin": [found["twin"] for found in comparisons],
        "converted": [found["converted"] for found in comparisons],
        "surrogate": [found["surrogate"]["by_steps"] for found in comparisons],
    }
    return {
        "seeds": seeds,
        "margin": margin,
        "ann": describe(reference),
        "networks": {name: _by_steps(runs, reference, margin) for name, runs in networks.items()},
        "robustness": _robustness(comparisons),
    }


def describe(values: list[float]) -> dict[str, Any]:
    """Return values with their mean, standard deviation and the 95 % interval of the mean by Student's t."""
    from scipy import stats

    reach = float(stats.t.ppf(0.975, len(values) - 1)) * math.sqrt(mean_variance(values))
    mean = float(np.mean(values))
    deviation = float(np.std(values, ddof=1))
    return {"values": values, "mean": mean, "sd": deviation, "interval": [mean - reach, mean + reach]}


def _by_steps(runs: list[list[dict[str, Any]]], reference: list[float], margin: float) -> list[dict[str, Any]]:
    """Describe every T of a network; `runs` has its entries for each seed."""
    rows = []
    for entries in zip(*runs, strict=True):
        accuracies = [entry["accuracy"] for entry in entries]
        differences = np.subtract(accuracies, reference).tolist()
        row = {"steps": entries[0]["steps"], **describe(accuracies), "difference": describe(differences)}
        row |= {
            key: describe([e[key] for e in entries]) for key in ("spikes", "synaptic_operations") if key in entries[0]
        }
        row["p_difference"] = paired_t(differences)
        row["p_equivalence"] = paired_t_equivalence(differences, margin)
        rows.append(row)
    adjust(rows, "p_difference")
    adjust(rows, "p_equivalence")
    return rows


def _robustness(comparisons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Describe accuracies under each perturbation; the T's may differ between seeds, as they are chosen."""
    if any("robustness" not in found for found in comparisons):
        return []
    tests = []
    for same in zip(*(found["robustness"]["tests"] for found in comparisons), strict=True):
        shares = {
            name: [describe(list(values)) for values in zip(*(test["accuracy"][name] for test in same), strict=True)]
            for name in same[0]["accuracy"]
        }
        kept = {key: same[0][key] for key in ("name", "title", "strength", "unit", "strengths")}
        tests.append(kept | {"accuracy": shares})
    return tests
