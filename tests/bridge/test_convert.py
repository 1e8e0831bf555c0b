import subprocess
import sys

import numpy as np
import pytest
import snntorch
import torch
from torch import nn

import bridge
from bridge import ConversionError, Inference, ValidationError, convert, quantised_twin
from bridge.convert import prepare
from bridge.rate import convert_by_rate


def samples(count, *shape, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *shape))


def seeded(*layers, seed=0):
    """Make a network whose weights and statistics are drawn afresh."""
    module, generator = nn.Sequential(*layers).double().eval(), torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            part.weight.data = torch.randn(part.weight.shape, generator=generator).double() * 0.5
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.data = torch.rand(part.running_mean.shape, generator=generator).double()
            part.running_var.data = torch.rand(part.running_var.shape, generator=generator).double() + 0.5
    return module


def perceptron():
    return seeded(nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 4))


def convolutional():
    return seeded(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(5, 3),
    )


def output(module, x):
    with torch.no_grad():
        return module(torch.as_tensor(x)).flatten(1).numpy()


@pytest.mark.parametrize("steps", [1, 2, 4, 32])
def test_one_hidden_layer_says_what_the_quantised_twin_says(steps):
    x = samples(200, 6)
    converted = convert(perceptron(), x, steps=steps)
    inference = converted.run(x)
    np.testing.assert_allclose(
        inference.scores, quantised_twin(converted, x), rtol=0, atol=5e-6
    )  # weights have 24 bits
    assert inference.course.shape == (200, steps, 4)
    assert converted.duration == steps + 1


def test_the_quantised_twin_is_made_of_activations_that_spikes_can_say():
    x = samples(3, 6)
    module = perceptron()
    converted = convert(module, x, steps=4)
    theta = converted.thresholds["1"]
    hidden = np.maximum(output(module[0], x), 0.0)
    counts = np.clip(np.floor(hidden / theta * 4 + 0.5), 0, 4)
    expected = counts * theta / 4 @ module[2].weight.detach().numpy().T + module[2].bias.detach().numpy()
    np.testing.assert_allclose(quantised_twin(converted, x), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (perceptron(), (6,)),
        (convolutional(), (2, 8, 10)),
        (seeded(nn.Flatten(), nn.Linear(12, 3)), (2, 2, 3)),
        (seeded(nn.AvgPool2d(2), nn.Conv2d(2, 3, 2)), (2, 6, 8)),
        (seeded(nn.Linear(6, 5), nn.ReLU()), (6,)),
        (seeded(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.MaxPool2d(2)), (2, 5, 7)),
        (seeded(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Flatten()), (2, 5, 7)),
        (seeded(nn.Conv2d(2, 3, 2), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(18, 4)), (2, 5, 7)),
        (seeded(nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.Conv2d(4, 2, 2, dilation=2), nn.ReLU()), (2, 8, 7)),
        (seeded(nn.Linear(6, 5), nn.Linear(5, 8), nn.ReLU(), nn.ReLU(), nn.Linear(8, 3)), (6,)),
    ],
    ids=[
        *("perceptron", "convolutional", "linear", "image out", "ReLU out", "pooled out", "flat out"),
        *("pooled before ReLU", "grouped and dilated", "two in a row"),
    ],
)
def test_answers_in_the_units_and_the_order_of_the_module(module, shape):
    x = samples(20, *shape)
    expected = output(module, x)
    converted = convert(module, x, steps=256)
    inference = converted.run(x, batch=7)
    scale = 0.02 * np.abs(expected).max()
    np.testing.assert_allclose(inference.scores, expected, rtol=0, atol=scale)
    np.testing.assert_allclose(quantised_twin(converted, x), expected, rtol=0, atol=scale)
    np.testing.assert_array_equal(inference.scores, inference.course[:, -1])
    assert inference.spikes.shape == (20, sum(layer.kind != "readout" for layer in converted.layers))


def test_tells_what_it_was_made_of():
    module = convolutional()
    converted = convert(module, samples(5, 2, 8, 10).astype(np.float32))
    assert converted.steps == 32
    assert converted.duration == converted.layers[-1].last
    assert [layer.name for layer in converted.layers] == ["2", "3", "5", "9"]
    assert converted.layers[0].shape == (8, 10, 4)
    assert set(converted.thresholds) == {"2", "5"}
    assert converted.macs == {"0": 4 * 2 * 9 * 80, "4": 5 * 4 * 9 * 6, "9": 3 * 5}
    assert set(converted.network.populations) == {"2", "3", "5", "9"}


def test_neither_batch_nor_threads_change_anything():
    x = samples(50, 2, 8, 10)
    converted = convert(convolutional(), x, steps=8)
    done = []
    expected = converted.run(x, batch=50, report=done.append)
    assert done == [50]
    assert expected.seconds > 0
    assert expected.spikes.sum() == sum(count.sum() for count in expected.counts.values())
    for batch, threads in [(1, 1), (7, 1), (7, 2), (50, 2), (1000, 1)]:
        done.clear()
        found = converted.run(x, batch=batch, threads=threads, report=done.append)
        assert done == [min(n + batch, 50) for n in range(0, 50, batch)]
        for name in ("scores", "course", "spikes", "synaptic_events", "classes"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert found.counts.keys() == expected.counts.keys()
        for name, counts in expected.counts.items():
            np.testing.assert_array_equal(found.counts[name], counts)


@pytest.mark.parametrize(
    ("decisions", "latency"),
    [
        ([0, 0, 0, 0], 1),
        ([1, 0, 0, 0], 2),
        ([0, 1, 0, 0], 3),
        ([1, 1, 1, 0], 4),
        ([0, 1, 2, 0], 4),
        ([2], 1),
    ],
)
def test_latency_is_the_step_from_which_the_decision_stays(decisions, latency):
    course = np.eye(3)[decisions][None]
    inference = Inference(course[:, -1], course, np.zeros((1, 0), int), {}, np.zeros(1, int), 0.0)
    assert inference.classes == decisions[-1]
    assert inference.latency() == latency


def test_latency_takes_the_lowest_of_equals():
    course = np.array([[[0.0, 0.0], [1.0, 1.0], [1.0, 2.0]]])
    assert Inference(course[:, -1], course, np.zeros((1, 0), int), {}, np.zeros(1, int), 0.0).latency() == 3


# Refusals

BAD_STEPS = [True, 0, -1, 2.5, "8"]


def test_refuses_more_steps_and_levels_than_anything_needs():
    with pytest.raises(ValidationError, match="steps must be at most 65,536, not 1,000,000"):
        convert(perceptron(), samples(3, 6), steps=10**6)
    with pytest.raises(ValidationError, match="levels must be at most 65,536, not 65,537"):
        convert(perceptron(), samples(3, 6), method="event", levels=2**16 + 1)


@pytest.mark.parametrize("steps", BAD_STEPS)
def test_refuses_steps(steps):
    x = samples(3, 6)
    module = perceptron()
    with pytest.raises(ValidationError, match=r"steps must be a positive integer, not"):
        convert(module, x, steps=steps)
    with pytest.raises(ValidationError, match=r"steps must be a positive integer, not"):
        convert_by_rate(*prepare(module, x), x, steps)


def test_accepts_the_integers_of_numpy():
    assert convert(perceptron(), samples(3, 6), steps=np.int64(3)).steps == 3


def with_nan(index):
    x = samples(5, 6)
    x[index, 2] = np.nan
    return x


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (with_nan(0), "finite"),
        (with_nan(4), "finite"),
        (samples(3, 5), r"0 \(Linear\)"),
        (samples(0, 6), "not empty"),
        (np.zeros(6), "of shape"),
        (np.zeros((2, 6), complex), "samples must be real, not complex128"),
        (None, "samples must be an array of numbers, not NoneType"),
        (np.array(["a"]), "samples must be an array of numbers"),
        ([[1.0] * 6, [1.0]], "not all as long"),
    ],
)
def test_refuses_samples_to_convert_with(x, says):
    with pytest.raises(ValidationError, match=says):
        convert(perceptron(), x, steps=4)


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (with_nan(4), "samples must be finite; sample 4 is not"),
        (samples(3, 5), r"samples must have shape \(samples >= 1, 6\), not \(3, 5\)"),
        (samples(0, 6), r"samples must have shape \(samples >= 1, 6\), not \(0, 6\)"),
        (np.zeros(6), r"not \(6,\)"),
        (np.zeros((3, 6), complex), "samples must be real, not complex128"),
        ("a", "samples must be an array of numbers, not str"),
        (None, "samples must be an array of numbers, not NoneType"),
    ],
)
def test_refuses_samples_to_run(x, says):
    converted = convert(perceptron(), samples(3, 6), steps=2)
    with pytest.raises(ValidationError, match=says):
        converted.run(x)
    with pytest.raises(ValidationError, match=says):
        quantised_twin(converted, x)
    with pytest.raises(ValidationError, match=says):
        convert(perceptron(), samples(3, 6), method="event").run(x)


def test_samples_may_be_tensors():
    x = torch.tensor(samples(3, 6), dtype=torch.float32)
    module = perceptron()
    plain = convert(module, x.numpy(), steps=2)
    expected = plain.run(x.numpy()).scores
    for tensor in (x, x.clone().requires_grad_(), x.double()):
        converted = convert(module, tensor, steps=2)
        np.testing.assert_array_equal(converted.run(tensor).scores, expected)
    assert np.isfinite(plain.run(x.bfloat16()).scores).all()


@pytest.mark.parametrize("batch", [0, 2.5, True])
def test_refuses_batches(batch):
    with pytest.raises(ValidationError, match="batch must be a positive integer"):
        convert(perceptron(), samples(3, 6), steps=2).run(samples(3, 6), batch=batch)


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.a(x) + self.b(x)


@pytest.mark.parametrize(
    ("module", "shape", "says"),
    [
        (seeded(nn.MaxPool2d(2), nn.Conv2d(2, 2, 3)), (2, 8, 8), r"0 \(MaxPool2d\): may be negative"),
        (seeded(nn.Conv2d(2, 2, 3), nn.MaxPool2d(2)), (2, 8, 8), r"0 \(Conv2d\): may be negative"),
        (nn.Sequential(nn.Linear(4, 2), nn.Sigmoid()), (4,), r"1 \(Sigmoid\)"),
        (nn.Sequential(nn.Linear(4, 2), snntorch.Leaky(0.9, init_hidden=True)), (4,), r"1 \(Leaky\): spikes already"),
    ],
)
def test_refuses_what_has_no_counterpart(module, shape, says):
    with pytest.raises(ConversionError, match=says):
        convert(module, samples(4, *shape), steps=4)


# The package


def test_public_names():
    assert bridge.__all__ == sorted(bridge.__all__)
    assert all(hasattr(bridge, name) for name in bridge.__all__)


def test_importing_the_bridge_does_not_import_torch():
    check = "import sys, bridge; sys.exit(any(name in sys.modules for name in ('torch', 'snntorch', 'ann', 'sklearn')))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


# ---- by event


def test_by_event_a_network_says_what_its_twin_does():
    x = samples(40, 6)
    module = perceptron()
    converted = convert(module, x, method="event", levels=64)
    inference = converted.run(x)
    np.testing.assert_array_equal(inference.scores, converted.twin(x))
    expected = module(torch.from_numpy(x)).detach().numpy()
    assert np.linalg.norm(inference.scores - expected) < 0.02 * np.linalg.norm(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "ttfs"}, "method must be 'rate' or 'event', not 'ttfs'"),
        ({"method": "event", "steps": 4}, "steps does not go with method='event'"),
        ({"levels": 4}, "levels does not go with method='rate'"),
        ({"allow": ("product",)}, "allow does not go with method='rate'"),
        ({"method": "event", "levels": 0}, "levels must be a positive integer"),
        ({"method": "event", "allow": 7}, "allow must be names, such as .*, not 7"),
        ({"allow": 7}, "allow does not go with method='rate'"),
        ({"options": {"wait": 0}}, r"options must be bridge.RateOptions\(...\), not {'wait': 0}"),
    ],
)
def test_refuses_arguments_of_another_method(options, message):
    with pytest.raises(ValidationError, match=message):
        convert(perceptron(), samples(3, 6), **options)


@pytest.mark.parametrize("method", ["rate", "event"])
def test_every_refused_node_is_named(method):
    class Gated(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
            self.norm, self.gelu = torch.nn.LayerNorm(4), torch.nn.GELU()

        def forward(self, x):
            return self.second(self.norm(self.gelu(self.first(x)))) * torch.sigmoid(self.first(x))

    with pytest.raises(ConversionError) as caught:
        convert(Gated(), np.ones((2, 4)), method=method)
    nodes = [one.node for one in caught.value.refused]
    graded = ["norm (LayerNorm)", "mul (Multiply)"]
    smooth = ["gelu (GELU)", "sigmoid (Sigmoid)"]
    assert nodes == (graded if method == "event" else [smooth[0], graded[0], smooth[1], graded[1]])


def test_what_is_for_the_other_method_is_refused():
    converted = convert(perceptron(), samples(3, 6), method="event", levels=4)
    with pytest.raises(ValidationError, match=r"not EventConverted; a network by event has converted.twin"):
        quantised_twin(converted, samples(3, 6))
    with pytest.raises(ValidationError, match=r"converted must be what bridge.convert returns, not Sequential"):
        bridge.certify(perceptron(), samples(3, 6))
