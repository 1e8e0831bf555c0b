import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import ann
from ann import QuantisedReLU, quantise


def small(generator=0):
    torch.manual_seed(generator)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10)).eval()


@pytest.fixture(scope="module")
def digits():
    return ann.load("digits")


def test_values_are_those_of_integration_with_soft_reset():
    # Powers of two keep the membrane exact.
    theta, levels = 0.75, 8
    layer = QuantisedReLU(levels, [theta]).double()
    layer.log_threshold.data = torch.tensor([np.log(theta)])
    for z in np.arange(-64, 128) / 128:
        v, spikes = theta / 2, 0
        for _ in range(levels):
            v += z
            if v >= theta:
                v -= theta
                spikes += 1
        assert layer(torch.tensor([[z + 1e-12]])).item() == pytest.approx(theta * spikes / levels, abs=1e-12)


def test_channels_have_thresholds_of_their_own():
    z = torch.rand(3, 2, 4, 5) * 3
    both = QuantisedReLU(4, [0.5, 2.0])(z)
    for channel, theta in enumerate([0.5, 2.0]):
        np.testing.assert_allclose(
            both[:, channel].detach(), QuantisedReLU(4, [theta])(z[:, channel : channel + 1])[:, 0].detach()
        )


def test_gradients_pass_the_floor():
    z = torch.tensor([[-0.5], [0.3], [0.9], [2.5]], requires_grad=True)
    layer = QuantisedReLU(4, [2.0])
    a = layer(z)
    a.sum().backward()
    np.testing.assert_array_equal(z.grad.flatten(), [0.0, 1.0, 1.0, 0.0])
    # da/dtheta is a / theta - z / theta within and 1 above; what is stored is log theta.
    inside = (a.detach()[1:3] - z.detach()[1:3]).sum().item()
    assert layer.log_threshold.grad.item() == pytest.approx(inside + 2.0, rel=1e-5)


def test_quantising_leaves_the_model_and_starts_near_it(digits):
    model = small()
    before = copy.deepcopy(model.state_dict())
    fine, coarse = (quantise(model, levels, digits.x_train) for levels in (256, 1))
    assert isinstance(fine[2], QuantisedReLU)
    assert isinstance(model[2], nn.ReLU)
    assert not fine.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    expected = ann.evaluate(model, digits.x_test)
    errors = [np.abs(ann.evaluate(one, digits.x_test) - expected).max() for one in (fine, coarse)]
    assert errors[0] < 0.1 * np.abs(expected).max()
    assert errors[0] < errors[1]


def test_thresholds_are_the_best_of_those_tried(digits):
    model = small()
    theta = quantise(model, 2, digits.x_train)[2].threshold.detach().numpy()
    with torch.no_grad():
        values = model[:3](torch.tensor(digits.x_train[:256]))

    def error(thresholds):
        return (QuantisedReLU(2, thresholds)(values) - values).square().sum(dim=0).detach().numpy()

    assert theta.shape == (12,)
    for factor in (0.7, 0.9, 1.1, 1.4):
        clipped = np.minimum(theta * factor, values.amax(dim=0).numpy())
        assert (error(theta) <= error(np.maximum(clipped, 1e-9)) * 1.02 + 1e-6).all()


def test_a_silent_channel_has_the_largest_threshold(digits):
    model = small()
    model[1].weight.data[3] = 0.0
    model[1].bias.data[3] = -1.0
    theta = quantise(model, 4, digits.x_train)[2].threshold
    assert theta[3] == theta.max()


def test_fine_tuning_learns_weights_and_thresholds(digits):
    model = small()
    quantised = quantise(model, 4, digits.x_train)
    theta = quantised[2].threshold.detach().clone()
    record = ann.fit(quantised, digits, epochs=2, learning_rate=1e-2)
    assert record.train_loss[-1] < record.train_loss[0]
    assert not torch.equal(quantised[2].threshold, theta)
    assert (quantised[2].threshold > 0).all()


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = small()

    def forward(self, x):
        return F.relu(self.layers(x))


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.relu = nn.Linear(64, 8), nn.Linear(8, 8), nn.ReLU()

    def forward(self, x):
        return self.relu(self.second(self.relu(self.first(x.flatten(1)))))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (Functional(), "1 calls of relu as a function"),
        (Shared(), "relu, used twice"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), "0 modules torch.nn.ReLU"),
    ],
)
def test_refuses_models_that_it_would_convert_in_part(digits, model, says):
    with pytest.raises(ann.ValidationError, match=says):
        quantise(model, 4, digits.x_train)


@pytest.mark.parametrize(
    ("levels", "x", "says"),
    [
        (0, np.zeros((2, 1, 8, 8)), "levels"),
        (2.5, np.zeros((2, 1, 8, 8)), "levels"),
        (4, np.zeros((0, 1, 8, 8)), "x"),
        (4, np.full((2, 1, 8, 8), np.nan), "x"),
        (4, np.zeros((2, 1, 9, 9)), "what the model takes"),
    ],
)
def test_refuses_arguments(levels, x, says):
    with pytest.raises(ann.ValidationError, match=says):
        quantise(small(), levels, x)


def test_refuses_activations_that_are_not_finite():
    model = small()
    model[1].bias.data[0] = torch.inf
    with pytest.raises(ann.ValidationError, match="2, which says NaN or infinity"):
        quantise(model, 4, np.zeros((2, 1, 8, 8)))


@pytest.mark.parametrize("threshold", [[0.0], [np.nan], [-1.0, 1.0], [], 1.0, [np.inf]])
def test_refuses_thresholds(threshold):
    with pytest.raises(ann.ValidationError, match="threshold"):
        QuantisedReLU(4, threshold)
