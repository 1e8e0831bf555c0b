"""The exact engine against NEST, where that is installed; `benchmarks/nest_precise.py` says what is compared."""

import runpy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nest", reason="NEST (nest-simulator) is not installed")

PRECISE = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "nest_precise.py"))


@pytest.mark.parametrize("seed", [100, 101])
@pytest.mark.parametrize("parameters", PRECISE["SETS"], ids=str)
def test_precise_spikes_are_nest_s(parameters, seed):
    case = PRECISE["random_case"](np.random.default_rng(seed), 200.0, **parameters)
    found = PRECISE["compare"](case, 200.0)
    assert found.spikes >= 50
    assert found.differing == 0
    assert found.dt < PRECISE["SAME"]
