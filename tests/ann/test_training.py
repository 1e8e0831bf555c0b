import dataclasses

import matplotlib.pyplot as plt
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
    ("name", "floor"), [("mlp", 0.94), ("cnn", 0.97), ("spiking-mlp", 0.93), ("spiking-cnn", 0.95)]
)
def test_a_fifth_of_a_recipe_comes_near_its_accuracy_on_digits(digits, name, floor):
    model, recipe = ann.build(name, digits.shape, digits.n_classes), ann.RECIPES[name, "digits"]
    ann.fit(model, digits, **dataclasses.asdict(dataclasses.replace(recipe, epochs=recipe.epochs // 5)))
    assert ann.accuracy(model, digits.x_test, digits.y_test) >= floor


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


@pytest.mark.parametrize("name", ["cnn", "spiking-cnn"])
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
    """Stands for `judge`: says the losses it is given, and notes the weights they were said of."""

    def __init__(self, *losses):
        self.losses, self.seen = losses, []

    def __call__(self, model, data):
        self.seen.append(weights(model).clone())
        outcome = self.losses[len(self.seen) - 1]
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
    monkeypatch.setattr(training, "judge", script)
    model = linear(tiny)
    record = ann.fit(model, tiny, epochs=len(losses), learning_rate=0.1, patience=patience)
    assert (record.best_epoch, len(record.train_loss)) == (best, epochs)
    assert record.stopped_early == (epochs < len(losses))
    assert torch.equal(weights(model), script.seen[best])
    assert not torch.equal(script.seen[0], script.seen[1])


def test_interrupt_keeps_the_best_weights(tiny, monkeypatch):
    script = Scripted(2.0, 3.0, KeyboardInterrupt())
    monkeypatch.setattr(training, "judge", script)
    model = linear(tiny)
    with pytest.raises(KeyboardInterrupt):
        ann.fit(model, tiny, epochs=5, learning_rate=0.1)
    assert torch.equal(weights(model), script.seen[0])
    assert not model.training


def test_interrupt_in_the_first_epoch_keeps_the_initial_weights(tiny, monkeypatch):
    monkeypatch.setattr(training, "judge", Scripted(KeyboardInterrupt()))
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
        ({"optimizer": "Adam"}, "optimizer = 'Adam'.*gradient-descent, sgd, momentum, adam, nadam"),
        ({"schedule": "cosine"}, "schedule = 'cosine'.*one-cycle, constant"),
        ({"keep": "all"}, "keep = 'all'"),
        ({"device": "tpu"}, "device = 'tpu'"),
        ({"resume": True}, "resume = True.*checkpoint"),
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
        (None, "model = 'NoneType': expected a torch.nn.Module"),
    ],
)
def test_model_that_does_not_fit_the_data_is_refused(tiny, model, message):
    with pytest.raises(ann.ValidationError, match=message):
        ann.fit(model, tiny)


def test_data_must_be_a_data_set(tiny):
    with pytest.raises(ann.ValidationError, match=r"data = 'tuple': expected an ann.Dataset"):
        ann.fit(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), (tiny.x_train, tiny.y_train))  # pyright: ignore[reportArgumentType]


def test_optimizers_make_the_updates_of_torch(tiny):
    """The first update, from the same gradient, of each by its formula."""
    x, y = torch.tensor(tiny.x_train), torch.tensor(tiny.y_train)
    model = linear(tiny)
    before = weights(model).clone()
    nn.functional.cross_entropy(model(x), y).backward()
    gradient = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    expected = {"gradient-descent": gradient, "sgd": gradient, "momentum": gradient, "adam": gradient.sign()}
    for optimizer, direction in expected.items():
        model = linear(tiny)
        options = {"optimizer": optimizer, "batch_size": 32 if optimizer == "gradient-descent" else 48}
        ann.fit(model, tiny, epochs=1, learning_rate=0.5, schedule="constant", **options)
        large = gradient.abs() > 1e-4  # Adam's update of a gradient near its epsilon is less
        torch.testing.assert_close((weights(model) - before)[large], -0.5 * direction[large], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("optimizer", sorted(ann.OPTIMIZERS))
@pytest.mark.parametrize("schedule", ["one-cycle", "constant"])
def test_every_optimizer_learns(tiny, optimizer, schedule):
    rate = 0.05 if "adam" in optimizer else 0.5
    record = ann.fit(linear(tiny), tiny, epochs=30, learning_rate=rate, optimizer=optimizer, schedule=schedule)
    assert record.train_loss[-1] < 0.7 * record.train_loss[0]


def test_last_weights_can_be_kept(tiny, monkeypatch):
    script = Scripted(1.0, 2.0, 3.0)
    monkeypatch.setattr(training, "judge", script)
    model = linear(tiny)
    record = ann.fit(model, tiny, epochs=3, learning_rate=0.1, keep="last")
    assert record.best_epoch == 2
    assert torch.equal(weights(model), script.seen[2])


def test_numbers_are_predicted_by_least_squares(tiny):
    def targets(x):
        return x.mean(axis=(1, 2, 3))[:, None] - x[:, 0, 0, :1]

    parts = {f"y_{part}": targets(getattr(tiny, f"x_{part}")) for part in ("train", "validation", "test")}
    data = dataclasses.replace(tiny, classes=(), **parts)
    model = ann.build("mlp", data.shape, data.n_outputs, hidden=())
    record = ann.fit(model, data, epochs=60, learning_rate=0.1)
    assert record.validation_loss[-1] < 1e-3
    assert record.validation_accuracy == ()
    error = ((ann.evaluate(model, data.x_validation) - data.y_validation) ** 2).mean()
    assert record.validation_loss[record.best_epoch] == pytest.approx(error, rel=1e-4)


def test_model_may_say_its_own_objective(tiny):
    class Mean(nn.Module):
        """Learns the mean of its samples."""

        def __init__(self):
            super().__init__()
            self.value = nn.Parameter(torch.zeros(1, 4, 4))

        def objective(self, x, y):
            return ((x - self.value) ** 2).mean()

    model = Mean()
    record = ann.fit(model, tiny, epochs=40, optimizer="gradient-descent", learning_rate=4.0, schedule="constant")
    torch.testing.assert_close(model.value.detach(), torch.tensor(tiny.x_train.mean(axis=0)), rtol=0.05, atol=0.01)
    assert record.validation_accuracy == ()


def test_mixed_precision_computes_in_bfloat16_and_keeps_float32(tiny):
    seen = []
    model = linear(tiny)
    model.output.register_forward_hook(lambda module, _, output: seen.append((module.training, output.dtype)))
    record = ann.fit(model, tiny, epochs=5, learning_rate=0.1, mixed_precision=True)
    assert {dtype for training, dtype in seen if training} == {torch.bfloat16}
    assert {dtype for training, dtype in seen if not training} == {torch.float32}
    assert weights(model).dtype == torch.float32
    assert record.validation_accuracy[-1] == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_absent_device_is_refused(tiny):
    with pytest.raises(ann.ValidationError, match=r"device = 'cuda': expected 'cpu'"):
        ann.fit(linear(tiny), tiny, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_training_on_a_cuda_device(tiny, tmp_path):
    model = linear(tiny)
    record = ann.fit(model, tiny, epochs=5, learning_rate=0.1, device="cuda", checkpoint=tmp_path / "checkpoint")
    assert next(model.parameters()).is_cuda
    assert record.validation_accuracy[-1] == 1
    again = linear(tiny)
    ann.fit(again, tiny, epochs=5, learning_rate=0.1, device="cuda", checkpoint=tmp_path / "checkpoint", resume=True)
    assert torch.equal(weights(again), weights(model))


def test_record_draws_its_curves(tiny):
    record = ann.fit(linear(tiny), tiny, epochs=3)
    axes = record.plot()
    train, validation = axes.get_lines()[:2]
    assert list(train.get_xdata()) == [1, 2, 3]
    assert all(tick == round(tick) for tick in axes.get_xticks())
    assert tuple(train.get_ydata()) == record.train_loss
    assert tuple(validation.get_ydata()) == record.validation_loss
    plt.close(axes.figure)


@pytest.mark.parametrize("batch_size", [1, 48, 1000])
def test_batches_of_any_size_train(tiny, batch_size):
    model = linear(tiny)
    before = weights(model).clone()
    ann.fit(model, tiny, epochs=1, batch_size=batch_size)
    assert not torch.equal(weights(model), before)
