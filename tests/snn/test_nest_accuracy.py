"""Nonlinear neurons against NEST, where that is installed; `benchmarks/nest_accuracy.py` says what is compared."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nest", reason="NEST (nest-simulator) is not installed")

STEPS = 1000
ACCURACY = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "nest_accuracy.py"))


@pytest.mark.parametrize("family", sorted(ACCURACY["FAMILIES"]))
def test_the_default_is_no_further_from_the_equations_than_nest(family):
    rng, ours, theirs = np.random.default_rng(5), [], []
    for _ in range(3):
        case = ACCURACY["random_case"](family, rng, STEPS)
        truth = ACCURACY["reference"](family, case, STEPS)
        ours.append(ACCURACY["distance"](ACCURACY["in_snn"](case, STEPS), truth))
        theirs.append(ACCURACY["distance"](ACCURACY["in_nest"](family, case, STEPS), truth))
    assert sum(one.spikes for one in ours) <= sum(one.spikes for one in theirs)
    assert np.median([one.median_v for one in ours]) <= np.median([one.median_v for one in theirs])


@pytest.mark.parametrize("family", ["Izhikevich", "Quadratic"])
def test_euler_s_rule_gives_nest_s_spikes(family):
    case = ACCURACY["random_case"](family, np.random.default_rng(6), STEPS)
    case = case._replace(model=replace(case.model, integrator="euler"))
    ours, theirs = ACCURACY["in_snn"](case, STEPS), ACCURACY["in_nest"](family, case, STEPS)
    assert len(ours.spikes) >= 3
    np.testing.assert_array_equal(ours.spikes, theirs.spikes)
    np.testing.assert_allclose(ours.v, theirs.v, atol=1e-7)
