import os
import signal
import subprocess
import sys
import time

import pytest
import torch

import ann

# What a training is, for this process and for one that is killed.
SETUP = """
import sys
import numpy as np, torch, ann
torch.set_num_threads(1)
rng = np.random.default_rng(0)
x = rng.uniform(0, 1, (96, 1, 4, 4)).astype(np.float32)
y = (x[:, 0, :2].sum((1, 2)) > x[:, 0, 2:].sum((1, 2))).astype(np.int64)
data = ann.Dataset("halves", x[:64], y[:64], x[64:80], y[64:80], x[80:], y[80:], classes=("below", "above"))
model = ann.build("cnn", data.shape, 2, channels=(4,), pooling=("avg",), dropout=0.5)

def train(checkpoint, resume=False, epochs=12, **options):
    return ann.fit(model, data, epochs=epochs, batch_size=16, checkpoint=checkpoint, resume=resume, **options)
"""
# Epochs of this one wait, so that it can be killed between two of them.
SLOW = """
import time, ann.training
judge = ann.training.judge
def wait(*arguments):
    time.sleep(0.1)
    return judge(*arguments)
ann.training.judge = wait
train(sys.argv[1], resume=True)
"""


def setup():
    names = {}
    exec(SETUP, names)
    return names["train"], names["model"], names["data"]


def same(first, second):
    return all(torch.equal(tensor, second.state_dict()[key]) for key, tensor in first.state_dict().items())


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    train, model, _ = setup()
    path = tmp_path_factory.mktemp("unbroken") / "checkpoint"
    return train(path), model, path


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a POSIX signal")
def test_killed_training_goes_on_to_the_same_weights(tmp_path, unbroken):
    path = tmp_path / "checkpoint"
    process = subprocess.Popen([sys.executable, "-c", SETUP + SLOW, str(path)])
    deadline = time.monotonic() + 60
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.25)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(torch.load(path, weights_only=True)["progress"]["train_loss"])
    assert 1 <= done < 12
    train, model, _ = setup()
    record = train(path, resume=True)
    expected, expected_model, _ = unbroken
    assert same(model, expected_model)
    assert (record.train_loss, record.validation_loss) == (expected.train_loss, expected.validation_loss)
    assert record.best_epoch == expected.best_epoch


@pytest.mark.parametrize("optimizer", ["momentum", "nadam"])
def test_interrupted_training_goes_on_to_the_same_weights(tmp_path, monkeypatch, optimizer):
    train, model, _ = setup()
    expected = train(None, epochs=4, optimizer=optimizer)
    judge, calls = ann.training.judge, []

    def interrupt(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return judge(*arguments)

    train, again, _ = setup()
    monkeypatch.setattr("ann.training.judge", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "checkpoint", epochs=4, optimizer=optimizer)
    monkeypatch.undo()
    train, again, _ = setup()
    assert train(tmp_path / "checkpoint", True, epochs=4, optimizer=optimizer).train_loss == expected.train_loss
    assert same(again, model)


def test_finished_training_is_not_done_again(unbroken):
    record, expected, path = unbroken
    train, model, _ = setup()
    assert train(path, resume=True) == record
    assert same(model, expected)


def test_checkpoint_that_is_there_is_not_replaced_unasked(unbroken):
    train, _, _ = setup()
    with pytest.raises(ann.ValidationError, match=r"checkpoint = .*not there yet, or resume=True"):
        train(unbroken[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 13}, "epochs was 12"),
        ({"seed": 1}, "seed was 0"),
        ({"optimizer": "sgd"}, "optimizer was 'adam'"),
        ({"mixed_precision": True}, "mixed_precision was False"),
    ],
)
def test_checkpoint_of_other_settings_is_refused(unbroken, options, message):
    train, _, _ = setup()
    with pytest.raises(ann.ValidationError, match=message):
        train(unbroken[2], resume=True, **options)


def test_checkpoint_of_other_data_or_another_model_is_refused(unbroken):
    _, model, data = setup()
    options = {"epochs": 12, "batch_size": 16, "checkpoint": unbroken[2], "resume": True}
    with pytest.raises(ann.ValidationError, match=r"data was '"):
        ann.fit(model, data.subset(train=63), **options)
    with pytest.raises(ann.ValidationError, match=r"model = .*missing"):
        ann.fit(ann.build("mlp", data.shape, 2), data, **options)


def test_whole_pickled_module_is_refused_and_not_run(tmp_path):
    train, model, _ = setup()

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    for content in (model, {"format": "ann-checkpoint-1", "settings": Trap()}):
        torch.save(content, tmp_path / "checkpoint")
        with pytest.raises(ann.DataError, match=r"pickled modules are refused"):
            train(tmp_path / "checkpoint", resume=True)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [{}, {"settings": "{"}, {"settings": "{}", "progress": {"epochs": 3}}])
def test_damaged_checkpoint_is_refused(tmp_path, content):
    train, _, _ = setup()
    torch.save({"format": "ann-checkpoint-1", **content}, tmp_path / "checkpoint")
    with pytest.raises(ann.DataError, match=r"lacks something of a checkpoint"):
        train(tmp_path / "checkpoint", resume=True)
    torch.save({"format": "ann-weights-1"}, tmp_path / "checkpoint")
    with pytest.raises(ann.DataError, match=r"does not say that it is 'ann-checkpoint-1'"):
        train(tmp_path / "checkpoint", resume=True)


def test_missing_folder_is_named_before_training(tmp_path):
    train, _, _ = setup()
    with pytest.raises(ann.DataError, match=r"nowhere is not a folder"):
        train(tmp_path / "nowhere" / "checkpoint")
