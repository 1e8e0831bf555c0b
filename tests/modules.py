"""Modules made of functions, and the check that a graph computes what a module does."""

import copy

import numpy as np
import torch
from torch import nn

from bridge import trace


class Forward(nn.Module):
    """A module whose forward is the given function of (self, x), with the given parts."""

    def __init__(self, function, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.function = function

    def forward(self, x):
        return self.function(self, x)


def image(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lively(module):
    """Give batch normalisations statistics that are not their initial ones."""
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor in (part.running_mean, part.running_var, part.weight, part.bias):
                if tensor is not None:
                    tensor.data.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return module


def in_float64(module, sample):
    """Give what a copy of the module computes at inference, its own tensors in float64, too."""
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            return copy.deepcopy(module).double().eval()(sample.double()).numpy()
    finally:
        torch.set_default_dtype(torch.float32)


def assert_same(module, sample):
    torch.manual_seed(0)
    graph = trace(lively(module), sample)
    expected = in_float64(module, sample)
    np.testing.assert_allclose(graph.run(sample.numpy()), expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert graph.shapes()[graph.output] == expected.shape[1:]
    return graph
