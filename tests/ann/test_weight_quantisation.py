import pytest
import torch

import ann


def test_weights_are_rounded_by_channel_and_gradients_pass():
    model = ann.build("mlp", (3,), 2, hidden=())
    with torch.no_grad():
        model.output.weight.copy_(torch.tensor([[0.7, -0.14, 0.31], [0.0, 0.0, 0.0]]))
    ann.quantise_weights(model, 4)
    # 7 levels of each sign: steps of 0.1.
    torch.testing.assert_close(model.output.weight, torch.tensor([[0.7, -0.1, 0.3], [0.0, 0.0, 0.0]]))
    x = torch.tensor([[1.0, 2.0, 3.0]])
    model(x).sum().backward()
    kept = model.output.parametrizations.weight.original
    torch.testing.assert_close(kept.grad, x.expand(2, 3))
    assert kept[0, 1].item() == pytest.approx(-0.14)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_training_goes_on_with_few_bits_and_leaves_a_plain_model(tiny, name):
    model = ann.build_for(
        name, tiny, **({"hidden": (8,)} if name == "mlp" else {"channels": (4,), "pooling": ("avg",)})
    )
    ann.quantise_weights(model, 2)
    ann.fit(model, tiny, epochs=10, learning_rate=0.05)
    outputs = ann.evaluate(model, tiny.x_test)
    assert ann.accuracy(model, tiny.x_test, tiny.y_test) == 1
    ann.round_weights(model)
    assert (ann.evaluate(model, tiny.x_test) == outputs).all()
    assert all("parametrizations" not in name for name in model.state_dict())
    for channel in model.output.weight:
        assert len(channel.abs().unique()) <= 2  # 0 and the step


def test_refusals(tiny):
    model = ann.build_for("mlp", tiny)
    for bits in (1, 17, 2.5):
        with pytest.raises(ann.ValidationError, match=r"bits = "):
            ann.quantise_weights(model, bits)
    with pytest.raises(ann.ValidationError, match=r"quantise_weights changed"):
        ann.round_weights(model)
    ann.quantise_weights(model, 8)
    with pytest.raises(ann.ValidationError, match=r"not quantised yet"):
        ann.quantise_weights(model, 8)
