"""Modules by rate with masks, volumes and windows with gaps: near the module, every node with a verdict."""

import numpy as np
import pytest
import torch
from modules import Forward, in_float64
from torch import nn

import bridge

RNG = np.random.default_rng(0)
CLASSES = torch.tensor([False, True, False])
PADDING = torch.arange(5) > 3


def volumes():
    torch.manual_seed(0)
    pools = nn.MaxPool3d(2, 1, dilation=(1, 2, 1)), nn.AvgPool3d((1, 1, 2))
    first = nn.Conv3d(2, 3, 2), nn.BatchNorm3d(3), nn.ReLU()
    return nn.Sequential(*first, *pools, nn.Conv3d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)), (2, 4, 4, 5)


def longest():
    """A maximum over what is no padding, of layers with dilated pools."""
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv1d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2, 1, dilation=3))

    def forward(self, x):
        return self.out(self.first(x).masked_fill(PADDING, -torch.inf).amax(-1))

    return Forward(forward, first=first, out=nn.Linear(8, 3)), (3, 8)


def rectified():
    """Minus infinity, of which a rectifier makes 0."""
    torch.manual_seed(0)

    def forward(self, x):
        return self.out(torch.where(PADDING, -torch.inf, self.first(x)).relu())

    return Forward(forward, first=nn.Linear(8, 5), out=nn.Linear(5, 3)), (8,)


MODULES = {"volumes": volumes, "longest": longest, "rectified": rectified}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_by_rate_comes_near(name):
    module, shape = MODULES[name]()
    x = RNG.normal(size=(60, *shape))
    converted = bridge.convert(module, x, steps=64)
    expected = in_float64(module, torch.from_numpy(x))
    assert np.linalg.norm(converted.run(x).scores - expected) < 0.05 * np.linalg.norm(expected)
    assert [verdict.node for verdict in converted.report.nodes] == list(converted.traced.nodes)


def head(self, x):
    y = self.out(self.first(x).relu()).masked_fill(CLASSES, -torch.inf)
    return (y / 2.0 + 1.0).softmax(-1)


@pytest.mark.parametrize("method", ["rate", "event"])
def test_classes_that_a_mask_leaves_out_are_never_chosen(method):
    torch.manual_seed(0)
    out = nn.Linear(6, 3)
    out.bias.data[1] = 10.0  # what the mask leaves out would always be chosen
    module, x = Forward(head, first=nn.Linear(4, 6), out=out), RNG.normal(size=(50, 4))
    converted = bridge.convert(module, x, method=method)
    expected = in_float64(module, torch.from_numpy(x))
    inference = converted.run(x)
    np.testing.assert_allclose(inference.scores, expected, atol=0.05)
    assert (inference.scores[:, 1] == 0.0).all()
    report = converted.measure(x, expected.argmax(axis=1))
    assert report.measurement.accuracy["network"] == 1.0
    assert report.measurement.agreement == (inference.classes == expected.argmax(axis=1)).mean() > 0.9
    told = {verdict.kind: verdict.reason for verdict in report.nodes}
    assert all(told[kind] == "applied to what is read, outside of the network" for kind in ("Mask", "Softmax"))
