"""Recurrent networks of rectifiers, by rate: a population for every step of the sequence, each in its own window."""

import numpy as np
import pytest
import torch
from torch import nn

import bridge
from bridge import ConversionError


class Classifier(nn.Module):
    def __init__(self, kind=nn.RNN, layers=1, last=True, **options):
        super().__init__()
        torch.manual_seed(0)
        self.recurrent = kind(3, 10, layers, batch_first=True, **options)
        self.read = nn.Linear(10 if last else 50, 4)
        self.last = last

    def forward(self, x):
        said = self.recurrent(x)[0]
        return torch.log_softmax(self.read(said[:, -1] if self.last else said.flatten(1)), dim=1)


def sequences(count, seed=0):
    return np.random.default_rng(seed).normal(0.0, 1.5, (count, 5, 3))


@pytest.mark.parametrize(
    "module",
    [Classifier(nonlinearity="relu"), Classifier(layers=2, last=False, nonlinearity="relu")],
    ids=["last", "all of two layers"],
)
def test_many_steps_approach_the_artificial_network(module):
    x = sequences(40)
    converted = bridge.convert(module, x, steps=256)
    expected = module.double()(torch.tensor(x)).detach().numpy()
    error = np.abs(converted.run(x).scores - expected)
    assert error.max() < 0.05 * np.abs(expected).max()
    np.testing.assert_allclose(bridge.quantised_twin(converted, x), expected, atol=0.02 * np.abs(expected).max())


def test_every_step_has_a_window_of_its_own_that_follows_the_last():
    x = sequences(20)
    converted = bridge.convert(Classifier(nonlinearity="relu"), x, steps=8)
    hidden = [layer for layer in converted.layers if layer.kind == "neurons"]
    assert len(hidden) == 5
    assert [layer.first for layer in hidden] == [1, 3, 5, 7, 9]  # a step of delay and one to wait for each
    said = next(converted.observe(x)).activations
    values = converted.graph.evaluate(x)
    assert np.abs(said[hidden[-1].name] - values[hidden[-1].name]).mean() < 0.1 * values[hidden[-1].name].mean()
    assert [v.verdict for v in converted.report.nodes if v.kind == "RNN"] == ["quantised"]


@pytest.mark.parametrize(
    ("module", "says"),
    [(Classifier(), "RNN"), (Classifier(nn.LSTM), "LSTM"), (Classifier(nn.GRU), "GRU")],
)
def test_refuses_what_only_events_can_say(module, says):
    with pytest.raises(ConversionError, match=rf'{says}\): is a recurrent layer that.*Use method="event"'):
        bridge.convert(module, sequences(4), steps=4)
