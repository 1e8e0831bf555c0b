"""Threshold crossings of the exact engine's neurons against brute force and 50 digits; a JSON line a family.

Random problems: a neuron with random time constants, often equal, close to each other or in round ratios, a random
state, and a time. In half of them the threshold is put close to a maximum of u, above or below it by 1e-10 mV or more.
The question is when u first reaches the threshold.

Brute force samples u at some 300 times, by the solution as it stands in textbooks, and refines the maxima that come
near the threshold and the first crossing by bisection in long doubles. Whether a maximum within 1e-6 mV of the
threshold has reached it is decided with 50 digits (mpmath). Quadratic neurons are all compared with 50 digits.

Reported: crossings missed and invented (another crossing than the first is both); the largest error in ms where u rises
by 0.01 mV/ms or more, and of u at the time found, in mV, anywhere; lower bounds that were too late; and the largest
errors of some crossings (in ms, likewise) and of some states (in mV) against 50 digits. For quadratic neurons, which
may wait for any time where they hardly rise, the slope is the smallest on the way, and the error in mV is that of u
there.

Run: python benchmarks/exact_precision.py --problems 100000
"""

import argparse
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numba
import numpy as np

import snn
from snn.neurons.flow import advance, crossing, earliest
from snn.structs import load, store

LONG = np.longdouble
DOUBTFUL = 1e-6  # mV from the threshold
STEEP = 0.01  # mV/ms
OTHER = 1e-9  # mV: what is further from the threshold is no error of a crossing but another one
DIGITS = 50
EXACT = 300  # crossings of a family that are compared with so many digits
CHUNK = 500  # problems sampled at a time
C_M = 250.0
GRID = np.concatenate([[0.0], np.geomspace(1e-6, 0.01, 100)[:-1], np.linspace(0.01, 1.0, 220)])


class Problems(NamedTuple):
    """Many neurons of a family: the flow's NamedTuples of arrays, until when to look in ms, and the same once more."""

    parameters: Any
    state: Any
    until: np.ndarray
    truth: Any  # Membranes or Quadratics


@numba.njit(error_model="numpy")
def solve(p, s, until, times, bounds):
    """Let the neurons' own functions answer."""
    for i in range(until.size):
        times[i] = crossing(load(p, 0, i), load(s, 0, i), until[i])
        bounds[i] = earliest(load(p, 0, i), load(s, 0, i))


@numba.njit(error_model="numpy")
def proceed(p, s, t, later):
    """Let the neurons' own functions advance the states."""
    for i in range(t.size):
        store(later, 0, i, advance(load(p, 0, i), load(s, 0, i), t[i]))


class Membranes(NamedTuple):
    """Neurons with leak or without (tau_m infinite) and their currents: arrays (n,) or (n, 1), or mpmath's numbers."""

    tau_m: Any
    u: Any
    constant: Any
    threshold: Any
    synapses: tuple[tuple[Any, Any, Any], ...]  # tau, i, i_rise

    def map(self, change: Callable) -> "Membranes":
        """Change all arrays."""
        return Membranes(*map(change, self[:4]), tuple(tuple(map(change, synapse)) for synapse in self.synapses))

    def of(self, index: Any) -> "Membranes":
        """Return some of the neurons."""
        return self.map(lambda array: array[index])

    def exactly(self, index: int) -> "Membranes":
        """Return one of them, in mpmath's numbers."""
        return self.map(lambda array: mpmath.mpf(float(array[index])))


def filtered(a, s, t):
    """Return the integrals of exp(-a (t - x)) exp(-s x) and of exp(-a (t - x)) x exp(-s x) over x from 0 to t."""
    gap = s - a
    x = -gap * t
    small = np.abs(x) < 0.5
    near = np.where(small, x, 0)
    phi, psi, term = np.zeros_like(x), np.zeros_like(x), np.ones_like(x)
    for k in range(16):
        phi, psi, term = phi + term / (k + 1), psi + term / (k + 2), term * near / (k + 1)
    fall, decay = np.exp(-a * t), np.exp(-s * t)
    wide = np.where(small, 1, gap)
    first = np.where(small, t * fall * phi, (fall - decay) / wide)
    return first, np.where(small, t * t * fall * psi, (first - t * decay) / wide)


def potential(m: Membranes, t: np.ndarray):
    """Return u and du/dt."""
    a = 1 / m.tau_m
    u = m.u * np.exp(-a * t) + m.constant / C_M * np.where(a == 0, t, -np.expm1(-a * t) * np.where(a == 0, 1, m.tau_m))
    current = m.constant
    for tau, i, i_rise in m.synapses:
        s, rise = 1 / tau, np.exp(tau.dtype.type(1)) / tau * i_rise
        first, second = filtered(a, s, t)
        u = u + (i * first + rise * second) / C_M
        current = current + (i + rise * t) * np.exp(-s * t)
    return u, current / C_M - a * u


def precise(m: Membranes, t: Any):
    """Return u and du/dt of one neuron, with many digits."""
    with mpmath.workdps(2 * DIGITS):
        a = 1 / m.tau_m
        fall = mpmath.exp(-a * t)
        u, current = m.u * fall + m.constant / C_M * ((1 - fall) / a if a else t), m.constant
        for tau, i, i_rise in m.synapses:
            s, rise = 1 / tau, mpmath.e / tau * i_rise
            decay = mpmath.exp(-s * t)
            first = (fall - decay) / (s - a) if s != a else t * fall
            second = (first - t * decay) / (s - a) if s != a else t * t / 2 * fall
            u += (i * first + rise * second) / C_M
            current += (i + rise * t) * decay
        return u, current / C_M - a * u


def bisect(low: np.ndarray, high: np.ndarray, is_left: Callable) -> np.ndarray:
    """Return, in long doubles, the end of where `is_left` holds, which is between the two."""
    low, high = low.astype(LONG), high.astype(LONG)
    for _ in range(70):
        middle = (low + high) / 2
        left = is_left(middle)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return high


def maxima(m: Membranes, t: np.ndarray, u: np.ndarray, chosen: np.ndarray):
    """Return neuron, sample and time of the maxima near those `chosen` samples (n, samples) that tower over others."""
    top = np.zeros_like(chosen)
    top[:, 1:-1] = (u[:, 1:-1] >= u[:, :-2]) & (u[:, 1:-1] >= u[:, 2:]) & chosen[:, 1:-1]
    neuron, sample = np.nonzero(top)
    here = m.of(neuron).map(lambda array: array.astype(LONG))
    return neuron, sample, bisect(t[neuron, sample - 1], t[neuron, sample + 1], lambda x: potential(here, x)[1] > 0)


def first_crossings(m: Membranes, until: np.ndarray) -> np.ndarray:
    """Return, by brute force, when u first reaches the threshold, or inf."""
    t = until[:, None] * GRID
    u, _ = potential(m.map(lambda array: array[:, None]), t)
    missing = m.threshold[:, None] - u
    reached = missing <= 0
    last = np.where(reached.any(axis=1), reached.argmax(axis=1), len(GRID))
    # A maximum is not further above its sample than the sample is above the lower of its neighbours, or hardly.
    fall = np.zeros_like(u)
    fall[:, 1:-1] = u[:, 1:-1] - np.minimum(u[:, :-2], u[:, 2:])
    close = (missing < 2 * fall + 1e-9) & (np.arange(len(GRID)) < last[:, None])
    neuron, sample, at = maxima(m, t, u, close)
    excess = potential(m.of(neuron).map(lambda array: array.astype(LONG)), at)[0] - m.threshold[neuron]
    for k in np.nonzero(np.abs(excess) < DOUBTFUL)[0]:
        exact = m.exactly(neuron[k])
        excess[k] = LONG(mpmath.nstr(precise(exact, long_number(at[k]))[0] - exact.threshold, 20))
    low, high = np.full(len(until), np.inf, LONG), np.full(len(until), np.inf, LONG)
    some = last < len(GRID)
    low[some], high[some] = t[some, last[some] - 1], t[some, last[some]]
    for k in np.nonzero(excess >= 0)[0][::-1]:
        low[neuron[k]], high[neuron[k]] = t[neuron[k], sample[k] - 1], at[k]
    some = np.isfinite(high)
    here = m.of(some).map(lambda array: array.astype(LONG))
    high[some] = bisect(low[some], high[some], lambda x: potential(here, x)[0] < here.threshold)
    return high


def long_number(x):
    """Return a long double as mpmath's number."""
    head = float(x)
    return mpmath.mpf(head) + mpmath.mpf(float(x - LONG(head)))


def constants(rng, n, of):
    """Return time constants, many of them equal to others, close to them, or in round ratios to them."""
    special = np.array([1.0, 1.0 + 1e-6, 1.0 - 1e-6, 1.0 + 1e-12, 0.999, 2.0, 0.5, 0.25, 4.0, 1.9999999])
    return of * np.where(rng.random(n) < 0.5, 10.0 ** rng.uniform(-1.7, 1.7, n), rng.choice(special, n))


def membranes(rng: np.random.Generator, n: int, leak: bool, synapse: str, two: bool) -> Problems:
    """Return random problems of neurons with linear equations."""
    tau_m = 10.0 ** rng.uniform(0.0, 2.0, n)
    tau = constants(rng, n, tau_m)
    other = constants(rng, n, np.where(rng.random(n) < 0.5, tau, tau_m))
    names = () if synapse == "delta" else ("ex", "in") if two else ("syn",)
    taus = (tau, other)[: len(names)]
    longest = np.max([tau_m, *taus], axis=0)
    until = longest * 10.0 ** np.where(rng.random(n) < 0.1, rng.uniform(-6.0, -2.0, n), rng.uniform(-1.5, 1.0, n))
    push = 20.0 * C_M / (np.minimum(tau_m, until) if leak else until)  # pA that move u by some 20 mV
    constant = push * rng.normal(size=n) * (rng.random(n) < 0.7)
    currents = []
    for one in taus:
        strength = 20.0 * C_M / (np.minimum(one, tau_m) if leak else one)
        i_rise = strength * rng.normal(size=n) * (synapse == "alpha")
        currents.append((one, strength * rng.normal(size=n) * (rng.random(n) < 0.8), i_rise))
    u = rng.normal(size=n) * 10.0
    m = Membranes(tau_m if leak else np.full(n, np.inf), u, constant, np.full(n, np.inf), tuple(currents))
    threshold = u + rng.exponential(10.0, n)
    for part in np.array_split(np.arange(n), -(-n // CHUNK)):
        threshold[part] = grazed(rng, m.of(part), until[part], threshold[part])
    m = m._replace(threshold=threshold)
    numbers = {"v_threshold": threshold, "v_reset": threshold - 10.0, "c_m": C_M, "synapse": synapse}
    if names:
        numbers |= {"tau_syn": tau, "tau_syn_inh": other if two else None}
    model = snn.LIF(tau_m=tau_m, **numbers) if leak else snn.IF(**numbers)
    state = {"u": u, "current": constant}
    for name, (_, i, i_rise) in zip(names, currents, strict=True):
        rising = "i_rise" if name == "syn" else f"i_rise_{name}"
        state |= {f"i_{name}": i} | ({rising: i_rise} if synapse == "alpha" else {})
    return problems(model, state, until, m)


def grazed(rng: np.random.Generator, m: Membranes, until: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Return thresholds, half of them close to a maximum of u where there is one."""
    t = until[:, None] * GRID
    u, _ = potential(m.map(lambda array: array[:, None]), t)
    neuron, _, at = maxima(m, t, u, np.ones(u.shape, bool))
    height = potential(m.of(neuron).map(lambda array: array.astype(LONG)), at)[0]
    near = height + rng.choice([-1.0, 1.0], len(at)) * 10.0 ** rng.uniform(-10.0, 0.5, len(at))
    result = threshold.copy()
    chosen = (rng.random(len(at)) < 0.6) & (near > m.u[neuron])
    result[neuron[chosen]] = near[chosen].astype(np.float64)
    return result


def problems(model: Any, state: dict[str, np.ndarray], until: np.ndarray, truth: Any) -> Problems:
    """Make a model ready, with its state."""
    values = {name: value for name, value in vars(model).items() if not isinstance(value, str)}
    flowed, n = model.flow(values), len(until)
    start = flowed.state._replace(**state)
    arrays = type(start)(*(np.array(np.broadcast_to(field, n), np.float64) for field in start))
    parameters = type(flowed.parameters)(*(np.array(np.broadcast_to(field, n)) for field in flowed.parameters))
    return Problems(parameters, arrays, until, truth)


class Quadratics(NamedTuple):
    """Quadratic neurons: du/dt = square u^2 + gain current - rheobase, until u = threshold; arrays (n,)."""

    square: np.ndarray
    gain: np.ndarray
    current: np.ndarray
    rheobase: np.ndarray
    u: np.ndarray
    threshold: np.ndarray


def quadratics(rng: np.random.Generator, n: int) -> Problems:
    """Return random problems of quadratic neurons, many of them close to a fixed point, or to where there is none."""
    k, c_m = 10.0 ** rng.uniform(-1.0, 1.0, n), 10.0 ** rng.uniform(1.0, 3.0, n)
    half, peak = rng.uniform(0.5, 20.0, n), rng.uniform(-40.0, 60.0, n)
    rheobase = k * half**2
    distance = np.where(rng.random(n) < 0.5, 10.0 ** rng.uniform(-9.0, 1.0, n), rng.exponential(3.0, n))
    current = rheobase * (1.0 + rng.choice([-1.0, 1.0], n) * distance)
    model = snn.QIF(c_m=c_m, k=k, v_rest=-half, v_threshold=half, v_peak=peak, v_reset=peak - 80.0)
    values = {name: value for name, value in vars(model).items() if not isinstance(value, str)}
    p = model.flow(values).parameters
    fixed = np.sqrt(np.maximum(p.rheobase - p.gain * current, 0.0) / p.square)
    away = fixed * (1.0 + rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(-9.0, 0.0, n))
    u = np.where(rng.random(n) < 0.5, rng.choice([-1.0, 1.0], n) * away, rng.uniform(-60.0, 60.0, n))
    u = np.where(u < peak, u, peak - rng.exponential(10.0, n))
    # Where current and rheobase nearly cancel each other, the flow's own numbers are the problem.
    truth = Quadratics(p.square, p.gain, current, p.rheobase, u, p.threshold)
    return problems(model, {"u": u, "current": current}, np.full(n, 1e4), truth)


def duration(m: Quadratics, index: int, until: float):
    """Return, with many digits, when u of a neuron reaches the threshold, inf if it does not; and du/dt at 0."""
    with mpmath.workdps(DIGITS):
        square, gain, current, rheobase, u, top = (mpmath.mpf(float(field[index])) for field in m)
        w = gain * current - rheobase
        nearest = mpmath.mpf(0) if u < 0 < top else min(abs(u), abs(top))
        if square * nearest**2 + w <= 0:
            return mpmath.inf, mpmath.mpf(0)
        r = mpmath.sqrt(mpmath.mpc(square * w))  # imaginary for w < 0, and so is the difference
        time = mpmath.re((mpmath.atan(top * square / r) - mpmath.atan(u * square / r)) / r)
        return time if time <= until else mpmath.inf, square * nearest**2 + w


FAMILIES = {
    f"{'LIF' if leak else 'IF'} {synapse}{' two' * two}": (
        lambda rng, n, leak=leak, synapse=synapse, two=two: membranes(rng, n, leak, synapse, two)
    )
    for leak in (True, False)
    for synapse, two in (("delta", False), *((kind, two) for kind in ("exponential", "alpha") for two in (False, True)))
} | {"QIF": quadratics}


def measure(family: str, n: int, seed: int) -> dict[str, Any]:
    """Return a line of the report."""
    rng = np.random.default_rng([seed, sorted(FAMILIES).index(family)])
    given = FAMILIES[family](rng, n)
    found, bounds = np.empty(n), np.empty(n)
    solve(given.parameters, given.state, given.until, found, bounds)
    judge = judge_quadratics if family == "QIF" else judge_membranes
    truth, error, error_of_u, slope = judge(given, found)
    happens, claimed = np.isfinite(truth), np.isfinite(found)
    both = happens & claimed
    other = both & (error_of_u > OTHER) & (error > OTHER)
    right = both & ~other
    line = {
        "family": family,
        "problems": n,
        "crossings": int(happens.sum()),
        "missed": int((happens & ~claimed).sum() + other.sum()),
        "invented": int((~happens & claimed).sum() + other.sum()),
        "error_ms": float(error[right & (slope > STEEP)].max(initial=0.0)),
        "error_mv": float(error_of_u[right].max(initial=0.0)),
        "bounds_too_late": int((bounds > np.where(claimed, found, truth)).sum()),
    }
    return line if family == "QIF" else line | compare(given, found, np.nonzero(right)[0][:EXACT])


def judge_membranes(given: Problems, found: np.ndarray):
    """Return the true times of crossings, and the errors of those found: in ms, of u, and du/dt there."""
    n = len(found)
    truth, error, error_of_u, slope = (np.zeros(n, LONG) for _ in range(4))
    for part in np.array_split(np.arange(n), -(-n // CHUNK)):
        truth[part] = first_crossings(given.truth.of(part), given.until[part])
    both = np.nonzero(np.isfinite(found) & np.isfinite(truth))[0]
    some = given.truth.of(both).map(lambda array: array.astype(LONG))
    error[both] = np.abs(found[both] - truth[both])
    error_of_u[both] = np.abs(potential(some, found[both].astype(LONG))[0] - some.threshold)
    slope[both] = potential(some, truth[both])[1]
    return truth, error, error_of_u, slope


def judge_quadratics(given: Problems, found: np.ndarray):
    """Return the same, for where u rises least."""
    exact = [duration(given.truth, i, given.until[i]) for i in range(len(found))]
    truth, slope = (np.array([float(pair[k]) for pair in exact]) for k in range(2))
    both = np.nonzero(np.isfinite(found) & np.isfinite(truth))[0]
    error = np.zeros(len(found))
    error[both] = [abs(float(mpmath.mpf(found[i]) - exact[i][0])) for i in both]
    return truth, error, error * slope, slope


def compare(given: Problems, found: np.ndarray, crossings: np.ndarray) -> dict[str, float]:
    """Compare some crossings, and the states in the end, with 50 digits."""
    errors_ms, errors_mv = [0.0], [0.0]
    later = type(given.state)(*(np.empty_like(field) for field in given.state))
    proceed(given.parameters, given.state, given.until, later)
    for i in crossings:
        exact, root = given.truth.exactly(i), mpmath.mpf(found[i])
        u, slope = precise(exact, root)
        if slope > STEEP:
            with mpmath.workdps(DIGITS):
                for _ in range(8):
                    root -= (u - exact.threshold) / slope
                    u, slope = precise(exact, root)
                errors_ms.append(float(abs(mpmath.mpf(found[i]) - root)))
        end, _ = precise(exact, mpmath.mpf(given.until[i]))
        errors_mv.append(float(abs(end - mpmath.mpf(later.u[i]))))
    return {"error_ms_50_digits": max(errors_ms), "error_mv_50_digits": max(errors_mv)}


def main() -> None:
    """Print a line a family."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=100_000, help="a family")
    parser.add_argument("--families", default=",".join(FAMILIES), help="names, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for family in given.families.split(","):
        print(json.dumps(measure(family, given.problems, given.seed)), flush=True)


if __name__ == "__main__":
    main()
