"""Every model's step: the same bits compiled and as plain Python, for any state."""

import math
import struct
from typing import get_type_hints

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snn
from snn.neurons import step
from snn.program.neurons import pack

MODELS = [
    snn.AdaptiveLIF(i_e=400.0),
    snn.AdaptiveLIF(synapse="exponential", reset="soft", t_ref=0.0),
    snn.ConductanceLIF(i_e=300.0),
    snn.ConductanceLIF(integrator="exponential_euler", t_ref=0.0),
    snn.AdEx(i_e=700.0, t_ref=0.0),
    snn.AdEx(i_e=700.0, t_ref=2.0, v_peak=20.0),
    snn.AdEx(integrator="exponential_euler"),
    snn.QIF(i_e=100.0, t_ref=1.0),
    snn.QIF(synapse="exponential", tau_syn_inh=3.0),
    snn.Izhikevich(i_e=10.0),
    snn.Izhikevich(integrator="exponential_euler"),
    snn.Izhikevich(integrator="euler"),
    snn.HodgkinHuxley(i_e=100.0),
    snn.HodgkinHuxley(integrator="exponential_euler"),
]
DT = 0.125
EVERY = pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{type(m).__name__}-{getattr(m, 'integrator', '')}")


@numba.njit
def compiled_step(p, s, x, armed):
    return step(p, s, x, armed)


def plain_step(p, s, x, armed):
    """The step as Python executes it; what it calls are plain functions, too."""
    dispatcher = snn.neurons.model._STEPS[type(p)]
    return getattr(dispatcher, "py_func", dispatcher)(p, s, x, armed)


def lowered(model):
    values = {name: value for name, value in vars(model).items() if not isinstance(value, str)}
    low = model.lower(values, DT)
    hints = get_type_hints(type(low.state))
    return pack([low.parameters], [1]), type(low.state)(*(hints[n](v) for n, v in low.state._asdict().items())), low


def image(numbers):
    """What a tuple of numbers is made of, all nan alike."""
    return [struct.pack("<d", math.nan if math.isnan(number) else number) for number in map(float, numbers)]


@st.composite
def states(draw, state):
    ranges = {"v": (-95.0, 45.0), "g_ex": (0.0, 500.0), "g_in": (0.0, 500.0), "w": (-500.0, 500.0), "u": (-20.0, 20.0)}
    ranges |= dict.fromkeys(("m", "h", "n"), (0.0, 1.0)) | dict.fromkeys(("i_ex", "i_in"), (-500.0, 500.0))
    ranges |= {"theta": (0.0, 30.0)}
    named = {name: draw(st.floats(*ranges[name])) for name in state._fields if name != "refractory"}
    return state._replace(**named, refractory=draw(st.sampled_from([0, 0, 1, 5])))


@EVERY
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_compiled_and_plain_steps_give_the_same_bits(model, data):
    p, initial, low = lowered(model)
    s = data.draw(states(initial))
    arrivals = [data.draw(st.floats(-1.0, 0.0) if n == "inh" else st.floats(0.0, 20.0)) for n in low.arrivals._fields]
    x, armed = low.arrivals(*arrivals), data.draw(st.booleans())
    fast, fired = compiled_step(p, s, x, armed)
    plain, fires = plain_step(p, s, x, armed)
    assert image(fast) == image(plain)
    assert bool(fired) == bool(fires)
    assert np.isfinite(fast).all()


@EVERY
def test_a_neuron_that_is_not_armed_stays_finite_and_silent(model):
    p, s, low = lowered(model)
    x = low.arrivals(*([0.0] * (len(low.arrivals._fields) - 1)), 2000.0 if "c_m" in vars(model) else 20.0)
    for _ in range(400):
        s, spiked = compiled_step(p, s, x, False)
        assert not spiked
        assert np.isfinite(s).all()
    s, spiked = compiled_step(p, s, x, True)
    assert spiked or isinstance(model, snn.HodgkinHuxley)


def test_no_two_classes_of_parameters_look_alike_to_numba():
    # Its dispatchers tell NamedTuples by the class's name and fields, not by the class.
    classes = list(snn.neurons.model._STEPS)
    assert len({(one.__name__, one._fields) for one in classes}) == len(classes)
