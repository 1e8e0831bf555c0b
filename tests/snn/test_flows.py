"""Closed forms between events: the solution of the equations, the first crossing, and the same bits compiled or not."""

import math
import runpy
from pathlib import Path

import mpmath
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snn
from snn.errors import ValidationError
from snn.neurons import flow, step
from snn.neurons.crossings import course, steepest
from snn.program.neurons import pack

PRECISION = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "exact_precision.py"))
FAMILIES = sorted(PRECISION["FAMILIES"])
SYNAPSES = {
    "delta": {},
    "exponential": {"synapse": "exponential", "tau_syn": 5.0},
    "exponential two": {"synapse": "exponential", "tau_syn": 2.0, "tau_syn_inh": 8.0},
    "alpha": {"synapse": "alpha", "tau_syn": 2.0},
    "alpha two": {"synapse": "alpha", "tau_syn": 25.0, "tau_syn_inh": 3.0},
}
MODELS = {f"{cls.__name__} {name}": cls(**given) for cls in (snn.LIF, snn.IF) for name, given in SYNAPSES.items()}
LINEAR = dict(MODELS)
MODELS["near"] = snn.LIF(tau_m=10.0, synapse="alpha", tau_syn=10.0 + 1e-6, reset="soft")
MODELS["QIF"] = snn.QIF()
C_M = 250.0


@numba.njit
def advanced(p, s, t):
    return flow.advance(p, s, t)


@numba.njit
def held(p, s, t):
    return flow.hold(p, s, t)


@numba.njit
def crossed(p, s, t):
    return flow.crossing(p, s, t)


@numba.njit
def others(p, s, x):
    return (flow.receive(p, s, x), flow.receive_held(p, s, x), flow.fire(p, s)), flow.earliest(p, s)


@numba.njit
def seen(p, s):
    return flow.voltage(p, s), flow.above(p, s)


def flowed(model):
    values = {name: value for name, value in vars(model).items() if not isinstance(value, str)}
    made = model.flow(values)
    return pack([made.parameters], [1]), made.state, made.arrivals


def membrane(model, s):
    """The same neuron as the benchmark of precision sees it."""
    two = model.tau_syn_inh is not None
    names = () if model.synapse == "delta" else ("ex", "in") if two else ("syn",)
    synapses = tuple(
        (tau, getattr(s, f"i_{name}"), getattr(s, "i_rise" if name == "syn" else f"i_rise_{name}", 0.0))
        for name, tau in zip(names, (model.tau_syn, model.tau_syn_inh), strict=False)
    )
    one = PRECISION["Membranes"](getattr(model, "tau_m", math.inf), s.u, s.current, model.v_threshold, synapses)
    return one.map(lambda number: np.array([number]))


def exact_u(model, s, t):
    return PRECISION["precise"](membrane(model, s).exactly(0), mpmath.mpf(t))[0]


def rounding(model, s, t):
    """What u may be wrong by, from the sum of its parts: none is negative where neither state nor currents are."""
    return 1e-14 + 4e-15 * exact_u(model, type(s)(*map(abs, s)), t)


def first(model, s, until):
    """The first crossing by brute force."""
    return float(PRECISION["first_crossings"](membrane(model, s), np.array([until]))[0])


@st.composite
def neurons(draw, largest=10.0):
    """A model with any time constants, many of them close to each other, and a state."""
    kind = draw(st.sampled_from(sorted(SYNAPSES)))
    ratios = st.one_of(
        st.floats(0.02, 50.0), st.sampled_from([1.0, 1.0 + 1e-6, 1.0 - 1e-6, 1.0 + 1e-12, 0.999, 2.0, 0.5, 1.99, 4.0])
    )
    tau_m = draw(st.floats(1.0, 100.0))
    taus = {name: tau_m * draw(ratios) for name in SYNAPSES[kind] if name != "synapse"}
    numbers = {"c_m": C_M, "v_threshold": 20.0, "v_reset": 0.0, "synapse": kind.split()[0], **taus}
    model = snn.LIF(tau_m=tau_m, **numbers) if draw(st.booleans()) else snn.IF(**numbers)
    s = flowed(model)[1]
    shortest = min([tau_m, *taus.values()])
    sizes = dict.fromkeys(s._fields, 40.0 * C_M / shortest) | {"u": 19.0}
    state = {name: draw(st.floats(-1.0, 1.0)) * size for name, size in sizes.items()}
    return model, s._replace(**state), shortest * draw(st.floats(1e-5, largest))


@settings(max_examples=150, deadline=None)
@given(neurons())
def test_advance_is_the_solution(drawn):
    model, s, t = drawn
    p, _, _ = flowed(model)
    later = advanced(p, s, t)
    assert abs(exact_u(model, s, t) - mpmath.mpf(later.u)) <= rounding(model, s, t)
    assert later.current == s.current


@settings(max_examples=100, deadline=None)
@given(neurons(), st.floats(0.0, 1.0))
def test_two_advances_are_one(drawn, share):
    model, s, t = drawn
    p, _, _ = flowed(model)
    once, twice = advanced(p, s, t), advanced(p, advanced(p, s, share * t), t - share * t)
    np.testing.assert_allclose(twice, once, rtol=1e-12, atol=1e-12 * max(map(abs, (*s, once.u))))


@pytest.mark.parametrize("name", LINEAR)
def test_advance_is_the_step_of_the_grid(name):
    model, dt = LINEAR[name], 0.1
    values = {name: value for name, value in vars(model).items() if not isinstance(value, str)}
    low, (p, s, _) = model.lower(values, dt), flowed(model)
    s = s._replace(**{field: 30.0 + 7.0 * i for i, field in enumerate(s._fields)} | {"u": 3.0})
    grid = type(low.state)(**{f: getattr(s, f, 0) for f in low.state._fields} | {"v": 3.0 + p.origin})
    x = low.arrivals(*([0.0] * (len(low.arrivals._fields) - 1)), s.current)
    after, _ = step(low.parameters, grid, x, False)
    later = advanced(p, s, dt)
    assert flow.voltage(p, later) == pytest.approx(after.v, rel=1e-14)
    for field in set(later._fields) & set(after._fields):
        assert getattr(later, field) == pytest.approx(getattr(after, field), rel=1e-14)
        assert getattr(held(p, s, dt), field) == getattr(later, field)
    assert held(p, s, dt).u == s.u


@settings(max_examples=50, deadline=None)
@given(neurons(largest=30.0))
def test_the_first_crossing_is_found_and_no_other(drawn):
    model, s, until = drawn
    p, _, _ = flowed(model)
    found, truth = crossed(p, s, until), first(model, s, until)
    bound = others(p, s, flowed(model)[2](*([0.0] * len(flowed(model)[2]._fields))))[1]
    assert math.isfinite(found) == math.isfinite(truth)
    assert bound <= (found if math.isfinite(found) else math.inf)
    if math.isfinite(found):
        assert 0.0 < found <= until
        assert abs(found - truth) <= 1e-11 or abs(exact_u(model, s, found) - 20.0) <= rounding(model, s, found)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_crossing_is_missed_or_invented(family):
    line = PRECISION["measure"](family, 400, seed=3)
    assert line["crossings"] > 50
    assert (line["missed"], line["invented"], line["bounds_too_late"]) == (0, 0, 0)
    assert line["error_ms"] < 1e-11
    assert line["error_mv"] < 2e-13


GRAZING = {  # the state, where the first maximum is
    "LIF exponential": {"u": 1.0, "i_syn": 3000.0},
    "LIF exponential two": {"u": 1.0, "i_ex": 5000.0, "i_in": -600.0},
    "LIF alpha": {"u": -2.0, "i_rise": 2500.0},
    "LIF alpha two": {"u": -2.0, "i_rise_ex": 800.0, "i_rise_in": -900.0, "i_in": 1500.0},
    "IF exponential two": {"u": 0.1, "i_ex": 4000.0, "i_in": -2000.0},
    "IF alpha two": {"u": -2.0, "i_rise_ex": -300.0, "i_rise_in": 3000.0},
}


@pytest.mark.parametrize("until", [100.0, 1e4])
@pytest.mark.parametrize("name", GRAZING)
def test_a_grazed_threshold_is_reached_and_one_just_missed_is_not(name, until):
    model = type(LINEAR[name])(c_m=C_M, **SYNAPSES[name.split(maxsplit=1)[1]])
    p, s, _ = flowed(model)
    s = s._replace(**GRAZING[name])
    exact = membrane(model, s).exactly(0)
    times = np.linspace(0.05, 60.0, 1200)
    rough = times[np.argmax([float(PRECISION["precise"](exact, t)[0]) for t in times])]
    with mpmath.workdps(50):
        at = mpmath.findroot(lambda t: PRECISION["precise"](exact, t)[1], rough)
        top = float(PRECISION["precise"](exact, at)[0])
    assert s.u < top - 1.0
    for distance in (1e-9, 1e-12):
        grazing = p._replace(threshold=top - distance)
        found = crossed(grazing, s, until)
        assert found < float(at)
        assert abs(exact_u(model, s, found) - grazing.threshold) < 1e-13
        assert crossed(p._replace(threshold=top + distance), s, until) == math.inf
        assert crossed(grazing, s, float(at) / 2) == math.inf


@pytest.mark.parametrize("name", LINEAR)
def test_many_arrivals_shortly_after_each_other(name):
    model, count, gap = type(LINEAR[name])(c_m=C_M, **SYNAPSES[name.split(maxsplit=1)[1]]), 2000, 1e-4
    p, rest, arrivals = flowed(model)
    weights = {"delta": 0.01, "syn": 2.0, "ex": 2.0, "inh": -1.5, "current": 0.25}
    x = arrivals(*(weights[port] for port in arrivals._fields))
    single, s = flow.receive(p, rest, x), rest
    for _ in range(count):
        s = advanced(p, flow.receive(p, s, x), gap)
    # The equations are linear: what came of each arrival by itself is added.
    expected = mpmath.fsum(exact_u(model, single, mpmath.mpf(gap) * k) for k in range(1, count + 1))
    assert abs(expected - mpmath.mpf(s.u)) < 1e-12


def test_a_maximum_long_before_the_end_is_found():
    # All has decayed when the time is over, and rounding alone says whether u then rises or falls.
    model = snn.LIF(tau_m=30.16, synapse="exponential", tau_syn=30.13, tau_syn_inh=1460.0, v_threshold=7.0)
    p, s, _ = flowed(model)
    s = s._replace(u=2.08, i_ex=140.46)
    found = crossed(p, s, 50.0)
    assert 0.0 < found < 30.0
    for until in np.geomspace(100.0, 1e5, 40):
        assert crossed(p, s, until) == pytest.approx(found, abs=1e-11)


def test_v_that_only_tends_to_the_threshold_does_not_reach_it():
    p, s, _ = flowed(snn.LIF(i_e=250.0))  # 250 pA bring v to 20 mV in the end
    assert crossed(p, s, 1e6) == math.inf
    assert others(p, s._replace(current=-1.0), flowed(snn.LIF())[2](0.0, 0.0))[1] == math.inf


def image(numbers):
    return np.array(numbers, np.float64).tobytes()


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_compiled_and_plain_give_the_same_bits(name, data):
    model = MODELS[name]
    p, s, arrivals = flowed(model)
    size = 20.0 if name == "QIF" else 0.9 * p.threshold
    s = s._replace(**{f: data.draw(st.floats(-1.0, 1.0)) * (size if f == "u" else 2000.0) for f in s._fields})
    x = arrivals(*(data.draw(st.floats(-20.0, 20.0)) for _ in arrivals._fields))
    t = data.draw(st.floats(0.0, 50.0))
    assert image(advanced(p, s, t)) == image(flow.advance(p, s, t))
    assert image(held(p, s, t)) == image(flow.hold(p, s, t))
    assert image(crossed(p, s, t)) == image(flow.crossing(p, s, t))
    states, bound = others(p, s, x)
    assert image(bound) == image(flow.earliest(p, s))
    for fast, plain in zip(states, (flow.receive(p, s, x), flow.receive_held(p, s, x), flow.fire(p, s)), strict=True):
        assert image(fast) == image(plain)
    assert image(seen(p, s)) == image((flow.voltage(p, s), flow.above(p, s)))


@pytest.mark.parametrize("name", MODELS)
def test_what_arrives_is_added_and_a_refractory_neuron_drops_what_moves_v(name):
    p, s, arrivals = flowed(MODELS[name])
    x = arrivals(*(float(i + 2) for i in range(len(arrivals._fields))))
    free, refractory = flow.receive(p, s, x), flow.receive_held(p, s, x)
    assert sum(free) - sum(s) == pytest.approx(sum(x))
    assert free.current - s.current == x.current
    assert refractory == free._replace(u=s.u)


def test_a_spike_resets_v():
    for reset, after in (("hard", 5.0), ("soft", 6.5)):
        model = snn.LIF(v_rest=-1.0, v_threshold=20.0, v_reset=5.0, reset=reset, synapse="exponential")
        p, s, _ = flowed(model)
        s = s._replace(u=22.5, i_syn=3.0)
        assert flow.above(p, s)
        assert flow.voltage(p, flow.fire(p, s)) == after
        assert flow.fire(p, s).i_syn == 3.0
        assert p.t_ref == 2.0


def test_parameters_may_be_arrays():
    tau = np.array([5.0, 20.0, 10.0])
    values = {name: value for name, value in vars(snn.LIF(synapse="alpha")).items() if not isinstance(value, str)}
    for model in (snn.LIF(synapse="alpha", tau_syn=tau), snn.IF(synapse="alpha", tau_syn=tau)):
        own = {name: value for name, value in vars(model).items() if not isinstance(value, str)}
        many = model.flow({**values, **own} if isinstance(model, snn.LIF) else own).parameters
        for i, one in enumerate(tau):
            alone, _, _ = flowed(type(model)(synapse="alpha", tau_syn=float(one)))
            assert pack([type(many)(*(np.broadcast_to(f, 3)[i] for f in many))], [1]) == alone


@settings(max_examples=60, deadline=None)
@given(st.floats(-60.0, 29.0), st.floats(-200.0, 400.0), st.floats(0.01, 100.0), st.floats(0.0, 1.0))
def test_a_quadratic_neuron_follows_its_equation(v, current, t, share):
    model = snn.QIF()
    p, s, _ = flowed(model)
    s = s._replace(u=v - p.origin, current=current)
    found, bound = crossed(p, s, t), others(p, s, flowed(model)[2](0.0, 0.0))[1]
    q, w = mpmath.mpf(p.square), mpmath.mpf(p.gain) * mpmath.mpf(current) - mpmath.mpf(p.rheobase)
    r, u = mpmath.sqrt(mpmath.mpc(q * w)), mpmath.mpf(s.u)
    assert bound <= found
    if found == math.inf:
        turn = mpmath.tan(r * t) / r if w else mpmath.mpf(t)
        end = mpmath.re((u + w * turn) / (1 - q * u * turn))
        sensitivity = abs(mpmath.re(1 / (mpmath.cos(r * t) * (1 - q * u * turn)) ** 2))  # du(t) / du
        assert abs(end - mpmath.mpf(advanced(p, s, t).u)) <= 1e-13 + 1e-13 * sensitivity
        once, twice = advanced(p, s, t), advanced(p, advanced(p, s, share * t), t - share * t)
        assert twice.u == pytest.approx(once.u, rel=1e-12, abs=1e-12 + 1e-13 * float(sensitivity))
    else:
        near = min((abs(s.u), abs(p.threshold))) if s.u * p.threshold > 0 else 0.0
        slowest = float(q) * near**2 + float(w)
        assert slowest > 0.0
        turn = mpmath.re((mpmath.atan(p.threshold * q / r) - mpmath.atan(u * q / r)) / r)
        assert abs(turn - mpmath.mpf(found)) <= 1e-12 + 1e-13 / slowest
        assert advanced(p, s, 2.0 * found + 1.0).u == p.threshold  # where it may not fire it waits at the peak


def test_a_quadratic_neuron_stays_where_it_is_at_rest_or_just_balanced():
    p, s, _ = flowed(snn.QIF(c_m=64.0))
    for u in (s.u, -s.u):
        assert advanced(p, s._replace(u=u), 1e4).u == u
        assert crossed(p, s._replace(u=u), 1e4) == math.inf
    assert flow.voltage(p, s) == -65.0
    critical = s._replace(current=56.25, u=0.0)
    assert advanced(p, critical, 100.0).u == 0.0
    assert crossed(p, critical, 1e4) == math.inf
    rising = critical._replace(u=1.0)
    assert crossed(p, rising, 1e4) == pytest.approx((p.threshold - 1.0) / (p.square * p.threshold), rel=1e-12)
    assert advanced(p, rising, 10.0).u == pytest.approx(1.0 / (1.0 - 10.0 * p.square), rel=1e-14)


def test_a_binary_unit_changes_at_updates_only():
    p, s, arrivals = flowed(snn.McCullochPitts(threshold=1.0, tau=7.0))
    assert p.tau == 7.0
    s = flow.receive(p, s, arrivals(0.75, 0.25))
    assert advanced(p, s, 100.0) == held(p, s, 100.0) == s
    assert crossed(p, s, 1e6) == flow.earliest(p, s) == math.inf
    assert not flow.above(p, s)
    assert flow.fire(p, s) == s
    s, changed = flow.update(p, s)
    assert (s.n, changed) == (1.0, True)
    assert flow.update(p, s) == (s, False)
    s, changed = flow.update(p, flow.receive_held(p, s, arrivals(-0.5, 0.0)))
    assert (s.n, changed) == (0.0, True)


@pytest.mark.parametrize(
    "model",
    [snn.AdEx(), snn.AdaptiveLIF(), snn.ConductanceLIF(), snn.HodgkinHuxley(), snn.Izhikevich(), snn.DiscreteLIF()],
)
def test_models_without_a_closed_form_are_refused_by_name(model):
    with pytest.raises(ValidationError, match=f'{type(model).__name__}.*engine.*"grid"'):
        flowed(model)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (snn.QIF(synapse="exponential"), 'synapse.*engine="grid"'),
        (snn.McCullochPitts(update="synchronous"), 'update.*engine="grid"'),
        (snn.LIF(v_reset=20.0), "v_reset"),
        (snn.QIF(v_reset=40.0), "v_reset"),
    ],
)
def test_what_cannot_be_exact_is_refused(model, named):
    with pytest.raises(ValidationError, match=named):
        flowed(model)


def test_no_two_classes_of_parameters_or_states_look_alike_to_numba():
    # Its dispatchers tell NamedTuples by the class's name and fields, not by the class.
    classes = [*flow.advance.answers, *snn.neurons.model._STEPS]
    assert len({(one.__name__, one._fields) for one in classes}) == len(classes)
    for asked in (flow.hold, flow.receive, flow.receive_held, flow.fire, flow.earliest, flow.crossing):
        assert asked.answers.keys() == flow.advance.answers.keys()
    assert course.answers.keys() == steepest.answers.keys()
