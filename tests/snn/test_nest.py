"""`snn.LIF` against NEST, where that is installed; `benchmarks/nest_equality.py` says what is compared."""

import runpy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nest", reason="NEST (nest-simulator) is not installed")

STEPS = 10_000
EQUALITY = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "nest_equality.py"))


@pytest.mark.parametrize("dt", [0.1, 0.125])
@pytest.mark.parametrize("synapse", ["delta", "exponential", "alpha"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"t_ref": 0.0},
        {"t_ref": 0.5, "v_rest": 0.0},  # four or five steps
        {"t_ref": 2.0, "tau_syn_inh": 7.0},
        {"tau_m": 10.0, "tau_syn": 10.0},
        {"tau_m": 10.0, "tau_syn": 10.0 * (1 + 1e-9), "tau_syn_inh": 10.0 * (1 - 1e-4)},
        {"tau_m": 10.0, "tau_syn": 0.5, "tau_syn_inh": 30.0},
    ],
    ids=str,
)
def test_spikes_and_potentials_are_nest_s(dt, synapse, parameters):
    if synapse == "delta":
        parameters = {name: value for name, value in parameters.items() if not name.startswith("tau_syn")}
    case = EQUALITY["random_case"](np.random.default_rng(1), dt, STEPS, synapse=synapse, **parameters)
    found = EQUALITY["compare"](case, STEPS)
    assert found.spikes >= 20
    assert found.differing == 0
    assert found.v < 1e-7
