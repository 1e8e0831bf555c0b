import numpy as np
import pytest
import torch
from torch import nn

import ann


class Bright(nn.Module):
    """Scores 0 for every class but the one that the first pixel times ten names; counts modes and batches."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.batches = []

    def forward(self, x):
        self.batches.append((len(x), self.training, torch.is_grad_enabled()))
        return nn.functional.one_hot((x[:, 0, 0, 0] * 10).round().long(), 10).float()


X = np.linspace(0, 0.9, 10, dtype=np.float32).reshape(10, 1, 1, 1)


def test_predict_and_accuracy():
    assert ann.predict(Bright(), X).tolist() == list(range(10))
    assert ann.predict(Bright(), X).dtype == np.int64
    assert ann.accuracy(Bright(), X, [0, 1, 2, 3, 4, 0, 0, 0, 0, 0]) == 0.5


def test_equal_outputs_go_to_the_lowest_class():
    class Equal(nn.Module):
        def forward(self, x):
            return torch.tensor([0.0, 2.0, 1.0, 2.0]).expand(len(x), 4)

    assert ann.predict(Equal(), X).tolist() == [1] * 10


def test_evaluation_goes_by_batches_without_training_anything():
    model = Bright()
    ann.evaluate(model, X, batch_size=4)
    assert model.batches == [(4, False, False), (4, False, False), (2, False, False)]


def test_every_module_is_left_in_its_mode():
    model = Bright().train()
    model.norm.eval()
    ann.predict(model, X)
    assert (model.training, model.norm.training) == (True, False)
    with pytest.raises(ann.ValidationError):
        ann.predict(nn.Sequential(model, nn.Linear(3, 3)), X)
    assert (model.training, model.norm.training) == (True, False)


def test_read_only_images_are_accepted():
    x = X.copy()
    x.flags.writeable = False
    assert ann.accuracy(Bright(), x, np.arange(10)) == 1


@pytest.mark.parametrize(
    ("x", "y", "batch_size", "message"),
    [
        (X[:0], np.arange(0), 1, "x.*n > 0"),
        (X[0], np.arange(1), 1, "x.*samples the model can take"),
        (X, np.arange(9), 1, "y.*each of the 10 samples"),
        (X, np.arange(10)[:, None], 1, r"y.*\(10, 1\)"),
        (X, np.arange(10), 0, "batch_size = 0"),
        (X, np.arange(10) + 1, 1, r"y = '1 to 10': expected class numbers in 0 ... 9"),
        (X, np.arange(10) - 1, 1, r"y = '-1 to 8'"),
        (np.concatenate([X[:4], X[4:] * np.nan]), np.arange(10), 1, r"x = 'sample 4 with NaN or infinity'"),
    ],
)
def test_bad_arguments_are_refused(x, y, batch_size, message):
    with pytest.raises(ann.ValidationError, match=message):
        ann.accuracy(Bright(), x, y, batch_size)
