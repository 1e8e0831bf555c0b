import numpy as np
import pytest
import torch
from torch import nn

import ann
from ann import evolution


def test_step_functions_learn_without_gradients(tiny):
    model = ann.build_for("mlp", tiny, hidden=(8,), activation="step")
    hidden = model.linear1.weight.detach().clone()
    record = ann.evolve(model, tiny, generations=40, pairs=16)
    assert ann.accuracy(model, tiny.x_test, tiny.y_test) == 1
    assert not torch.equal(model.linear1.weight, hidden)
    assert record.validation_loss[record.best_epoch] == min(record.validation_loss)
    assert len(record.train_loss) == len(record.validation_accuracy) == 40
    assert not model.training


def test_numbers_to_predict_are_evolved_too():
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    data = ann.from_arrays("sum", x, x.sum(axis=1))
    model = ann.build_for("mlp", data, hidden=())
    ann.evolve(model, data, generations=150, pairs=8)
    torch.testing.assert_close(model.output.weight.detach(), torch.ones(1, 2), rtol=0, atol=0.1)


def test_losses_are_those_of_each_copy(tiny):
    model = ann.build_for("mlp", tiny, hidden=(3,))
    x, y = torch.tensor(tiny.x_train), torch.tensor(tiny.y_train)
    copies = torch.randn(4, sum(p.numel() for p in model.parameters()))
    with torch.no_grad():
        losses = evolution._losses(model, copies, x, y, True)
        for row, loss in zip(copies, losses, strict=True):
            nn.utils.vector_to_parameters(row, model.parameters())
            torch.testing.assert_close(nn.functional.cross_entropy(model(x), y), loss)


def test_gradient_estimate_points_down(tiny):
    """The first update of many pairs goes along the gradient of a smooth network."""
    x, y = torch.tensor(tiny.x_train), torch.tensor(tiny.y_train)
    model = ann.build_for("mlp", tiny, hidden=())
    nn.functional.cross_entropy(model(x), y).backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    ann.evolve(model, tiny, generations=1, pairs=500, batch_size=48, learning_rate=0.01)
    moved = nn.utils.parameters_to_vector(model.parameters()).detach() - before
    # Adam's first step has one size everywhere; its sign is right wherever the gradient is large.
    assert gradient.abs()[moved * gradient < 0].sum() > 0.95 * gradient.abs().sum()


def test_same_seed_same_weights_and_the_global_state_is_left_alone(tiny):
    def weights(seed):
        model = ann.build_for("mlp", tiny, hidden=(3,))
        ann.evolve(model, tiny, generations=3, pairs=4, seed=seed)
        return nn.utils.parameters_to_vector(model.parameters())

    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first = weights(1)
    assert torch.rand(1) == expected
    assert torch.equal(first, weights(1))
    assert not torch.equal(first, weights(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generations": 0}, "generations = 0"),
        ({"pairs": 0}, "pairs = 0"),
        ({"deviation": 0}, "deviation = 0"),
        ({"learning_rate": -1}, "learning_rate = -1"),
        ({"report": "lines"}, "report = 'lines'"),
    ],
)
def test_bad_arguments_are_refused(tiny, options, message):
    with pytest.raises(ann.ValidationError, match=message):
        ann.evolve(ann.build_for("mlp", tiny), tiny, **options)


def test_models_with_objectives_of_their_own_are_refused(tiny):
    with pytest.raises(ann.ValidationError, match=r"without an objective"):
        ann.evolve(ann.build_for("gan", tiny), tiny)
