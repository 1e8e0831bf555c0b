"""A plain account of NIR graphs in steps: loops, SciPy's matrix exponential, torch's convolutions; nothing shared.

Every node says in step k what it makes of what the nodes before it say in step k; of spikes within a cycle of neurons,
what was said in the step before, or as long ago as a Delay on the way says, where that is longer.
"""

from functools import cache

import nir
import numpy as np
import torch
from scipy.linalg import expm

GRADED = (nir.I, nir.LI, nir.CubaLI)
SIGNALS = (nir.Input, nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF, nir.Threshold)


class Account:
    """What a graph does with one sample (steps, *shape)."""

    def __init__(self, graph, x, dt, reset="hard", method="exact", v_initial=0.0):
        self.graph, self.x, self.dt, self.reset, self.method = graph, x, dt, reset, method
        self.before = {name: [a for a, b in graph.edges if b == name] for name in graph.nodes}
        self.v, self.i, self.owed, self.said = {}, {}, {}, {name: [] for name in graph.nodes}
        self.v_initial = v_initial
        for k in range(len(x)):
            for name, node in graph.nodes.items():
                if isinstance(node, SIGNALS):
                    self.say(name, k)
        self.outputs = {
            name: np.stack([self.arriving(name, k, None, 0) for k in range(len(x))])
            for name, node in graph.nodes.items()
            if isinstance(node, nir.Output)
        }

    @cache  # noqa: B019
    def reaches(self, start, goal):
        seen, queue = set(), [start]
        while queue:
            for target in (b for a, b in self.graph.edges if a == queue[0]):
                if target == goal:
                    return True
                if target not in seen:
                    seen.add(target)
                    queue.append(target)
            queue.pop(0)
        return False

    def arriving(self, name, k, for_whom, waited):
        """Sum of what arrives at a node in step k on behalf of a neuron; `waited` steps are behind it already."""
        return sum(self.heard(source, k, for_whom, waited) for source in self.before[name])

    def heard(self, name, k, for_whom, waited):
        node = self.graph.nodes[name]
        if isinstance(node, SIGNALS):
            if for_whom is not None and self.reaches(for_whom, name) and not isinstance(node, GRADED):
                waited = max(1, waited)
            at = k - waited
            return self.say(name, at) if at >= 0 else np.zeros(tuple(node.output_type["output"]))
        if isinstance(node, nir.Delay):
            steps = np.round(node.delay / self.dt).astype(int)
            parts = [np.where(steps == d, self.arriving(name, k, for_whom, waited + d), 0.0) for d in np.unique(steps)]
            return sum(parts)
        return self.linear(node, self.arriving(name, k, for_whom, waited))

    def linear(self, node, x):
        if isinstance(node, nir.Linear | nir.Affine):
            return node.weight.astype(float) @ x + getattr(node, "bias", 0.0)
        if isinstance(node, nir.Scale):
            return x * node.scale
        if isinstance(node, nir.Flatten):
            return np.reshape(x, -1)
        image = torch.as_tensor(np.asarray(x, float))[None]
        if isinstance(node, nir.Conv1d | nir.Conv2d):
            function = torch.conv1d if isinstance(node, nir.Conv1d) else torch.conv2d
            options = [
                v if isinstance(v, str) else np.ravel(v).tolist() for v in (node.stride, node.padding, node.dilation)
            ]
            weight, bias = (torch.as_tensor(np.asarray(v, float)) for v in (node.weight, node.bias))
            return function(image, weight, bias, *options, int(node.groups))[0].numpy()
        size, stride, padding = (np.ravel(v).tolist() for v in (node.kernel_size, node.stride, node.padding))
        mean = torch.nn.functional.avg_pool2d(image, size, stride, padding)[0].numpy()
        return mean * (np.prod(size) if isinstance(node, nir.SumPool2d) else 1.0)

    def say(self, name, k):
        while len(self.said[name]) <= k:
            self.said[name].append(self.next(name, len(self.said[name])))
        return self.said[name][k]

    def next(self, name, k):
        node = self.graph.nodes[name]
        if isinstance(node, nir.Input):
            return self.x[k]
        x = np.broadcast_to(self.arriving(name, k, name, 0), tuple(node.input_type["input"]))
        if isinstance(node, nir.Threshold):
            return (x > node.threshold).astype(float)
        v = self.v.get(name, np.full(x.shape, self.v_initial))
        v, self.i[name] = self.integrated(node, v, self.i.get(name, np.zeros(x.shape)), x)
        v = v - self.owed.get(name, 0.0)
        self.v[name] = v
        if not hasattr(node, "v_threshold"):
            return v
        fired = v > node.v_threshold
        if self.reset == "delayed":
            self.owed[name] = np.where(fired, node.v_threshold - node.v_reset, 0.0)
            return fired.astype(float)
        after = node.v_reset if self.reset == "hard" else v - (node.v_threshold - node.v_reset)
        self.v[name] = np.where(fired, after, v)
        return fired.astype(float)

    def integrated(self, node, v, i, x):
        h = self.dt
        if isinstance(node, nir.I | nir.IF):
            return v + h * node.r * x, i
        leak = node.v_leak
        if isinstance(node, nir.LI | nir.LIF):
            target = leak + node.r * x
            if self.method == "exact":
                return target + (v - target) * np.exp(-h / node.tau), i
            return v + h / node.tau * (target - v), i
        if self.method == "exact":
            state = np.empty((2, *x.shape))
            for at in np.ndindex(x.shape):
                m, s, r, w, rest = (p[at] for p in (node.tau_mem, node.tau_syn, node.r, node.w_in, leak))
                state[(slice(None), *at)] = (propagator(h, m, s, r, w, rest) @ [v[at], i[at], x[at], 1.0])[:2]
            return state[0], state[1]
        after = i + h / node.tau_syn * (node.w_in * x - i)
        used = after if self.method == "semi-implicit" else i
        return v + h / node.tau_mem * (leak - v + node.r * used), after


@cache
def propagator(h, tau_mem, tau_syn, r, w_in, v_leak):
    """What h of time makes of (v, i, x, 1)."""
    flow = np.zeros((4, 4))
    flow[0] = -1 / tau_mem, r / tau_mem, 0, v_leak / tau_mem
    flow[1] = 0, -1 / tau_syn, w_in / tau_syn, 0
    return expm(h * flow)
