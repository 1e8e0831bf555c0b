"""PyTorch modules of many kinds by event: equal to the quantised twin, near the module, every node with a verdict."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import bridge

RNG = np.random.default_rng(0)


class Squeezed(nn.Module):
    """Depthwise and pointwise convolution with a gate for each channel, and a residual connection."""

    def __init__(self):
        super().__init__()
        self.expand, self.depth = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm, self.gate, self.project = nn.BatchNorm2d(8), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 3, 1)
        self.out = nn.Linear(3, 4)

    def forward(self, x):
        y = F.hardswish(self.norm(self.depth(F.hardswish(self.expand(x)))))
        y = y * F.hardsigmoid(self.gate(F.adaptive_avg_pool2d(y, 1)))
        return self.out((x + self.project(y)).mean((2, 3)))


class Read(nn.Module):
    """A recurrent network, whose last output is read."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.out = cell, nn.Linear(5 * (2 if cell.bidirectional else 1), 3)

    def forward(self, x):
        return self.out(self.cell(x)[0][:, -1])


class Words(nn.Module):
    """Tokens through an embedding and a layer of a transformer."""

    def __init__(self):
        super().__init__()
        self.table, self.layer = nn.Embedding(11, 8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.layer(self.table(x)).mean(1))


LATER, PADDING = torch.ones(5, 5, dtype=torch.bool).triu(1), torch.arange(5) > 3


class Masked(nn.Module):
    """Layers of a transformer that see what came before, without padding, and a maximum over what is no padding."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        y = self.layer(x, src_mask=LATER, src_key_padding_mask=PADDING.expand(x.shape[0], 5))
        scores = (y @ y.mT * 0.3).masked_fill(LATER, torch.finfo(y.dtype).min)
        y = y + scores.softmax(-1) @ y
        y = y.masked_fill(PADDING[:, None], -torch.inf).amax(1)
        return self.out(y).masked_fill(torch.tensor([False, True, False]), -torch.inf).softmax(-1)


class Projected(nn.Module):
    """A projected LSTM that starts from constants."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.LSTM(4, 6, proj_size=3, batch_first=True), nn.Linear(3, 3)
        self.h, self.c = nn.Parameter(torch.randn(1, 1, 3)), nn.Parameter(torch.randn(1, 1, 6))

    def forward(self, x):
        states = (state.expand(1, x.shape[0], -1).contiguous() for state in (self.h, self.c))
        return self.out(self.cell(x, tuple(states))[0][:, -1])


def volumes():
    first = nn.Conv3d(2, 3, 2), nn.BatchNorm3d(3), nn.Softshrink(0.05), nn.MaxPool3d(2, 1, dilation=(1, 2, 1))
    return nn.Sequential(*first, nn.Conv3d(3, 2, 1), nn.Tanh(), nn.AvgPool3d((1, 1, 2)), nn.Flatten(), nn.Linear(4, 3))


def branches():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.1), nn.MaxPool2d(2, padding=1), nn.ELU(), nn.Flatten())


MODULES = {
    "chain": (branches, (3, 8, 8), ()),
    "gated": (Squeezed, (3, 6, 6), ("Multiply",)),
    "rnn": (lambda: Read(nn.RNN(4, 5, bidirectional=True, batch_first=True)), (6, 4), ()),
    "lstm": (lambda: Read(nn.LSTM(4, 5, batch_first=True)), (6, 4), ("LSTM",)),
    "gru": (lambda: Read(nn.GRU(4, 5, num_layers=2, batch_first=True)), (6, 4), ("GRU",)),
    "channels on other axes": (
        lambda: nn.Sequential(nn.Linear(4, 3), nn.LeakyReLU(), nn.Linear(3, 5), nn.PReLU(2, 0.1), nn.Flatten()),
        (2, 3, 4),
        (),
    ),
    "words": (Words, (5,), ("product",)),
    "masked": (Masked, (5, 8), ("product",)),
    "projected": (Projected, (5, 4), ("ProjectedLSTM",)),
    "volumes": (volumes, (2, 4, 4, 5), ()),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_by_event_equals_its_twin_and_comes_near(name):
    make, shape, allow = MODULES[name]
    torch.manual_seed(0)
    module = make().double().eval()
    x = RNG.normal(size=(60, *shape))
    if name == "words":
        x = RNG.integers(0, 11, (60, *shape))
    if allow:
        with pytest.raises(bridge.ConversionError, match="allow="):
            bridge.convert(module, x, method="event")
    converted = bridge.convert(module, x, method="event", levels=128, allow=allow)
    inference = converted.run(x[:9], batch=5)
    np.testing.assert_array_equal(inference.scores, converted.twin(x[:9]))
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            expected = module(torch.from_numpy(x)).numpy().reshape(60, -1)
    finally:
        torch.set_default_dtype(torch.float32)
    assert np.linalg.norm(converted.twin(x) - expected) < 0.03 * np.linalg.norm(expected)
    assert [verdict.node for verdict in converted.verdicts] == list(converted.traced.nodes)
    assert ("graded" in {verdict.verdict for verdict in converted.verdicts}) == bool(allow)
    assert converted.report.method == "event"
