"""A hundred small random modules: traced to a graph that computes the same on other samples, or refused by name."""

import numpy as np
import pytest
import torch
from modules import in_float64, lively
from torch import nn
from torch.nn import functional as F

from bridge import ConversionError, trace

ACTIVATIONS = [
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish),
    *(nn.Hardsigmoid, nn.Hardtanh, nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.Tanhshrink),
]
# What they compute depends on other samples, on values, on chance, or has no counterpart.
REFUSED = [
    lambda x: x - x.mean(0),
    lambda x: torch.where(x > 0, x, 0.1 * x),
    lambda x: x * (x > 0),
    lambda x: x + torch.randn(x.shape),
    lambda x: F.dropout(x, 0.1),
    lambda x: torch.erfc(x),
    lambda x: x.frac(),
    lambda x: x.cummax(1)[0],
    lambda x: x / x.shape[0],
    lambda x: x.sort(1)[0],
    lambda x: torch.tensor(x) + x,
    lambda x: x.masked_fill(x > 1, 1.0),
]


class Step(nn.Module):
    """Any function of the value so far, with parts of its own."""

    def __init__(self, function, *parts):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x):
        return self.function(x, *self.parts)


def of_images(rng, shape):
    c, out, k = shape[0], int(rng.integers(1, 3)) * 2, int(rng.integers(1, 4))
    return [
        lambda: nn.Conv2d(c, out, k, int(rng.integers(1, 3)), k // 2, groups=2 if c % 2 == 0 else 1),
        lambda: nn.Conv2d(c, c, 3, padding="same", dilation=2, groups=c, padding_mode="zeros"),
        lambda: nn.Conv2d(c, out, 3, padding=1, padding_mode=str(rng.choice(["circular", "replicate"]))),
        lambda: nn.ConvTranspose2d(c, out, 3, 2, 1, output_padding=1),
        lambda: nn.BatchNorm2d(c),
        lambda: nn.GroupNorm(c if c % 2 else 2, c),
        lambda: nn.InstanceNorm2d(c, affine=True),
        lambda: nn.AvgPool2d(2, ceil_mode=bool(rng.integers(2))),
        lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=bool(rng.integers(2))),
        lambda: nn.MaxPool2d(2, 1, dilation=2, ceil_mode=bool(rng.integers(2))),
        lambda: nn.LocalResponseNorm(3),
        lambda: nn.AdaptiveAvgPool2d((3, 2)),
        lambda: nn.AdaptiveMaxPool2d((2, 3)),
        lambda: nn.Upsample(scale_factor=2, mode=str(rng.choice(["nearest", "bilinear", "bicubic"]))),
        lambda: nn.ZeroPad2d((1, 0, 2, 1)),
        lambda: nn.Dropout2d(),
        lambda: Step(lambda x, conv: x + conv(x).relu(), nn.Conv2d(c, c, 3, padding=1)),
        lambda: Step(lambda x, conv: torch.cat([x, conv(x)], 1), nn.Conv2d(c, 2, 1)),
        lambda: Step(lambda x, gate: x * gate(x.mean((2, 3), keepdim=True)).sigmoid(), nn.Conv2d(c, c, 1)),
        lambda: Step(lambda x: F.pixel_unshuffle(F.interpolate(x, (4, 4)), 2)),
        lambda: Step(lambda x: torch.roll(x, 1, 2).flip(3).permute(0, 1, 3, 2)),
        lambda: Step(lambda x: x[:, :, ::2].amax(3, keepdim=True) - x.std((2, 3), keepdim=True)[..., :1]),
        lambda: Step(lambda x: x.flatten(2).transpose(1, 2)),
        lambda: Step(lambda x: x.mean((2, 3))),
        lambda: nn.Flatten(),
    ]


def of_sequences(rng, shape):
    t, f = shape
    kind = [nn.RNN, nn.LSTM, nn.GRU][rng.integers(3)]
    ways = bool(rng.integers(2))
    heads = 2 if f % 2 == 0 else 1
    return [
        lambda: nn.Linear(f, 6),
        lambda: nn.LayerNorm(f),
        lambda: nn.RMSNorm(f),
        lambda: nn.BatchNorm1d(t),
        lambda: nn.Conv1d(t, 4, 3, padding=1),
        lambda: nn.AvgPool1d(2, ceil_mode=True),
        lambda: nn.AdaptiveMaxPool1d(3),
        lambda: Step(lambda x, rnn: rnn(x)[0], kind(f, 4, 2, batch_first=True, bidirectional=ways)),
        lambda: Step(lambda x, rnn: rnn(x.transpose(0, 1))[0].transpose(0, 1), kind(f, 4)),
        lambda: Step(lambda x, a: a(x, x, x)[0], nn.MultiheadAttention(f, heads, batch_first=True)),
        lambda: nn.TransformerEncoderLayer(f, heads, 8, batch_first=True, norm_first=ways),
        lambda: Step(lambda x: torch.einsum("btf,bsf->bts", x, x).softmax(-1) @ x),
        lambda: Step(lambda x: torch.stack([x, x.flip(1)], 1).amax(1)),
        lambda: Step(lambda x: torch.cat([torch.ones(x.shape[0], 1, x.shape[2]), x], 1)),
        lambda: Step(lambda x, a: masked(x, a), nn.MultiheadAttention(f, heads, batch_first=True)),
        lambda: Step(lambda x, rnn: rnn(x)[0], nn.LSTM(f, 4, batch_first=True, bidirectional=ways, proj_size=3)),
        lambda: Step(lambda x: (x @ x.mT).masked_fill(torch.ones(t, t).triu(1) > 0, -torch.inf).softmax(-1) @ x),
        lambda: Step(lambda x: x[:, -1]),
        lambda: nn.Flatten(),
    ]


def masked(x, attention):
    """Attend to the first elements of a sequence only, as where the others are padding."""
    padding = torch.arange(x.shape[1]).expand(x.shape[0], -1) > 1
    return attention(x, x, x, key_padding_mask=padding)[0]


def of_vectors(rng, shape):
    (n,) = shape
    return [
        lambda: nn.Linear(n, 6),
        lambda: nn.BatchNorm1d(n),
        lambda: nn.LayerNorm(n),
        lambda: nn.Softmax(1),
        lambda: Step(lambda x, a, b: a(x) * b(x).sigmoid(), nn.Linear(n, 4), nn.Linear(n, 4)),
        lambda: Step(lambda x: F.normalize(x, dim=1) + 1.0 - x / (1 + x.abs())),
        lambda: Step(lambda x: x.unflatten(1, (1, -1)).expand(-1, 2, -1)),
        lambda: Step(lambda x, cell: cell(x), nn.GRUCell(n, 5)),
    ]


def drawn(seed):
    """Draw a module and the shape of its input; one in ten contains something that must be refused."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    shape = [(3, 6, 5), (4, 6), (7,)][rng.integers(3)]
    steps, x = [], torch.randn(2, *shape)
    for _ in range(rng.integers(2, 6)):
        choices = {3: of_images, 2: of_sequences, 1: of_vectors}[x.ndim - 1](rng, tuple(x.shape[1:]))
        step = (
            choices[rng.integers(len(choices))]()
            if rng.random() < 0.7
            else ACTIVATIONS[rng.integers(len(ACTIVATIONS))]()
        )
        try:
            with torch.no_grad():
                y = nn.Sequential(step).eval()(x)
        except RuntimeError:  # a window that is larger than what is left
            continue
        if y.numel() <= 2000:
            steps.append(step)
            x = y
    bad = seed % 10 == 9
    if bad:
        wrong = REFUSED[seed // 10 % len(REFUSED)]
        steps.insert(int(rng.integers(len(steps) + 1)), Step(lambda x: wrong(x)))
    return lively(nn.Sequential(*steps)), shape, bad


@pytest.mark.filterwarnings("ignore:To copy construct:UserWarning", "ignore:enable_nested_tensor:UserWarning")
@pytest.mark.parametrize("tens", range(10))
def test_none_is_wrong_and_none_is_silent(tens):
    for seed in range(10 * tens, 10 * tens + 10):
        module, shape, bad = drawn(seed)
        if bad:
            with pytest.raises(ConversionError) as caught:
                trace(module, torch.randn(3, *shape))
            assert caught.value.node
            continue
        graph = trace(module, torch.randn(3, *shape))
        fresh = torch.randn(4, *shape)
        expected = in_float64(module, fresh)
        error = np.abs(graph.run(fresh.numpy()) - expected).max()
        assert error <= 1e-9 * np.abs(expected).max(), f"{seed}: {module}"
