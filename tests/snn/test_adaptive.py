"""The neuron with an adaptive threshold, against a plain loop, its parent and its limits."""

import math

import numpy as np
import pytest

import snn

DT = 0.1


def run(model, duration=500.0, weight=None):
    net = snn.Network()
    cell = net.population("cell", 1, model)
    if weight is not None:
        trains = net.spike_trains("input", [np.arange(1, 200) * 2.0])
        net.connect(trains, cell, snn.OneToOne(), weight=weight)
    net.record(cell, "v", every=DT)
    if isinstance(model, snn.AdaptiveLIF):
        net.record(cell, "theta", every=DT)
    recording = snn.Simulation(net, dt=DT).run(duration)
    return recording.spikes["cell"].steps, *(trace.values[0, :, 0] for trace in recording.traces)


@pytest.mark.parametrize("synapse", [{}, {"synapse": "exponential"}, {"synapse": "exponential", "tau_syn_inh": 3.0}])
@pytest.mark.parametrize("weight", [4.0, -1.0])
def test_without_jumps_it_is_the_leaky_neuron(synapse, weight):
    kind = {"tau_m": 12.0, "i_e": 600.0, "c_m": 250.0} | synapse
    steps, v, theta = run(snn.AdaptiveLIF(jump=0.0, **kind), weight=weight)
    expected, v_expected = run(snn.LIF(**kind), weight=weight)
    np.testing.assert_array_equal(steps, expected)
    np.testing.assert_allclose(v, v_expected, atol=1e-12)
    assert len(steps) > 5
    assert not theta.any()


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_threshold_jumps_decays_and_is_what_v_meets(reset):
    model = snn.AdaptiveLIF(tau_m=10.0, c_m=100.0, i_e=600.0, t_ref=1.0, jump=3.0, tau_theta=50.0, reset=reset)
    steps, v, theta = run(model)
    at, level, refractory, fired = 0.0, 0.0, 0, []
    for k in range(1, 5001):
        level *= math.exp(-DT / 50.0)
        if refractory:
            refractory -= 1
        else:
            at = 60.0 + (at - 60.0) * math.exp(-DT / 10.0)
            if at >= 20.0 + level:
                fired.append(k)
                at, level, refractory = (at - 20.0 if reset == "soft" else 0.0), level + 3.0, 10
        assert v[k - 1] == pytest.approx(at, abs=1e-9)
        assert theta[k - 1] == pytest.approx(level, abs=1e-9)
    assert steps.tolist() == fired
    assert len(fired) > 20
    intervals = np.diff(fired)
    assert intervals[-1] > 1.2 * intervals[0]  # it adapts


def test_both_signs_share_a_time_constant_unless_told_otherwise():
    _, one, _ = run(snn.AdaptiveLIF(synapse="exponential", v_threshold=1e6), weight=-64.0)
    _, two, _ = run(snn.AdaptiveLIF(synapse="exponential", v_threshold=1e6, tau_syn_inh=5.0), weight=-64.0)
    np.testing.assert_allclose(one, two, atol=1e-12)
    assert one.min() < -1.0


def test_in_discrete_time_theta_moves_after_the_test():
    rng = np.random.default_rng(1)
    given = rng.integers(0, 200, 200) / 256  # as they are kept
    net = snn.Network()
    model = snn.DiscreteAdaptiveLIF(beta=0.8, rho=0.9, jump=0.5, v_threshold=1.25, v_reset=0.25)
    cell = net.population("cell", 1, model)
    net.connect(net.current("input", given[:, None], bin=1.0), cell, snn.OneToOne(), weight=1.0)
    for variable in ("v", "theta"):
        net.record(cell, variable, every=1.0)
    recording = snn.Simulation(net, dt=1.0).run(200.0)
    v, theta, fired = 0.0, 0.0, []
    for k, x in enumerate(given):
        v = 0.8 * v + x
        spike = int(v - theta >= 1.25)
        v, theta = v - spike, 0.9 * theta + 0.5 * spike
        fired += [k + 1] * spike
        assert [trace.values[0, k, 0] for trace in recording.traces] == pytest.approx([v, theta], abs=1e-9)
    assert recording.spikes["cell"].steps.tolist() == fired
    assert len(fired) > 20


@pytest.mark.parametrize(("field", "value"), [("beta", 1.1), ("rho", -0.1), ("jump", math.nan), ("v_reset", math.inf)])
def test_bad_parameters_in_discrete_time_are_refused(field, value):
    with pytest.raises(snn.ValidationError, match=f"DiscreteAdaptiveLIF: {field}"):
        snn.DiscreteAdaptiveLIF(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"), [("tau_theta", 0.0), ("jump", math.nan), ("synapse", "alpha"), ("tau_m", -1.0), ("t_ref", -1.0)]
)
def test_bad_parameters_are_refused(field, value):
    with pytest.raises(snn.ValidationError, match=f"AdaptiveLIF: {field}|LIF: {field}"):
        snn.AdaptiveLIF(**{field: value})
