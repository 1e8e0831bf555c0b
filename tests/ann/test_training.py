import dataclasses

import pytest
import torch
from torch import nn

import ann
from ann import training


def linear(data, seed=0):
    return ann.build("mlp", data.shape, data.n_classes, hidden=(), seed=seed)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize(
    ("name", "floor"), [("mlp", 0.94), ("cnn", 0.98), ("spiking_mlp", 0.95), ("spiking_cnn", 0.96)]
)
def test_recipe_reaches_its_accuracy_on_digits(digits, name, floor):
    model = ann.build(name, digits.shape, digits.n_classes)
    record = ann.fit(model, digits, **dataclasses.asdict(ann.RECIPES[name, "digits"]))
    assert ann.accuracy(model, digits.x_test, digits.y_test) >= floor
    assert record.validation_loss[record.best_epoch] == min(record.validation_loss)


def test_record_tells_what_happened(tiny):
    model = linear(tiny)
    record = ann.fit(model, tiny, epochs=4, learning_rate=0.1)
    assert [len(values) for values in (record.train_loss, record.validation_loss, record.validation_accuracy)] == [
        4
    ] * 3
    assert record.train_loss[-1] < record.train_loss[0]
    assert record.validation_accuracy[record.best_epoch] == ann.accuracy(model, tiny.x_validation, tiny.y_validation)
    assert record.validation_accuracy[-1] == 1
    assert not record.stopped_early
    assert record.seconds > 0
    assert not model.training


@pytest.mark.parametrize("name", ["cnn", "spiking_cnn"])
def test_same_seed_same_weights(digits, name):
    few = digits.subset(train=96, validation=32)

    def train(seed):
        options = {"dropout": 0.5} if name == "cnn" else {}
        model = ann.build(name, few.shape, few.n_classes, **options)
        torch.rand(3)  # whatever the program drew before must not matter
        ann.fit(model, few, epochs=2, seed=seed)
        return weights(model)

    assert torch.equal(train(0), train(0))
    assert not torch.equal(train(0), train(1))


def test_global_random_state_is_left_alone(tiny):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    ann.fit(linear(tiny), tiny, epochs=1)
    assert torch.rand(1) == expected


class Scripted:
    """Stands for `_validate`: says the losses it is given, and notes the weights they were said of."""

    def __init__(self, *losses):
        self.losses, self.seen = losses, []

    def __call__(self, model, data, epoch):
        self.seen.append(weights(model).clone())
        outcome = self.losses[epoch]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome, 0.5


@pytest.mark.parametrize(
    ("losses", "patience", "best", "epochs"),
    [
        ((3.0, 2.0, 2.5, 2.0, 2.6, 0.1), 3, 1, 5),
        ((3.0, 2.0, 2.5, 1.9, 2.6, 2.7), 3, 3, 6),
        ((1.0, 2.0, 0.5), 1, 0, 2),
        ((3.0, 3.5, 3.6, 3.7), None, 0, 4),
    ],
)
def test_early_stopping_restores_the_best(tiny, monkeypatch, losses, patience, best, epochs):
    script = Scripted(*losses)
    monkeypatch.setattr(training, "_validate", script)
    model = linear(tiny)
    record = ann.fit(model, tiny, epochs=len(losses), learning_rate=0.1, patience=patience)
    assert (record.best_epoch, len(record.train_loss)) == (best, epochs)
    assert record.stopped_early == (epochs < len(losses))
    assert torch.equal(weights(model), script.seen[best])
    assert not torch.equal(script.seen[0], script.seen[1])


def test_interrupt_keeps_the_best_weights(tiny, monkeypatch):
    script = Scripted(2.0, 3.0, KeyboardInterrupt())
    monkeypatch.setattr(training, "_validate", script)
    model = linear(tiny)
    with pytest.raises(KeyboardInterrupt):
        ann.fit(model, tiny, epochs=5, learning_rate=0.1)
    assert torch.equal(weights(model), script.seen[0])
    assert not model.training


def test_interrupt_in_the_first_epoch_keeps_the_initial_weights(tiny, monkeypatch):
    monkeypatch.setattr(training, "_validate", Scripted(KeyboardInterrupt()))
    model = linear(tiny)
    before = weights(model).clone()
    with pytest.raises(KeyboardInterrupt):
        ann.fit(model, tiny, epochs=5, learning_rate=0.1)
    assert torch.equal(weights(model), before)


class Diverging(nn.Module):
    """Finite outputs in evaluation, none in training."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 2)

    def forward(self, x):
        scores = self.layer(x.flatten(1))
        return scores * float("nan") if self.training else scores


def test_loss_that_is_not_finite_stops(tiny):
    model = Diverging()
    before = weights(model).clone()
    with pytest.raises(ann.NumericalError, match=r"training loss of epoch 0 is nan.*learning_rate"):
        ann.fit(model, tiny)
    assert torch.equal(weights(model), before)


def test_bar_shows_loss_and_accuracy(tiny, capfd):
    ann.fit(linear(tiny), tiny, epochs=2, report="bar")
    shown = capfd.readouterr()
    assert "loss=" in shown.err
    assert "validation_accuracy=" in shown.err
    ann.fit(linear(tiny), tiny, epochs=2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs = 0"),
        ({"epochs": 1.5}, "epochs = 1.5"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"batch_size": True}, "batch_size = True"),
        ({"learning_rate": 0}, "learning_rate = 0"),
        ({"learning_rate": -1e-3}, "learning_rate = -0.001"),
        ({"learning_rate": float("nan")}, "learning_rate = nan"),
        ({"learning_rate": float("inf")}, "learning_rate = inf"),
        ({"learning_rate": "fast"}, "learning_rate = 'fast'"),
        ({"seed": -1}, "seed = -1"),
        ({"patience": 0}, "patience = 0"),
        ({"report": "lines"}, "report = 'lines'"),
    ],
)
def test_bad_arguments_are_refused_before_anything_starts(tiny, options, message):
    model = linear(tiny)
    before = weights(model).clone()
    with pytest.raises(ann.ValidationError, match=message):
        ann.fit(model, tiny, **options)
    assert torch.equal(weights(model), before)
    assert model.training


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(15, 2)), "the model can take"),
        (nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), "3 outputs.*one for each class"),
        (nn.Conv2d(1, 2, 1), r"output \(1, 2, 4, 4\)"),
        (nn.Flatten(), "parameters to train"),
    ],
)
def test_model_that_does_not_fit_the_data_is_refused(tiny, model, message):
    with pytest.raises(ann.ValidationError, match=message):
        ann.fit(model, tiny)


@pytest.mark.parametrize("batch_size", [1, 48, 1000])
def test_batches_of_any_size_train(tiny, batch_size):
    model = linear(tiny)
    before = weights(model).clone()
    ann.fit(model, tiny, epochs=1, batch_size=batch_size)
    assert not torch.equal(weights(model), before)
