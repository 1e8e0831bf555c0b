"""Whatever is wrong is refused before anything is built; the message names argument and value; nothing has changed."""

import numpy as np
import pytest
from scipy import sparse

import snn

NAN, INF = float("nan"), float("inf")
DISC = snn.DiscKernel(0.5, 0.1)

# What is done, the argument that is refused, and how its value is shown.
PARTS = {
    "models": [
        *(
            (lambda name=name, value=value: snn.LIF(**{name: value}), name, str(value))
            for name in ("tau_m", "c_m", "tau_syn")
            for value in (0.0, -1.5, NAN, INF)
        ),
        *(
            (lambda value=value: snn.LIF(synapse="alpha", tau_syn_inh=value), "tau_syn_inh", str(value))
            for value in (0.0, -1.5, NAN)
        ),
        *((lambda value=value: snn.LIF(tau_m=[1.0, value]), "tau_m[1]", str(value)) for value in (-1.5, NAN)),
        (lambda: snn.LIF(tau_m=snn.Uniform(-1.5, 2.0)), "tau_m.low", "-1.5"),
        (lambda: snn.LIF(t_ref=-0.1), "t_ref", "-0.1"),
        (lambda: snn.LIF(t_ref=NAN), "t_ref", "nan"),
        (lambda: snn.LIF(i_e=[NAN]), "i_e[0]", "nan"),
        (lambda: snn.LIF(v_rest="low"), "v_rest", "'low'"),
        (lambda: snn.LIF(v_rest=["low"]), "v_rest", "['low']"),
        (lambda: snn.LIF(v_rest=None), "v_rest", "None"),
        (lambda: snn.LIF(v_rest=1j), "v_rest", "1j"),
        (lambda: snn.LIF(v_rest=[1j]), "v_rest", "[1j]"),
        (lambda: snn.LIF(v_rest=[[1.0], [2.0, 3.0]]), "v_rest", "[[1.0], [2.0, 3.0]]"),
        (lambda: snn.LIF(v_rest=True), "v_rest", "True"),
        (lambda: snn.LIF(v_rest=["1.0"]), "v_rest", "['1.0']"),
        (lambda: snn.IF(tau_syn_inh=2.0), "tau_syn_inh", "2.0"),
        (lambda: snn.IF(synapse="beta"), "synapse", "'beta'"),
        (lambda: snn.IF(reset="none"), "reset", "'none'"),
        (lambda: snn.DiscreteLIF(reset="late"), "reset", "'late'"),
        (lambda: snn.DiscreteLIF(beta=-0.1), "beta", "-0.1"),
        (lambda: snn.DiscreteLIF(beta=1.1), "beta", "1.1"),
        (lambda: snn.DiscreteLIF(beta=NAN), "beta", "nan"),
        (lambda: snn.DiscreteCubaLIF(alpha=1.1), "alpha", "1.1"),
        (lambda: snn.DiscreteCubaLIF(feed=NAN), "feed", "nan"),
        (lambda: snn.DiscreteCubaLIF(reset="retested"), "reset", "'retested'"),
        *((lambda t=t: snn.McCullochPitts(tau=t), "tau", str(t)) for t in (0.0, -1.0, NAN, None)),
        (lambda: snn.McCullochPitts(threshold=INF), "threshold", "inf"),
        (lambda: snn.McCullochPitts(update="never"), "update", "'never'"),
    ],
    "plasticity": [
        *((lambda u=u: snn.TsodyksMarkram(u=u), "u", str(u)) for u in (-0.1, 1.1, NAN, "half")),
        (lambda: snn.TsodyksMarkram(u=[0.5, 1.5]), "u", "[0.5, 1.5]"),
        (lambda: snn.TsodyksMarkram(u=snn.Uniform(0.5, 1.5)), "u", "Uniform"),
        (lambda: snn.TsodyksMarkram(u=snn.Uniform(-0.5, 0.5)), "u.low", "-0.5"),
        *((lambda t=t: snn.TsodyksMarkram(tau_rec=t), "tau_rec", str(t)) for t in (0.0, -1.0, INF, None)),
        *((lambda t=t: snn.TsodyksMarkram(tau_fac=t), "tau_fac", str(t)) for t in (-1.0, NAN)),
    ],
    "distributions": [
        (lambda: snn.Uniform(1.0, 0.5), "(low, high)", "(1.0, 0.5)"),
        (lambda: snn.Uniform(0.0, NAN), "(low, high)", "(0.0, nan)"),
        (lambda: snn.Uniform("a", 1.0), "(low, high)", "('a', 1.0)"),
        (lambda: snn.Uniform([0.0], 1.0), "(low, high)", "([0.0], 1.0)"),
        (lambda: snn.Normal(0.0, -1.0), "(mean, std)", "(0.0, -1.0)"),
        (lambda: snn.Normal(INF, 1.0), "(mean, std)", "(inf, 1.0)"),
    ],
    "rules": [
        *((lambda p=p: snn.PairwiseBernoulli(p), "probability", str(p)) for p in (-0.1, 1.1, NAN)),
        (lambda: snn.PairwiseBernoulli("half"), "probability", "'half'"),
        (lambda: snn.FixedInDegree(-1), "degree", "-1"),
        (lambda: snn.FixedInDegree(1.5), "degree", "1.5"),
        (lambda: snn.FixedOutDegree(True), "degree", "True"),
        (lambda: snn.FixedTotalNumber(-1), "number", "-1"),
        (lambda: snn.FixedInDegree(1, autapses=1), "autapses", "1"),
        *((lambda p=p: snn.GaussianKernel(p, 0.1), "p_max", str(p)) for p in (-0.1, 1.1, NAN, "all")),
        *((lambda s=s: snn.GaussianKernel(0.1, s), "sigma", str(s)) for s in (0.0, -0.1, NAN, INF)),
        *((lambda c=c: snn.GaussianKernel(0.1, 0.1, c), "cutoff", str(c)) for c in (0.0, -0.1, NAN, None)),
        *((lambda d=d: snn.ExponentialKernel(0.1, d), "decay_length", str(d)) for d in (0.0, NAN, INF)),
        (lambda: snn.ExponentialKernel(0.1, 0.1, cutoff=-INF), "cutoff", "-inf"),
        *((lambda r=r: snn.DiscKernel(0.1, r), "radius", str(r)) for r in (0.0, NAN, INF)),
        (lambda: snn.DistanceDependent(0.1, [[0.0, 0.0]]), "kernel", "0.1"),
        (lambda: snn.DistanceDependent(DISC, [0.0, 0.5]), "sources", "(2,)"),
        (lambda: snn.DistanceDependent(DISC, [[0.0, 0.0, 0.0]]), "sources", "(1, 3)"),
        (lambda: snn.DistanceDependent(DISC, np.zeros((0, 2))), "sources", "(0, 2)"),
        (lambda: snn.DistanceDependent(DISC, "grid"), "sources", "'grid'"),
        (lambda: snn.DistanceDependent(DISC, [[0.5, NAN]]), "sources[0, 1]", "nan"),
        (lambda: snn.DistanceDependent(DISC, [[0.5, 0.5], [1.1, 0.0]]), "sources[1, 0]", "1.1"),
        (lambda: snn.DistanceDependent(DISC, [[0.5, 0.5]], [[0.5, -0.1]]), "targets[0, 1]", "-0.1"),
        *(
            (lambda e=e: snn.DistanceDependent(DISC, [[0.0, 0.0]], extent=e), "extent", str(e))
            for e in ((1.0, 0.0), (-1.0, 1.0), "wide")
        ),
        (lambda: snn.DistanceDependent(DISC, [[0.0, 0.0]], extent=1.0), "extent", "()"),
        (lambda: snn.DistanceDependent(DISC, [[0.0, 0.0]], periodic=1), "periodic", "1"),
        (lambda: snn.DistanceDependent(DISC, [[0.0, 0.0]], autapses=None), "autapses", "None"),
        *((lambda s=s: snn.grid_positions(s), "shape", str(s)) for s in (4, (4,), (1, 1, 1, 1))),
        (lambda: snn.grid_positions((4, 0)), "shape", "0"),
        (lambda: snn.grid_positions((4, 4), (0.0, 1.0)), "extent", "(0.0, 1.0)"),
        (lambda: snn.random_positions(0, seed=0), "size", "0"),
        (lambda: snn.random_positions(3, seed=-1), "seed", "-1"),
        (lambda: snn.random_positions(3, (1.0, NAN), seed=1), "extent[1]", "nan"),
        (lambda: snn.Edges([0.0], [1]), "sources", "float64"),
        (lambda: snn.Edges([0], [True]), "targets", "bool"),
        (lambda: snn.Edges([[0]], [1]), "sources", "shape (1, 1)"),
        (lambda: snn.Edges([0, 1], [0]), "targets", "1 indices"),
        (lambda: snn.Edges([0, "a"], [0, 1]), "sources", "<U"),
        (lambda: snn.Edges([[0], [1, 2]], [0, 1]), "sources", "[[0], [1, 2]]"),
        (lambda: snn.Sparse(np.eye(3)), "matrix", "ndarray"),
        (lambda: snn.Sparse(sparse.coo_array(([NAN], ([0], [0])))), "matrix[0]", "nan"),
        (lambda: snn.Dense([1.0]), "weights", "(1,)"),
        (lambda: snn.Dense("weights"), "weights", "'weights'"),
        (lambda: snn.Dense([[NAN]]), "weights[0, 0]", "nan"),
        (lambda: snn.Dense([["a"]]), "weights", "'a'"),
        (lambda: snn.Conv2d(np.zeros((2, 2))), "kernel", "(2, 2)"),
        (lambda: snn.Conv2d(np.zeros((0, 2, 1, 1))), "size", "0"),
        (lambda: snn.Conv2d(np.zeros((2, 2, 1, 1)), stride=0), "stride", "0"),
        (lambda: snn.SumPool2d(1.5), "size", "1.5"),
        (lambda: snn.SumPool2d((2, 2, 2)), "size", "(2, 2, 2)"),
        (lambda: snn.MaxPool2d(2, padding=-1), "padding", "-1"),
    ],
}


@pytest.mark.parametrize(("make", "argument", "value"), [row for rows in PARTS.values() for row in rows])
def test_parts(make, argument, value):
    refuses(make, argument, value)


def refuses(make, argument, value):
    with pytest.raises(snn.ValidationError) as caught:
        make()
    assert caught.value.attribute == argument
    assert f"{argument} = " in str(caught.value)
    assert value in str(caught.value).split(" is not accepted")[0]
    assert caught.value.expected


@pytest.fixture
def net():
    network = snn.Network(seed=1)
    cells = network.population("cells", 5, snn.LIF())
    image = network.population("image", (4, 4, 2), snn.IF())
    network.connect(network.poisson("noise", 100.0), cells)
    network.connect(network.spike_trains("given", [[1.0], []]), image[:2], snn.OneToOne())
    network.connect(network.current("current", [1.0, 2.0]), cells[:2], snn.OneToOne())
    network.poisson("rates", 100.0, 3)
    network.population("units", (2, 2, 1), snn.McCullochPitts(threshold=0.0))
    network.poisson("rising", [[1.0, 2.0]], bin=1.0)
    network.noise_current("white", np.zeros(5), 1.0)
    network.sine_current("sine", 1.0, 1.0)
    network.record(cells, "v", every=1.0)
    return network


def connecting(rule=None, ends="cells cells", **options):
    def act(net):
        source, target = ((net.populations | net.sources)[name] for name in ends.split())
        net.connect(source, target, rule or snn.OneToOne(), **options)

    return act


def population(*shape_and_model, **options):
    return lambda net: net.population("new", *(shape_and_model or (3, snn.LIF())), **options)


NETWORK = {
    "populations": [
        (lambda n: n.population("cells", 3, snn.LIF()), "name", "'cells'"),
        (lambda n: n.population("noise", 3, snn.LIF()), "name", "'noise'"),
        (lambda n: n.poisson("cells", 1.0), "name", "'cells'"),
        (lambda n: n.spike_trains("noise", [[1.0]]), "name", "'noise'"),
        (lambda n: n.current("noise", [1.0]), "name", "'noise'"),
        (lambda n: n.population("", 3, snn.LIF()), "name", "''"),
        (lambda n: n.population(3, 3, snn.LIF()), "name", "3"),
        *((population(shape, snn.LIF()), "shape", str(shape)) for shape in (0, -1, 2.5, "three", None, True)),
        (population((), snn.LIF()), "shape", "()"),
        (population((2, 0), snn.LIF()), "shape", "0"),
        (population(3, snn.LIF), "model", "LIF"),
        (population(3, snn.LIF(v_threshold=np.ones(4))), "v_threshold", "(4,)"),
        (population(3, snn.LIF(v_threshold=np.ones((3, 1)))), "v_threshold", "(3, 1)"),
        (population(initial={"v": [1.0]}), "initial['v']", "(1,)"),
        (population(initial={"v": NAN}), "initial['v']", "nan"),
        (population(initial={"v": "low"}), "initial['v']", "'low'"),
        (population(initial=1.0), "initial", "1.0"),
        (population(active=(3.0, 1.0)), "active[1]", "1.0"),
        (population(active=(-1.0, 1.0)), "active[0]", "-1.0"),
        (population(active=(0.0, NAN)), "active[1]", "nan"),
        (population(active=(0.0, "late")), "active[1]", "'late'"),
        (population(active=1.0), "active", "1.0"),
    ],
    "stimuli": [
        *((lambda n, r=r: n.poisson("new", r), "rate", str(r)) for r in (-1.0, NAN, INF)),
        (lambda n: n.poisson("new", [1.0, -2.0], 2), "rate[1]", "-2.0"),
        (lambda n: n.poisson("new", [1.0, 2.0], 3), "rate", "(2,)"),
        (lambda n: n.poisson("new", snn.Uniform(0.0, 1.0)), "rate", "Uniform"),
        (lambda n: n.poisson("new", 1.0, 0), "shape", "0"),
        (lambda n: n.connect(n.sources["noise"], n.populations["image"], snn.OneToOne()), "rule", "OneToOne"),
        (lambda n: n.spike_trains("new", [[1.0], [2.0, 1.0]]), "trains[1]", "[2.0, 1.0]"),
        (lambda n: n.spike_trains("new", [[1.0, 1.0]]), "trains[0]", "[1.0, 1.0]"),
        (lambda n: n.spike_trains("new", [[-1.0]]), "trains[0]", "[-1.0]"),
        (lambda n: n.spike_trains("new", [[0.0]]), "trains[0]", "[0.0]"),
        (lambda n: n.spike_trains("new", [[NAN]]), "trains[0][0]", "nan"),
        (lambda n: n.spike_trains("new", [["late"]]), "trains[0]", "['late']"),
        (lambda n: n.spike_trains("new", [1.0]), "trains[0]", "1.0"),
        (lambda n: n.spike_trains("new", []), "trains", "[]"),
        (lambda n: n.spike_trains("new", 1.0), "trains", "1.0"),
        (lambda n: n.current("new", [NAN]), "amplitude[0]", "nan"),
        (lambda n: n.current("new", []), "amplitude", "[]"),
        (lambda n: n.current("new", "strong"), "amplitude", "'strong'"),
        (lambda n: n.current("new", [1.0], start=-1.0), "start", "-1.0"),
        (lambda n: n.current("new", [1.0], start=2.0, stop=1.0), "stop", "1.0"),
        (lambda n: n.current("new", [1.0], start=2.0, stop=2.0), "stop", "2.0"),
        (lambda n: n.current("new", [1.0], stop="late"), "stop", "'late'"),
        (lambda n: n.poisson("new", [1.0, -2.0], bin=1.0), "rate[1]", "-2.0"),
        (lambda n: n.poisson("new", [[1.0, 2.0], [3.0, NAN]], 2, bin=1.0), "rate[1, 1]", "nan"),
        (lambda n: n.poisson("new", [[1.0, 2.0]], 3, bin=1.0), "rate", "(1, 2)"),
        (lambda n: n.poisson("new", [[[1.0]]], bin=1.0), "rate", "(1, 1, 1)"),
        (lambda n: n.poisson("new", [], bin=1.0), "rate", "(0,)"),
        (lambda n: n.poisson("new", 1.0, bin=1.0), "rate", "()"),
        (lambda n: n.poisson("new", snn.Uniform(0.0, 1.0), bin=1.0), "rate", "Uniform"),
        (lambda n: n.poisson("new", lambda t: "high", bin=1.0, duration=2.0), "rate", "'high'"),
        (lambda n: n.poisson("new", lambda t: -t, bin=1.0, duration=2.0), "rate[0]", "-0.5"),
        *((lambda n, b=b: n.poisson("new", [1.0], bin=b), "bin", str(b)) for b in (0.0, -1.0, NAN, INF, "short")),
        (lambda n: n.poisson("new", [1.0], bin=1.0, duration=1.0), "duration", "1.0"),
        (lambda n: n.poisson("new", 1.0, duration=1.0), "bin", "None"),
        (lambda n: n.poisson("new", abs), "bin", "None"),
        *(
            (lambda n, d=d: n.poisson("new", abs, bin=0.2, duration=d), "duration", str(d))
            for d in (None, 0.1, 0.5, NAN, INF)
        ),
        (lambda n: n.connect(n.sources["rising"], n.populations["cells"]), "rate", "(2,)"),
        *((lambda n, r=r: n.gamma("new", r, 2.0, 3), "rate", str(r)) for r in (-1.0, NAN, INF)),
        *((lambda n, k=k: n.gamma("new", 1.0, k, 3), "order", str(k)) for k in (0.0, -1.0, NAN, INF, "two")),
        (lambda n: n.gamma("new", [1.0, 2.0], 1.0, 3), "rate", "(2,)"),
        (lambda n: n.gamma("new", 1.0, [1.0, 2.0], 3), "order", "(2,)"),
        (lambda n: n.gamma("new", 1.0, snn.Uniform(1.0, 2.0), 3), "order", "Uniform"),
        (lambda n: n.gamma("new", 1.0, 1.0, None), "shape", "None"),
        (lambda n: n.current("new", [1.0, NAN], bin=1.0), "amplitude[1]", "nan"),
        (lambda n: n.current("new", np.zeros((2, 0)), bin=1.0), "amplitude", "(2, 0)"),
        (lambda n: n.current("new", [1.0], bin=0.0), "bin", "0.0"),
        (lambda n: n.current("new", abs), "bin", "None"),
        (lambda n: n.current("new", [1.0], bin=1.0, start=2.0, stop=2.0), "stop", "2.0"),
        (lambda n: n.sine_current("new", 1.0, -1.0), "frequency", "-1.0"),
        (lambda n: n.sine_current("new", [1.0, 2.0], [1.0, 2.0, 3.0]), "frequency", "(3,)"),
        (lambda n: n.sine_current("new", [], 1.0), "amplitude", "(0,)"),
        *((lambda n, p=p: n.sine_current("new", 1.0, 1.0, phase=p), "phase", str(p)) for p in ("late", [[1.0], 2.0])),
        (lambda n: n.sine_current("new", 1.0, 1.0, offset=[0.0, NAN]), "offset[1]", "nan"),
        (lambda n: n.sine_current("new", 1.0, 1.0, start=-1.0), "start", "-1.0"),
        (lambda n: n.noise_current("new", NAN, 1.0), "mean", "nan"),
        *((lambda n, s=s: n.noise_current("new", 0.0, s), "std", str(s)) for s in (-1.0, NAN, INF, "wide")),
        (lambda n: n.noise_current("new", 0.0, [1.0, -1.0]), "std[1]", "-1.0"),
        (lambda n: n.noise_current("new", snn.Normal(0.0, 1.0), 1.0), "mean", "Normal"),
        *((lambda n, i=i: n.noise_current("new", 0.0, 1.0, interval=i), "interval", str(i)) for i in (0.0, NAN)),
        (lambda n: n.noise_current("new", 0.0, 1.0, start=2.0, stop=1.0), "stop", "1.0"),
        (lambda n: n.current("new", [1.0], stop=NAN), "stop", "nan"),
    ],
    "projections": [
        *((connecting(weight=w), "weight", str(w)) for w in (NAN, INF, "strong")),
        (connecting(weight=[1.0, NAN, 0.0, 0.0, 0.0]), "weight[1]", "nan"),
        (connecting(weight=np.ones(4)), "weight", "(4,)"),
        (connecting(weight=np.ones((5, 5))), "weight", "(5, 5)"),
        *((connecting(delay=d), "delay", str(d)) for d in (-0.1, NAN, INF, "late")),
        (connecting(snn.AllToAll(), delay=[1.0] * 24 + [-0.1]), "delay[24]", "-0.1"),
        (connecting(snn.AllToAll(), delay=[1.0] * 24), "delay", "(24,)"),
        (connecting(snn.AllToAll(), delay=snn.Uniform(-0.5, 1.0)), "delay.low", "-0.5"),
        (connecting(delay=[1.0] * 5), "delay", "1."),
        (connecting(snn.FixedInDegree(6, multapses=False)), "degree", "6"),
        (connecting(snn.FixedInDegree(5, multapses=False, autapses=False)), "degree", "5"),
        (connecting(snn.FixedOutDegree(6, multapses=False)), "degree", "6"),
        (connecting(snn.FixedTotalNumber(26, multapses=False)), "number", "26"),
        (connecting(snn.FixedTotalNumber(21, multapses=False, autapses=False)), "number", "21"),
        (connecting(snn.FixedInDegree(2), delay=np.ones(9)), "delay", "(9,)"),
        (connecting(snn.FixedOutDegree(2), weight=np.ones(9)), "weight", "(9,)"),
        (connecting(snn.FixedTotalNumber(2), weight=np.ones(3)), "weight", "(3,)"),
        (connecting(snn.AllToAll(autapses=False), weight=np.ones(25)), "weight", "(25,)"),
        (connecting(snn.PairwiseBernoulli(0.5), weight=np.ones(12)), "weight", "(12,)"),
        (connecting(snn.DistanceDependent(DISC, np.zeros((4, 2)))), "sources", "4 positions"),
        (connecting(snn.DistanceDependent(DISC, np.zeros((5, 2)), np.zeros((6, 2)))), "targets", "6 positions"),
        (connecting(snn.DistanceDependent(DISC, np.zeros((5, 2))), weight=np.ones(5)), "weight", "(5,)"),
        (connecting(snn.PairwiseBernoulli(0.5), delay=np.ones(12)), "delay", "(12,)"),
        (connecting(snn.Conv2d(np.zeros((2, 2, 1, 1)))), "source", "(5,)"),
        (connecting(snn.Edges([5], [0])), "sources", "5"),
        (connecting(snn.Edges([0], [-1])), "targets", "-1"),
        (connecting(snn.Sparse(sparse.eye_array(4))), "matrix", "(4, 4)"),
        (connecting(snn.Dense(np.zeros((5, 4)))), "weights", "4 columns"),
        (connecting(snn.Dense(np.zeros((4, 5)))), "target", "(5,)"),
        (connecting(snn.Dense(np.zeros((5, 5))), weight=2.0), "weight", "2.0"),
        (connecting(snn.OneToOne(), "cells image"), "target", "32 neurons"),
        (connecting(snn.Conv2d(np.zeros((2, 2, 3, 1))), "image image"), "kernel", "3 source channels"),
        (connecting(snn.SumPool2d(5), "image image"), "size", "(5, 5)"),
        (connecting(snn.SumPool2d(2), "image image"), "target", "(4, 4, 2)"),
        (connecting(snn.SumPool2d(1), "image image", weight=np.ones(32)), "weight", "1."),
        (connecting(snn.OneToOne(), "current cells", delay=1.0), "target", "5 neurons"),
        (connecting(snn.AllToAll(), "current cells", delay=1.0), "delay", "1.0"),
        (connecting(plasticity="fast"), "plasticity", "'fast'"),
        (connecting(plasticity=snn.TsodyksMarkram), "plasticity", "TsodyksMarkram"),
        (connecting(plasticity=snn.TsodyksMarkram(u=[0.5] * 4)), "plasticity.u", "(4,)"),
        (connecting(snn.SumPool2d(1), "image image", plasticity=snn.TsodyksMarkram()), "plasticity", "Tsodyks"),
        (connecting(snn.AllToAll(), "current cells", plasticity=snn.TsodyksMarkram()), "plasticity", "Tsodyks"),
        (
            lambda n: n.connect(n.sources["noise"], n.populations["cells"], plasticity=snn.TsodyksMarkram()),
            "plasticity",
            "Tsodyks",
        ),
        (connecting(snn.AllToAll(), "cells units"), "target", "'units'"),
        (connecting(snn.AllToAll(), "units cells"), "target", "'cells'"),
        (connecting(snn.SumPool2d(1), "units units"), "rule", "SumPool2d"),
        (connecting(snn.AllToAll(), "units units", plasticity=snn.TsodyksMarkram()), "plasticity", "Tsodyks"),
        (lambda n: n.connect(n.sources["noise"], n.populations["units"]), "source", "'noise'"),
        (connecting(snn.OneToOne(), "white cells"), "rule", "OneToOne"),
        (connecting(snn.AllToAll(), "sine cells", delay=1.0), "delay", "1.0"),
        (lambda n: n.connect(n.sources["white"], n.populations["cells"][1:]), "mean", "(5,)"),
        (lambda n: n.connect(n.sources["white"], n.populations["cells"], delay=1.0), "delay", "1.0"),
        (connecting("all"), "rule", "'all'"),
        (connecting(snn.OneToOne), "rule", "OneToOne"),
        (lambda n: n.connect(n.populations["cells"], n.populations["cells"]), "rule", "None"),
        (lambda n: n.connect("cells", n.populations["cells"], snn.OneToOne()), "source", "'cells'"),
        (lambda n: n.connect(n.populations["cells"], "cells", snn.OneToOne()), "target", "'cells'"),
        (lambda n: n.connect(n.populations["cells"], n.sources["given"], snn.AllToAll()), "target", "given"),
        (lambda n: n.connect(n.populations["cells"], (), snn.AllToAll()), "target", "()"),
        # The second of two targets is wrong: the first is not connected either.
        (
            lambda n: n.connect(
                n.populations["cells"], n.populations["cells"] + n.populations["image"], snn.OneToOne()
            ),
            "target",
            "32 neurons",
        ),
    ],
    "slices": [
        (lambda n: n.populations["cells"][5:], "index", "slice(5"),
        (lambda n: n.populations["cells"][5], "index", "5"),
        (lambda n: n.populations["cells"][-6], "index", "-6"),
        (lambda n: n.populations["cells"][::2], "index", "2)"),
        (lambda n: n.populations["cells"]["first"], "index", "'first'"),
    ],
    "probes": [
        *(
            (lambda n, e=e: n.record(n.populations["cells"], "v", every=e), "every", str(e))
            for e in (0.0, -1.0, NAN, "ms")
        ),
        (lambda n: n.record(n.populations["cells"], 1, every=1.0), "variable", "1"),
        (lambda n: n.record("cells", "v", every=1.0), "neurons", "'cells'"),
        (lambda n: n.record(n.sources["given"], "v", every=1.0), "neurons", "given"),
    ],
}


def described(net):
    return dict(net.populations), dict(net.sources), list(net.projections), list(net.probes)


@pytest.mark.parametrize(("act", "argument", "value"), [row for rows in NETWORK.values() for row in rows])
def test_networks(net, act, argument, value):
    before = described(net)
    refuses(lambda: act(net), argument, value)
    assert described(net) == before


# Added to the network without complaint, since only the step of a simulation shows that it is wrong.
LOWERING = [
    (connecting(delay=0.25), "delay", "0.25"),
    (connecting(delay=0.04), "delay", "0.04"),
    (connecting(delay=0.0), "delay", "0.0"),
    (connecting(snn.AllToAll(), delay=[1.0] * 24 + [0.33]), "delay", "0.33"),
    (connecting(snn.Edges([0, 1], [0, 1]), "given cells", delay=0.15), "delay", "0.15"),
    (population(3, snn.LIF(t_ref=0.15)), "t_ref", "0.15"),
    (population(3, snn.LIF(t_ref=[0.1, 0.2, 0.25])), "t_ref", "0.25"),
    (population(3, snn.LIF(t_ref=snn.Uniform(0.11, 0.12))), "t_ref", "0.11"),
    (population(3, snn.LIF(v_reset=30.0)), "v_reset", "30.0"),
    (connecting(plasticity=snn.TsodyksMarkram(u=snn.Normal(0.5, 5.0))), "u", "["),
    (connecting(plasticity=snn.TsodyksMarkram(tau_rec=snn.Normal(-5.0, 1.0))), "tau_rec[", "-"),
    (population(30, snn.LIF(tau_m=snn.Normal(1.0, 5.0))), "tau_m[", "-"),
    (population(initial={"u": 0.0}), "initial", "'u'"),
    (population(3, snn.McCullochPitts(), initial={"n": 1.0}), "initial", "'n'"),
    (population(3, snn.McCullochPitts(tau=[1.0, 0.05, 2.0])), "tau", "0.05"),
    (population(active=(0.15, 1.0)), "active", "0.15"),
    (lambda n: n.spike_trains("new", [[0.1, 0.25]]), "trains[0]", "0.25"),
    (lambda n: n.poisson("new", 10_001.0, 2), "rate", "10001.0"),
    (lambda n: n.connect(n.poisson("new", 1e8), n.populations["cells"]), "rate", "1000"),
    (lambda n: n.poisson("new", [1.0, 10_001.0], 2, bin=1.0), "rate", "10001.0"),
    (lambda n: n.poisson("new", [1.0], 2, bin=0.25), "bin", "0.25"),
    (lambda n: n.connect(n.poisson("new", [1.0], bin=0.25), n.populations["cells"]), "bin", "0.25"),
    (lambda n: n.connect(n.poisson("new", [1.0, 1e8], bin=1.0), n.populations["cells"]), "rate", "1000"),
    (lambda n: n.gamma("new", [10_001.0, 1.0], 1.0, 2), "rate", "10001.0"),
    (lambda n: n.connect(n.current("new", [1.0], bin=0.25), n.populations["cells"], snn.AllToAll()), "bin", "0.25"),
    (
        lambda n: n.connect(n.sine_current("new", 1.0, 1.0, start=0.13), n.populations["cells"], snn.AllToAll()),
        "start",
        "0.13",
    ),
    *(
        (lambda n, o=o: n.connect(n.noise_current("new", 0.0, 1.0, **o), n.populations["cells"]), *o, "0.25")
        for o in ({"interval": 0.25}, {"start": 0.25}, {"stop": 0.25})
    ),
    (lambda n: n.connect(n.noise_current("new", 0.0, 1e10), n.populations["cells"]), "std", "10000000000.0"),
    (
        lambda n: n.connect(n.current("new", [1.0] * 5, start=0.13), n.populations["cells"], snn.OneToOne()),
        "start",
        "0.13",
    ),
    (
        lambda n: n.connect(n.current("new", [1.0] * 5, stop=0.13), n.populations["cells"], snn.OneToOne()),
        "stop",
        "0.13",
    ),
    (lambda n: n.record(n.populations["cells"], "v", every=0.25), "every", "0.25"),
    (lambda n: n.record(n.populations["cells"], "w", every=1.0), "variable", "'w'"),
]


@pytest.mark.parametrize(("act", "argument", "value"), LOWERING)
def test_networks_that_do_not_fit_the_step(net, act, argument, value):
    act(net)
    before = described(net)
    with pytest.raises(snn.ValidationError) as caught:
        snn.Simulation(net, dt=0.1)
    assert caught.value.attribute.startswith(argument)
    assert value in str(caught.value).split(" is not accepted")[0]
    assert described(net) == before


SIMULATION = [
    *((lambda n, v=v: snn.Simulation(n, dt=v), "dt", str(v)) for v in (0.0, -0.1, NAN, INF, "short")),
    *((lambda n, v=v: snn.Simulation(n, threads=v), "threads", str(v)) for v in (0, -1, 1.5, True, "all")),
    *((lambda n, v=v: snn.Simulation(n, batch=v), "batch", str(v)) for v in (0, 1.5)),
    *((lambda n, v=v: snn.Simulation(n, seed=v), "seed", str(v)) for v in (-1, 2**32, 0.5)),
    (lambda n: snn.Simulation(n, first_sample=-1), "first_sample", "-1"),
    (lambda n: snn.Simulation("net"), "network", "'net'"),
    *((lambda n, v=v: snn.Network(v), "seed", str(v)) for v in (-1, 2**32, 0.5, "one")),
]


@pytest.mark.parametrize(("act", "argument", "value"), SIMULATION)
def test_simulations(net, act, argument, value):
    refuses(lambda: act(net), argument, value)


RUN = [
    *(
        (lambda n, s, v=v: s.run(v), "duration", str(v))
        for v in (-1.0, 0.05, 0.25, 1e300, NAN, INF, "long", None, True)
    ),
    (lambda n, s: s.run(1.0, report="dots"), "report", "'dots'"),
    (lambda n, s: s.reset(-1), "first_sample", "-1"),
    (lambda n, s: s.state(n.populations["cells"], "w"), "variable", "'w'"),
    (lambda n, s: s.state("cells"), "target", "'cells'"),
    (lambda n, s: s.state(n.sources["given"]), "target", "given"),
    (lambda n, s: s.set("cells", i_e=1.0), "target", "'cells'"),
    (lambda n, s: s.set(n.population("late", 1, snn.LIF()), i_e=1.0), "target", "late"),
    (lambda n, s: s.set(n.poisson("late", 1.0, 1), rate=1.0), "target", "late"),
    (lambda n, s: s.set(n.sources["noise"], rate=1.0), "target", "noise"),
    (lambda n, s: s.set(n.populations["cells"], tau=1.0), "parameter", "'tau'"),
    (lambda n, s: s.set(n.populations["units"], tau=1.0), "parameter", "'tau'"),
    (lambda n, s: s.set(n.populations["cells"], synapse="alpha"), "parameter", "'synapse'"),
    (lambda n, s: s.set(n.populations["cells"], tau_syn_inh=1.0), "parameter", "'tau_syn_inh'"),
    (lambda n, s: s.set(n.populations["cells"], tau_m=-1.0), "tau_m", "-1.0"),
    (lambda n, s: s.set(n.populations["cells"], i_e=1.0, tau_m=0.0), "tau_m", "0.0"),
    (lambda n, s: s.set(n.populations["cells"], i_e=[1.0, 2.0, 3.0]), "i_e", "(3,)"),
    (lambda n, s: s.set(n.populations["cells"], i_e=[NAN] * 5), "i_e[0]", "nan"),
    (lambda n, s: s.set(n.populations["cells"], i_e=NAN), "i_e", "i_e = nan"),
    (lambda n, s: s.set(n.populations["cells"], t_ref=1e30), "t_ref", "1e+30"),
    (lambda n, s: s.set(n.populations["cells"], i_e="strong"), "i_e", "'strong'"),
    (lambda n, s: s.set(n.populations["cells"], i_e=None), "i_e", "None"),
    (lambda n, s: s.set(n.populations["cells"], i_e=snn.Uniform(0.0, 1.0)), "i_e", "Uniform"),
    (lambda n, s: s.set(n.populations["cells"], t_ref=0.15), "t_ref", "0.15"),
    (lambda n, s: s.set(n.populations["cells"], v_reset=30.0), "v_reset", "30.0"),
    (lambda n, s: s.set(n.populations["cells"][3:], c_m=[1.0, -1.0]), "c_m[4]", "-1.0"),
    (lambda n, s: s.set(n.populations["cells"][3:], c_m=[1.0] * 5), "c_m", "(5,)"),
    (lambda n, s: s.set(n.sources["given"], trains=[[1.0]]), "trains", "1 trains"),
    (lambda n, s: s.set(n.sources["given"], trains=[[2.0, 1.0], []]), "trains[0]", "[2.0, 1.0]"),
    (lambda n, s: s.set(n.sources["given"], trains=[[0.15], []]), "trains[0]", "0.15"),
    (lambda n, s: s.set(n.sources["given"], trains=1.0), "trains", "1.0"),
    (lambda n, s: s.set(n.sources["given"], rate=1.0), "values", "rate"),
    (lambda n, s: s.set(n.sources["rates"], rate=[-1.0, 0.0, 0.0]), "rate", "-1.0"),
    (lambda n, s: s.set(n.sources["rates"], rate=[0.0, 0.0, 1e5]), "rate", "100000.0"),
    (lambda n, s: s.set(n.sources["rates"], rate=[0.0, NAN, 0.0]), "rate[1]", "nan"),
    (lambda n, s: s.set(n.sources["rates"], rate=[1.0, 0.0]), "rate", "(2,)"),
    (lambda n, s: s.set(n.sources["sine"], amplitude=[1.0]), "target", "sine"),
    (lambda n, s: s.set(n.sources["white"], mean=1.0), "target", "white"),
    (lambda n, s: s.set(n.sources["current"], amplitude=[1.0]), "amplitude", "(1,)"),
    (lambda n, s: s.set(n.sources["current"], amplitude="strong"), "amplitude", "'strong'"),
]


@pytest.mark.parametrize(("act", "argument", "value"), RUN)
def test_running_simulations_go_on_as_if_nothing_had_been(net, act, argument, value):
    touched, untouched = (snn.Simulation(net, batch=2) for _ in range(2))
    touched.run(1.0)
    untouched.run(1.0)
    refuses(lambda: act(net, touched), argument, value)
    assert touched.time == untouched.time
    touched.run(2.0)
    untouched.run(2.0)
    for one, other in zip(touched.recording.traces, untouched.recording.traces, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
    for name, record in touched.recording.spikes.items():
        np.testing.assert_array_equal(record.steps, untouched.recording.spikes[name].steps)


def test_what_is_added_to_a_network_later_is_not_in_the_simulation(net):
    simulation = snn.Simulation(net)
    net.record(net.population("late", 1, snn.LIF()), "v", every=1.0)
    with pytest.warns(UserWarning, match="neither simulated nor recorded; make a new Simulation"):
        recording = simulation.run(2.0)
    assert "late" not in recording.spikes
    assert len(recording.traces) == 1
    simulation.run(1.0)  # which warns no more
    net.record_spikes()
    with pytest.warns(UserWarning, match="neither simulated nor recorded"):
        assert len(simulation.run(1.0).spikes["cells"].recorded) > 0


@pytest.mark.parametrize(("given", "nearest"), [(0.25, "0.2"), (0.26, "0.3"), (0.04, "0.1"), (0.0, "0.1")])
def test_times_off_the_grid_are_refused_with_the_nearest_that_would_do(net, given, nearest):
    connecting(delay=given)(net)
    with pytest.raises(snn.ValidationError, match=rf"at least 0\.1 \(nearest: {nearest}\)"):
        snn.Simulation(net, dt=0.1)
