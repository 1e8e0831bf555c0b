"""Neuron models that users write."""

import doctest
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import snn
import snn.neurons.custom

DT = 0.1


class Leaky(snn.CustomModel):
    tau_m: float = 20.0
    v_threshold: float = 15.0
    v_start: float = 1.0
    state = {"v": "v_start"}

    def derivatives(p, s, current):
        return (current / 10.0 - s.v) / p.tau_m

    def threshold(p, s):
        return s.v >= p.v_threshold

    def reset(p, s):
        return 0.0


class Conducting(snn.CustomModel):
    tau: float = 5.0
    state = {"v": -60.0, "g_ex": 0.0, "g_in": 0.0, "count": 0.0}
    ports = {"ex": "g_ex", "inh": "g_in"}

    @staticmethod
    def update(p, s, current, dt):
        decay = 1.0 - dt / p.tau
        return s.v + dt * (s.g_ex - s.g_in), s.g_ex * decay, s.g_in * decay, s.count

    @staticmethod
    def threshold(p, s):
        return s.v > 0.0

    @staticmethod
    def reset(p, s):
        return -60, s.g_ex, s.g_in, s.count + 1


def test_a_leaky_neuron_is_the_built_in_one():
    traces, steps = [], []
    for model in (Leaky(tau_m=12.0), snn.LIF(tau_m=12.0, c_m=120.0, v_threshold=15.0, t_ref=0.0)):
        net = snn.Network()
        cell = net.population("cell", 1, model, initial={"v": 1.0})
        net.connect(net.current("current", [200.0]), cell, snn.OneToOne())
        net.connect(net.spike_trains("input", [np.arange(1, 40) * 3.0]), cell, snn.OneToOne(), weight=0.5)
        net.record(cell, "v", every=DT)
        recording = snn.Simulation(net, dt=DT).run(200.0)
        traces.append(recording.traces[0].values)
        steps.append(recording.spikes["cell"].steps.tolist())
    assert steps[0] == steps[1]
    assert len(steps[0]) > 5
    np.testing.assert_allclose(*traces, atol=1e-9)


def test_parameters_may_differ_by_neuron_and_state_starts_where_a_parameter_says():
    net = snn.Network()
    cells = net.population("cells", 3, Leaky(v_start=np.array([1.0, 2.0, 4.0]), tau_m=snn.Uniform(5.0, 10.0)))
    net.record(cells, "v", every=DT)
    v = snn.Simulation(net, dt=DT).run(1.0).traces[0].values[0]
    taus = -DT / np.log(v[1] / v[0])
    np.testing.assert_allclose(v[0], [1.0, 2.0, 4.0] * np.exp(-DT / taus), rtol=1e-9)
    assert len(set(np.round(taus, 6))) == 3
    assert ((taus > 5.0) & (taus < 10.0)).all()


def test_weights_go_where_the_ports_say_and_inhibition_arrives_as_its_size():
    net = snn.Network()
    cell = net.population("cell", 1, Conducting())
    trains = net.spike_trains("input", [[1.0], [2.0]])
    net.connect(trains, cell, snn.Edges([0], [0]), weight=3.0)
    net.connect(trains, cell, snn.Edges([1], [0]), weight=-2.0)
    for name in ("g_ex", "g_in", "v"):
        net.record(cell, name, every=DT)
    g_ex, g_in, v = (t.values[0, :, 0] for t in snn.Simulation(net, dt=DT).run(3.0).traces)
    k = np.arange(1, 31)
    decay = 1 - DT / 5.0
    np.testing.assert_allclose(g_ex, np.where(k >= 10, 3.0 * decay ** (k - 10.0), 0.0), rtol=1e-12)
    np.testing.assert_allclose(g_in, np.where(k >= 20, 2.0 * decay ** (k - 20.0), 0.0), rtol=1e-12)
    assert v[10] > v[9]


def test_two_models_of_one_name_stay_apart():
    def define(sign):
        class Same(snn.CustomModel):
            slope: float = sign
            state = {"v": 0.0}

            def derivatives(p, s, current):
                return p.slope * sign

            def threshold(p, s):
                return False

            def reset(p, s):
                return 0.0

        return Same

    ends = []
    for sign in (1.0, -2.0):
        net = snn.Network()
        cell = net.population("cell", 1, define(sign)())
        simulation = snn.Simulation(net, dt=DT)
        simulation.run(1.0)
        ends.append(simulation.state(cell)[0, 0])
    np.testing.assert_allclose(ends, [1.0, 4.0])


SCRIPT = """
import snn
class Same(snn.CustomModel):
    state = {"v": 0.0}
    def derivatives(p, s, current):
        return SLOPE
    def threshold(p, s):
        return s.v > 100.0
    def reset(p, s):
        return 0.0
net = snn.Network()
cell = net.population("cell", 1, Same())
simulation = snn.Simulation(net, dt=0.1)
simulation.run(1.0)
print(round(simulation.state(cell)[0, 0], 6))
"""


@pytest.mark.slow
def test_a_script_without_a_file_runs_and_its_kernels_are_not_kept(tmp_path):
    ends = []
    for slope in ("1.0", "-2.0", "1.0"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT.replace("SLOPE", slope)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        )
        assert not done.returncode, done.stderr
        ends.append(float(done.stdout))
    assert ends == [1.0, -2.0, 1.0]


def body(**changes):
    """A class body that would do, but for the changes."""
    parts = {
        "__annotations__": {"tau": float},
        "tau": 10.0,
        "state": {"v": 0.0},
        "derivatives": lambda p, s, current: -s.v / p.tau,
        "threshold": lambda p, s: s.v >= 1.0,
        "reset": lambda p, s: 0.0,
    }
    parts |= changes
    return {name: part for name, part in parts.items() if part is not None}


def test_the_body_that_the_next_test_breaks_would_do():
    assert type("Model", (snn.CustomModel,), body())().tau == 10.0


@pytest.mark.parametrize(
    ("changes", "attribute", "says"),
    [
        ({"tau": None}, "tau", "a number as its default"),
        ({"tau": "ten"}, "tau", "a finite number"),
        ({"state": None}, "state", 'first name is "v"'),
        ({"state": {"u": 0.0, "v": 0.0}}, "state", 'first name is "v"'),
        ({"state": {"v": "start"}}, "state['v']", "one of tau"),
        ({"ports": {"syn": "i"}}, "ports['syn']", "one of v"),
        ({"ports": {}}, "ports", "one or two names"),
        ({"__annotations__": {"dt": float}, "dt": 1.0}, "dt", "another name"),
        ({"derivatives": None}, "derivatives", "either derivatives"),
        ({"update": lambda p, s, current, dt: s.v}, "derivatives", "either derivatives"),
        ({"threshold": None}, "threshold", "a function of 2 arguments"),
        ({"threshold": lambda p, s: s.v}, "threshold", "True or False"),
        ({"reset": lambda self, p, s: 0.0}, "reset", "a function of 2 arguments, without self"),
        ({"reset": lambda p, s: (0.0, 0.0)}, "reset", "a number for each of v"),
        ({"derivatives": lambda p, s, current: s.w}, "derivatives", "s has v"),
        ({"derivatives": lambda p, s, current: -s.v / p.tau_m}, "derivatives", "p has tau"),
        ({"derivatives": lambda p, s, current: float({"v": object()}["v"] is s)}, "derivatives", "Numba compiles"),
        ({"derivatives": lambda p, s, current: float(f"{s.v:.3f}")}, "derivatives", "Numba compiles"),
    ],
)
def test_a_bad_definition_is_refused_by_name(changes, attribute, says):
    with pytest.raises(snn.ValidationError) as caught:
        type("Model", (snn.CustomModel,), body(**changes))
    assert caught.value.owner == "Model"
    assert caught.value.attribute == attribute
    assert says in caught.value.expected


@pytest.mark.parametrize("value", [math.nan, "x", [1.0, math.inf]])
def test_a_bad_parameter_is_refused(value):
    with pytest.raises(snn.ValidationError, match="tau_m"):
        Leaky(tau_m=value)


def test_the_example_in_the_docstring_runs():
    found = doctest.DocTestFinder().find(snn.CustomModel, "CustomModel", globs={"snn": snn, "np": np})
    runner = doctest.DocTestRunner()
    assert [runner.run(test).failed for test in found if test.examples] == [0]
