import math

import pytest
import torch

import ann
from ann.models.encoding import first_spike_scores
from ann.models.soft_reset import SURROGATES


def test_rate_says_a_value_in_evenly_spaced_spikes():
    x = torch.tensor([[0.0, 0.25, 0.5, 0.7, 1.0]])
    spikes = ann.encode(x, 8, "rate")
    assert spikes.shape == (8, 1, 5)
    assert spikes.sum(dim=0).tolist() == [[0, 2, 4, math.floor(8 * x[0, 3].item()), 8]]
    assert spikes[:, 0, 1].tolist() == [0, 0, 0, 1, 0, 0, 0, 1]
    assert set(spikes.unique().tolist()) == {0, 1}


def test_latency_says_a_value_in_the_time_of_one_spike():
    spikes = ann.encode(torch.tensor([[0.0, 0.1, 0.5, 1.0]]), 11, "latency")
    assert [column.nonzero().flatten().tolist() for column in spikes[:, 0].T] == [[], [9], [5], [0]]


def test_delta_says_a_value_in_spikes_at_once():
    spikes = ann.encode(torch.tensor([[0.0, 0.5, -0.25, 1.0]]), 4, "delta")
    assert spikes[:, 0].T.tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [-1, 0, 0, 0], [1, 1, 1, 1]]


def test_sequences_are_encoded_element_by_element_but_for_changes():
    x = torch.tensor([[[0.5], [1.0], [0.5]]])
    told = {name: ann.encode_sequence(x, 2, name)[:, 0, 0].tolist() for name in ("direct", "rate", "latency", "delta")}
    assert told == {
        "direct": [0.5, 0.5, 1, 1, 0.5, 0.5],
        "rate": [0, 1, 1, 1, 0, 1],
        "latency": [1, 0, 1, 0, 1, 0],  # half a step rounds to the even one, 0
        "delta": [1, 0, 1, 0, -1, 0],
    }


def test_direct_gives_the_values_in_every_step():
    x = torch.tensor([[-2.0, 3.0]])
    assert torch.equal(ann.encode(x, 3, "direct"), torch.stack([x] * 3))


def test_values_that_spikes_cannot_say_are_refused():
    for encoding in ("rate", "latency"):
        with pytest.raises(ann.ValidationError, match=r"x = 'values from 0.0 to 1.5'"):
            ann.encode(torch.tensor([[0.0, 1.5]]), 4, encoding)
    with pytest.raises(ann.ValidationError, match=r"encoding = 'morse'.*direct, rate, latency"):
        ann.encode(torch.zeros(1, 1), 4, "morse")
    with pytest.raises(ann.ValidationError, match=r"threshold = 0"):
        ann.encode_changes(torch.zeros(1, 2), 0)


def test_changes_are_told_and_followed():
    x = torch.tensor([[[0.0], [0.4], [0.6], [1.6], [1.6], [0.2]]])
    assert ann.encode_changes(x, 0.5)[0, :, 0].tolist() == [0, 0, 1, 1, 1, -1]


def test_first_spike_counts_the_steps_left_and_passes_gradients():
    spikes = torch.tensor([[[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]], [[1.0, 1.0, 0.0]]], requires_grad=True)
    scores = first_spike_scores(spikes)
    assert scores.tolist() == [[2, 3, 0]]
    scores[0, 2].backward()
    # Had it fired in step t it would have had 3 - t steps left.
    assert spikes.grad[:, 0, 2].tolist() == [3, 2, 1]


@pytest.mark.parametrize("encoding", ["direct", "rate", "latency", "delta"])
@pytest.mark.parametrize("decision", ["count", "first-spike"])
def test_spiking_networks_learn_with_every_encoding_and_decision(tiny, encoding, decision):
    jump = 0.2 if decision == "count" else 0.0
    model = ann.build_for("spiking-mlp", tiny, hidden=(16,), encoding=encoding, decision=decision, jump=jump)
    record = ann.fit(model, tiny, epochs=15, learning_rate=0.02)
    assert ann.accuracy(model, tiny.x_test, tiny.y_test) == 1
    assert record.train_loss[-1] < record.train_loss[0]


def test_a_threshold_that_adapts_rises_with_a_spike_and_falls_back():
    neurons = ann.AdaptiveLeaky(beta=0.5, jump=0.5, rho=0.5)
    # v: 1.5 -> 0.5; 1.25 + 0.25 = 1.5 not above 1 + 0.5; 0.75 + 0.75 = 1.5 above 1 + 0.25
    assert [neurons(torch.tensor([[x]])).item() for x in (1.5, 1.25, 0.75)] == [1, 0, 1]
    assert (neurons.mem.item(), neurons.excess.item()) == (0.5, 0.625)
    neurons.reset()
    assert neurons.mem.numel() == neurons.excess.numel() == 0
    for name, value in (("jump", 0.0), ("rho", 1.5)):
        with pytest.raises(ann.ValidationError, match=name):
            ann.AdaptiveLeaky(**{name: value})
    with pytest.raises(ann.ValidationError, match=r"jump = -1.*0 for neurons that do not adapt"):
        ann.build("spiking-mlp", (2,), 2, jump=-1)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_surrogates_have_the_gradient_of_their_formula(surrogate):
    k, u = 3.0, 0.2
    expected = {
        "fast-sigmoid": 1 / (1 + k * u) ** 2,
        "sigmoid": k * math.exp(-k * u) / (1 + math.exp(-k * u)) ** 2,
        "arctangent": k / 2 / (1 + (math.pi * k * u / 2) ** 2),
        "straight-through": 1.0,
    }
    x = torch.tensor([[1.0 + u]], requires_grad=True)
    neurons = ann.SoftResetLeaky(slope=k, surrogate=surrogate)
    assert neurons(x).item() == 1
    neurons.reset()
    neurons(x).sum().backward()
    assert x.grad.item() == pytest.approx(expected[surrogate], rel=1e-4)
    with pytest.raises(ann.ValidationError, match=r"surrogate = 'guess'"):
        ann.SoftResetLeaky(surrogate="guess")
