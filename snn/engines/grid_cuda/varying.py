"""Random and varying input to one neuron; see `snn.engines.grid_cpu.varying`.

What a neuron receives concerns no other one, so its thread does it all.
"""

from __future__ import annotations

import math

import numpy as np

from snn.arithmetic import fma
from snn.cuda import device_part, in_kernels, on_device
from snn.engines.grid_cpu import varying
from snn.engines.grid_cuda.tables import (
    FIRST_CURRENT,
    FIRST_NOISE,
    NOISE_PORT,
    NOISE_RATE,
    NOISE_START,
    NOISE_STOP,
    NOISE_STREAM,
    NOISE_WEIGHT,
)
from snn.engines.grid_cuda.words import half_of, word_of
from snn.poisson import poisson_count
from snn.quantiles import normal

_amount_of, _first_synapse_to = in_kernels(varying.amount_of), in_kernels(varying.first_synapse_to)


@device_part("noise")
def poisson_noise(tables, memory, span, sample, node, i, k, place, stride):
    """Add the Poisson input of neuron `i` of a node to its sums, which begin at `place`."""
    noise, number = tables.noise.noise, span.first_sample + sample
    for c in range(tables.nodes[node, FIRST_NOISE], tables.nodes[node + 1, FIRST_NOISE]):
        start, stream = noise[c, NOISE_START], noise[c, NOISE_STREAM]
        if start <= i < noise[c, NOISE_STOP]:
            bits = half_of(span.seed, stream, i, k, number)
            rate = tables.noise.rates[noise[c, NOISE_RATE] + i - start]
            count = poisson_count(tables.noise.counts, rate, bits, span.seed, stream, i, k, number)
            memory.sums[place + noise[c, NOISE_PORT] * stride] += noise[c, NOISE_WEIGHT] * count


@device_part("varying")
def varying_noise(tables, memory, span, sample, node, i, k, place, stride):
    """As `poisson_noise`, where the rate changes."""
    noise, number = tables.varying.noise, span.first_sample + sample
    for c in range(noise.first[node], noise.first[node + 1]):
        if noise.start[c] <= i < noise.stop[c]:
            row = min((k - 1) // noise.bin[c], noise.bins[c] - 1)
            first, each = noise.first_rate[c] + row * noise.width[c], np.int64(noise.width[c] > 1)
            bits = half_of(span.seed, noise.stream[c], i, k, number)
            rate = noise.rates[first + each * (i - noise.start[c])]
            count = poisson_count(noise.counts, rate, bits, span.seed, noise.stream[c], i, k, number)
            memory.sums[place + noise.port[c] * stride] += noise.weight[c] * count


@device_part("currents")
def switch_currents(tables, memory, sample, node, i, k, flow):
    """Turn currents on and off that begin or end with step `k`."""
    currents = tables.currents
    for c in range(tables.nodes[node, FIRST_CURRENT], tables.nodes[node + 1, FIRST_CURRENT]):
        drive = memory.drives[currents.first_drive[c] + i, sample]
        if k == currents.start[c] + 1:
            memory.flows[flow] += drive
        if k - 1 == currents.stop[c]:
            memory.flows[flow] -= drive


@on_device
def _total(tables, c, i, k):
    """Return what flows into neuron `i` from current `c`, in integers as fine as its course."""
    currents, courses, total = tables.currents, tables.varying.courses, np.int64(0)
    j = currents.projection[c]
    if j >= 0:
        weight = np.int64(tables.weights[currents.first_weight[c] + i])
        return weight * _amount_of(courses, c, i, k)
    for s in range(_first_synapse_to(currents, c, i), _first_synapse_to(currents, c, i + 1)):
        total += np.int64(currents.weights[s]) * _amount_of(courses, c, np.int64(currents.sources[s]), k)
    return total


@device_part("varying")
def vary_currents(tables, memory, sample, node, i, k, flow):
    """Change the sampled and sinusoidal currents that have another value from step `k` on."""
    courses = tables.varying.courses
    for c in range(tables.nodes[node, FIRST_CURRENT], tables.nodes[node + 1, FIRST_CURRENT]):
        since, place = k - 1 - courses.start[c], tables.currents.first_drive[c] + i
        if since < 0 or k - 1 > courses.stop[c]:
            continue
        ends, held = k - 1 == courses.stop[c], courses.bins[c] > 0 and since >= courses.bins[c] * courses.bin[c]
        if not (ends or (since % courses.bin[c] == 0 and not held)):
            continue
        if since:
            memory.flows[flow] -= memory.drives[place, sample]
        memory.drives[place, sample] = 0
        if ends:
            continue
        total, shift = _total(tables, c, i, k), memory.shifts[c]
        half = np.int64(1) << (shift - 1) if shift > 0 else np.int64(0)
        drive = (total + half) >> shift if shift >= 0 else total << -shift
        memory.drives[place, sample] = drive
        memory.flows[flow] += drive


@device_part("varying")
def noise_currents(tables, memory, span, sample, node, i, k, flow):
    """Draw the noise currents that have another value from step `k` on."""
    currents = tables.varying.currents
    for c in range(currents.first[node], currents.first[node + 1]):
        since, ends = k - 1 - currents.start[c], k - 1 == currents.stop[c]
        inside = currents.low[c] <= i < currents.high[c]
        if not inside or since < 0 or k - 1 > currents.stop[c] or not (ends or since % currents.interval[c] == 0):
            continue
        target = currents.first_target[c] - currents.low[c] + i
        place = memory.drives.shape[0] - len(currents.mean) + target
        if since:
            memory.flows[flow] -= memory.drives[place, sample]
        if not ends:
            word = word_of(span.seed, currents.stream[c], i, k, span.first_sample + sample)
            value = fma(currents.std[target], normal(np.uint32(word)), currents.mean[target])
            memory.drives[place, sample] = math.floor(value + 0.5)
            memory.flows[flow] += memory.drives[place, sample]
