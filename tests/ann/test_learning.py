"""That the models' own objectives are what their docstrings say, on problems whose answer is known."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import ann
from ann.models.boltzmann import BoltzmannMachine


def test_perceptron_objective_is_its_rule():
    model = ann.build("perceptron", (2,), 3)
    with torch.no_grad():
        model.output.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]))
    x, y = torch.tensor([[0.5, 0.25]]), torch.tensor([1])
    assert model.answer(x).tolist() == [[1, 0, 1]]
    model.objective(x, y).backward()
    # t - s = -1, 1, -1; a step down the gradient with rate 1 adds (t - s) x.
    assert (-model.output.weight.grad).tolist() == [[-0.5, -0.25], [0.5, 0.25], [-0.5, -0.25]]
    assert (-model.output.bias.grad).tolist() == [-1, 1, -1]


def test_boltzmann_free_energy_sums_over_the_hidden_units():
    machine = BoltzmannMachine((3,), hidden=2)
    with torch.no_grad():
        for parameter in machine.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    v = torch.tensor([[1.0, 0.0, 1.0]])
    states = torch.cartesian_prod(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]))
    energy = -v @ machine.visible_bias - states @ machine.hidden_bias - states @ machine.weight @ v[0]
    torch.testing.assert_close(machine.free_energy(v), -torch.logsumexp(-energy, 0)[None])


def test_contrastive_divergence_is_the_gradient(monkeypatch):
    machine = BoltzmannMachine((3,), hidden=2)
    v, other = torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[0.0, 1.0, 1.0]])
    monkeypatch.setattr(machine, "sample", lambda v, steps: other)
    machine.objective(v, torch.zeros(1)).backward()
    with torch.no_grad():
        expected = machine(other).T @ other - machine(v).T @ v
    torch.testing.assert_close(machine.weight.grad, expected)
    torch.testing.assert_close(machine.visible_bias.grad, (other - v)[0])


def test_boltzmann_machine_learns_a_distribution():
    """Two patterns, in the proportion 3 to 1."""
    x = np.array([[1, 1, 0, 0]] * 60 + [[0, 0, 1, 1]] * 20, dtype=np.float32)
    data = ann.Dataset("two", x, x, x, x, x, x)
    model = ann.build("rbm", (4,), 0, hidden=4)
    ann.fit(model, data, epochs=150, batch_size=20, learning_rate=0.05, schedule="constant", keep="last")
    states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4)
    with torch.no_grad():
        shares = (-model.free_energy(states)).softmax(0)
    by_state = {tuple(state.int().tolist()): share.item() for state, share in zip(states, shares, strict=True)}
    assert by_state[1, 1, 0, 0] == pytest.approx(0.75, abs=0.15)
    assert by_state[0, 0, 1, 1] == pytest.approx(0.25, abs=0.15)


def test_pretraining_gives_layers_that_reconstruct(digits):
    few = digits.subset(train=320)
    x = torch.tensor(few.x_train)

    def error(model):
        with torch.no_grad():
            hidden = model.linear1(x.flatten(1)).sigmoid()
            best = nn.functional.linear(hidden, torch.linalg.lstsq(hidden, x.flatten(1)).solution.T)
            return ((best - x.flatten(1)) ** 2).mean().item()

    model = ann.build("dbn", few.shape, 10, hidden=(16,), pretraining=20)
    before, untouched = error(model), model.output.weight.clone()
    torch.manual_seed(0)
    model.pretrain(x)
    assert error(model) < 0.9 * before
    assert torch.equal(model.output.weight, untouched)


def test_fit_pretrains_first_and_only_once(tiny, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(ann.models.DeepBeliefNetwork, "pretrain", lambda self, x: calls.append(len(x)))
    for _ in range(2):
        model = ann.build_for("dbn", tiny, hidden=(4,))
        ann.fit(model, tiny, epochs=1, checkpoint=tmp_path / "checkpoint", resume=True)
    assert calls == [len(tiny.x_train)]


def test_stacked_autoencoder_begins_with_transposed_machines(tiny):
    model = ann.build_for("stacked", tiny, hidden=(6,), code=3, pretraining=1)
    model.pretrain(torch.tensor(tiny.x_train))
    first, code = (layer for layer in model.encoder if isinstance(layer, nn.Linear))
    back, last = (layer for layer in model.decoder if isinstance(layer, nn.Linear))
    assert torch.equal(back.weight, code.weight.T)
    assert torch.equal(last.weight, first.weight.T)


def test_tied_decoder_has_the_encoders_weights(tiny):
    model = ann.build_for("autoencoder", tiny, hidden=(), code=3, tied=True, linear=True)
    assert sum(parameter.numel() for parameter in model.parameters()) == 16 * 3 + 3 + 16
    ann.fit(model, tiny, epochs=2)
    weight, x = model.encoder[1].weight, torch.tensor(tiny.x_test)
    expected = model.encode(x) @ weight + model.decoder[0].bias
    torch.testing.assert_close(model(x).flatten(1), expected)


def test_linear_autoencoder_spans_the_principal_components():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    x = (rng.normal(size=(200, 8)) * [3, 2, 1.5, 0.3, 0.3, 0.2, 0.1, 0.1] @ basis).astype(np.float32)
    data = ann.Dataset("plane", x, x, x, x, x, x)
    model = ann.build("autoencoder", (8,), 0, hidden=(), code=3, linear=True)
    ann.fit(model, data, epochs=300, batch_size=50, learning_rate=0.03)
    centred = x - x.mean(axis=0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:3].T
    spanned = np.linalg.qr(model.decoder[0].weight.detach().numpy())[0]
    angles = np.arccos(np.clip(np.linalg.svd(components.T @ spanned)[1], 0, 1))
    assert angles.max() < 0.05


def test_denoising_objective_compares_with_the_clean_samples(tiny):
    model = ann.build_for("denoising", tiny, noise=0.5)
    seen = []
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.tensor(tiny.x_train)
    loss = model.objective(x, x)
    assert (seen[0] - x).std().item() == pytest.approx(0.5, rel=0.1)
    torch.testing.assert_close(loss, ((model(seen[0]) - x) ** 2).mean())


def test_variational_objective_is_the_negative_lower_bound():
    model = ann.build("variational", (3,), 0, hidden=(4,), code=2)
    x = torch.rand(5, 3)
    with torch.no_grad():
        mean, deviation = model.mean(model.encoder(x)), (model.log_variance(model.encoder(x)) / 2).exp()
        torch.manual_seed(3)
        loss = model.objective(x, x)
        torch.manual_seed(3)
        z = torch.distributions.Normal(mean, deviation)
        drawn = mean + deviation * torch.randn(5, 2)
        bits = torch.distributions.Bernoulli(logits=model.decoder(drawn), validate_args=False).log_prob(x).sum(1)
        prior = torch.distributions.Normal(torch.zeros(2), torch.ones(2))
        divergence = torch.distributions.kl_divergence(z, prior).sum(1)
    torch.testing.assert_close(loss, (divergence - bits).mean())
    assert model.sample(4).shape == (4, 3)


def test_each_adversary_sees_the_other_as_a_constant(tiny):
    x, y = torch.tensor(tiny.x_train[:8]), torch.tensor(tiny.y_train[:8])

    def gradients(loss_of):
        model = ann.build_for("conditional-gan", tiny, hidden=(6,), seed=1).eval()
        torch.manual_seed(0)
        loss_of(model).backward()
        return [
            torch.cat([p.grad.flatten() for p in part.parameters()]) if part[-1] is not None else None
            for part in (model.generator, model.discriminator)
        ]

    def made(model):
        return model.generator(model._with_class(torch.randn(8, model.latent), y))

    softplus = nn.functional.softplus
    both = gradients(lambda model: model.objective(x, y))
    generator = gradients(lambda model: softplus(-model.judge(made(model), y)).mean())[0]

    def discriminate(model):
        fake = made(model).detach()
        for parameter in model.generator.parameters():
            parameter.grad = torch.zeros_like(parameter)
        return (softplus(-model.judge(x, y)) + softplus(model.judge(fake, y))).mean()

    torch.testing.assert_close(both[0], generator)
    torch.testing.assert_close(both[1], gradients(discriminate)[1])


@pytest.mark.parametrize("name", [name for name in ann.MODELS if name not in ("dbn", "stacked")])
def test_every_model_trains(tiny, name):
    model = ann.build_for(name, tiny)
    before = torch.cat([p.detach().clone().flatten() for p in model.parameters()])
    recipe = dataclasses.replace(ann.find_recipe(name, tiny), epochs=1)
    record = ann.fit(model, tiny, **dataclasses.asdict(recipe))
    assert not torch.equal(before, torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert len(record.validation_accuracy) == (1 if ann.MODELS[name].task == "classify" else 0)


def test_models_of_sequences_learn_text():
    data = ann.load("text").subset(train=400, validation=50, test=50)
    record = ann.fit(ann.build_for("gru", data), data, epochs=3, learning_rate=1e-2)
    assert record.train_loss[-1] < record.train_loss[0] < np.log(70)


@pytest.mark.parametrize(("name", "gain"), [("xavier", 2 / (400 + 200)), ("he", 2 / 400)])
def test_initial_weights_have_their_variance(name, gain):
    model = ann.build("mlp", (400,), 10, hidden=(200,))
    ann.initialise(model, name, seed=1)
    assert model.linear1.weight.var().item() == pytest.approx(gain, rel=0.02)
    assert not model.linear1.bias.any()
    again = ann.build("mlp", (400,), 10, hidden=(200,))
    ann.initialise(again, name, seed=1)
    assert torch.equal(again.linear1.weight, model.linear1.weight)
    with pytest.raises(ann.ValidationError, match=r"name = 'zeros'"):
        ann.initialise(model, "zeros")


def test_step_is_all_or_none_and_has_no_gradient():
    x = torch.tensor([-1.0, 0.0, 0.5, 3.0], requires_grad=True)
    y = ann.ACTIVATIONS["step"]()(x)
    assert y.tolist() == [0, 0, 1, 1]
    assert not y.requires_grad


@pytest.mark.parametrize("jump", [0.0, 0.3])
def test_spiking_recurrent_network_sums_its_spikes(jump):
    model = ann.build("spiking-rnn", (3, 2), 2, hidden=4, repeats=1, jump=jump)
    forwards, leaky, output = model.body
    with torch.no_grad():
        forwards.weight *= 5
    x, neurons = torch.rand(1, 3, 2), ann.AdaptiveLeaky(jump=jump) if jump else ann.SoftResetLeaky()
    spikes, total = torch.zeros(1, 4), torch.zeros(1, 4)
    for step in range(3):
        spikes = neurons(forwards(x[:, step]) + leaky.recurrent(spikes))
        total = total + spikes
    torch.testing.assert_close(model(x), output(total))
    assert total.sum() > 0
