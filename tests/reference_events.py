"""A slow, plain simulator of leaky neurons in continuous time: the oracle of the exact engine.

One neuron at a time and one event at a time, with formulae of its own: currents are sums of a t^k e^{-t/tau}, v between
events is their convolution with the membrane, and the first crossing is sought on a fine raster, also around maxima.
Good to some 1e-10 ms where nothing grazes the threshold.
"""

import heapq
import math

import numpy as np
from scipy.optimize import brentq, minimize_scalar


class Neuron:
    """A leaky neuron at time `t`: v, and a current of the form (a + b x) e^{-x / tau} for each time constant."""

    def __init__(self, model, v):
        self.model, self.v, self.t, self.until = model, v, 0.0, -1.0
        self.currents = {tau: [0.0, 0.0] for tau in {model.tau_syn, model.tau_syn_inh or model.tau_syn}}
        self.constant = model.i_e

    def v_after(self, x):
        m = self.model
        v_inf = m.v_rest + self.constant * m.tau_m / m.c_m
        v = v_inf + (self.v - v_inf) * math.exp(-x / m.tau_m)
        for tau, (a, b) in self.currents.items():
            if a or b:
                v += self._filtered(tau, a, b, x) / m.c_m
        return v

    def _filtered(self, tau, a, b, x):
        """The integral of (a + b y) e^{-y/tau} e^{-(x-y)/tau_m} over y from 0 to x."""
        k = 1.0 / self.model.tau_m - 1.0 / tau
        if abs(k * x) < 0.5:  # the closed form would lose its digits: the series of e^{ky}, term by term
            terms = (k**n / math.factorial(n) * (a / (n + 1) + b * x / (n + 2)) * x ** (n + 1) for n in range(18))
            value = sum(terms)
        else:
            value = (a * math.expm1(k * x) + b * (x * math.exp(k * x) - math.expm1(k * x) / k)) / k
        return math.exp(-x / self.model.tau_m) * value

    def go(self, t):
        x = t - self.t
        if t > self.until:
            # v is held until the end of refractoriness, currents are not.
            held = min(max(self.until - self.t, 0.0), x)
            self._decay(held)
            self.v = self.v_after(x - held)
            self._decay(x - held)
        else:
            self._decay(x)
        self.t = t

    def _decay(self, x):
        for tau, (a, b) in self.currents.items():
            self.currents[tau] = [(a + b * x) * math.exp(-x / tau), b * math.exp(-x / tau)]

    def first_crossing(self, until):
        """The first time after `t` when v reaches the threshold, or None."""
        if self.until > self.t:
            if self.until >= until:
                return None
            self.go(self.until)
        x_end, threshold = until - self.t, self.model.v_threshold
        if x_end <= 0:
            return None
        if self.v >= threshold:
            return self.t

        def gap(x):
            return self.v_after(x) - threshold

        points = np.linspace(0.0, x_end, max(50, int(x_end * 40)))
        values = np.array([gap(x) for x in points])
        for i in range(1, len(points)):
            if values[i] >= 0:
                return self.t + brentq(gap, points[i - 1], points[i], xtol=1e-14)
            if i > 1 and values[i - 2] < values[i - 1] > values[i] and values[i - 1] > -0.5:
                top = minimize_scalar(lambda x: -gap(x), bounds=(points[i - 2], points[i]), method="bounded")
                if gap(top.x) >= 0:
                    return self.t + brentq(gap, points[i - 2], top.x, xtol=1e-14)
        return None

    def receive(self, weight):
        m = self.model
        if m.synapse == "delta":
            if self.t > self.until:
                self.v += weight
            return
        tau = m.tau_syn_inh if weight < 0 and m.tau_syn_inh else m.tau_syn
        if m.synapse == "exponential":
            self.currents[tau][0] += weight
        else:
            self.currents[tau][1] += weight * math.e / tau

    def fire(self):
        m = self.model
        self.v = m.v_reset if m.reset == "hard" else self.v - (m.v_threshold - m.v_reset)
        self.until = self.t + m.t_ref if m.t_ref > 0 else -1.0


def run(models, v, synapses, trains, duration):
    """Spikes (time, neuron) of neurons with these models and initial v, in the order of time.

    `synapses` are (source, target, weight, delay); `trains` lists of times, whose synapses have sources from
    len(models) on.
    """
    neurons = [Neuron(model, start) for model, start in zip(models, v, strict=True)]
    out, queue, number = [], [], 0
    fan = {}
    for source, target, weight, delay in synapses:
        fan.setdefault(source, []).append((target, weight, delay))

    def send(source, t):
        nonlocal number
        for target, weight, delay in fan.get(source, ()):
            heapq.heappush(queue, (t + delay, number, target, weight))
            number += 1

    for i, train in enumerate(trains):
        for t in train:
            send(len(models) + i, t)
    shortest = min((d for s, _, _, d in synapses if s < len(models)), default=duration)
    now = 0.0
    while now < duration:
        # Nothing that fires from here on acts within the shortest delay, so neurons can be taken one by one.
        end = min(now + shortest * 0.999, duration)
        due = {}
        while queue and queue[0][0] <= end:
            t, _, target, weight = heapq.heappop(queue)
            due.setdefault(target, []).append((t, weight))
        for n, neuron in enumerate(neurons):
            arrivals = [*due.get(n, ()), (end, None)]
            while arrivals:
                t = arrivals[0][0]
                at = neuron.first_crossing(t)
                if at is not None:
                    neuron.go(at)
                    neuron.fire()
                    out.append((at, n))
                    send(n, at)
                    continue
                neuron.go(t)
                while arrivals and arrivals[0][0] == t:
                    weight = arrivals.pop(0)[1]
                    if weight is not None:
                        neuron.receive(weight)
        now = end
    return sorted(out)
