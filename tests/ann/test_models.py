import copy
import gc
import weakref

import pytest
import snntorch
import torch
from torch import fx, nn

import ann


def named(*tasks, samples=("any", "images", "sequences")):
    return [name for name, kind in ann.MODELS.items() if kind.task in tasks and kind.samples in samples]


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize("name", named("classify"))
def test_every_classifier_scores_every_class_of_images(name, shape):
    model = ann.build(name, shape, 7)
    assert model(torch.rand(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("shape", [(5,), (6, 3)])
@pytest.mark.parametrize("name", named("classify", samples=("any", "sequences")))
def test_classifiers_take_tables_and_sequences(name, shape):
    assert ann.build(name, shape, 3)(torch.rand(2, *shape)).shape == (2, 3)


@pytest.mark.parametrize("name", named("classify", samples=("sequences",)))
def test_models_of_sequences_take_tokens(name):
    model = ann.build(name, (6,), 3, vocabulary=9)
    assert model(torch.tensor([[0, 1, 2, 3, 8, 5]])).shape == (1, 3)
    assert "Embedding" in model.summary()
    with pytest.raises(ann.ValidationError, match=r"shape = \(2, 6\).*samples are tokens"):
        ann.build(name, (2, 6), 3, vocabulary=9)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16)])
@pytest.mark.parametrize("name", named("reconstruct"))
def test_models_that_reconstruct_give_back_the_shape(name, shape):
    model, x = ann.build(name, shape, 10), torch.rand(2, *shape)
    back = model.reconstruct(x) if name == "rbm" else model(x)
    assert back.shape == x.shape
    assert 0 <= back.min() <= back.max() <= 1
    if name != "rbm":
        torch.testing.assert_close(model.decode(model.encode(x)), back)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16)])
@pytest.mark.parametrize("name", named("generate"))
def test_generators_draw_samples(name, shape):
    model = ann.build(name, shape, 10).train()
    labels = [3, 4, 5] if model.classes else 3
    samples = model.sample(labels, seed=1)
    assert samples.shape == (3, *shape)
    assert 0 <= samples.min() <= samples.max() <= 1
    assert torch.equal(samples, model.sample(labels, seed=1))
    assert not torch.equal(samples, model.sample(labels, seed=2))
    assert model.generator.training
    with pytest.raises(ann.ValidationError, match=r"y = "):
        model.sample(3 if model.classes else [3, 4])


@pytest.mark.parametrize("name", ann.MODELS)
def test_every_model_tells_what_it_is_made_of(name):
    model = ann.build(name, (1, 8, 8), 10)
    first, *_, last = model.summary().splitlines()
    assert first == "input " + " x ".join(str(size) for size in model.input_shape)
    assert last == f"{sum(p.numel() for p in model.parameters()):,} parameters in all"


def test_summary_says_every_layer_with_shape_and_parameters():
    lines = ann.build("mlp", (1, 2, 3), 4, hidden=(5,)).summary().splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["layer", "kind", "output", "parameters"],
        ["flatten", "Flatten", "6", "0"],
        ["linear1", "Linear", "5", "35"],
        ["relu1", "ReLU", "5", "0"],
        ["output", "Linear", "4", "24"],
        ["59", "parameters", "in", "all"],
    ]


@pytest.mark.parametrize("name", ann.MODELS)
def test_build_depends_on_the_seed_and_on_nothing_else(name):
    torch.manual_seed(5)
    first = ann.build(name, (1, 8, 8), 10, seed=3).state_dict()
    after = torch.rand(1)
    torch.manual_seed(5)
    assert after == torch.rand(1), "the global random state moved"
    second, other = (ann.build(name, (1, 8, 8), 10, seed=seed).state_dict() for seed in (3, 4))
    assert all(torch.equal(first[key], second[key]) for key in first)
    # The perceptron begins at zero.
    assert any(not torch.equal(first[key], other[key]) for key in first) == (name != "perceptron")


@pytest.mark.parametrize("name", [name for name in named("classify", "reconstruct") if "spiking" not in name])
def test_artificial_models_can_be_traced(name):
    model = ann.build(name, (1, 8, 8), 10).eval()
    x = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(fx.symbolic_trace(model)(x), model(x))


def test_models_fit_data_sets(tiny):
    table = ann.from_arrays("table", torch.rand(40, 3).numpy(), torch.rand(40, 2).numpy())
    assert ann.build_for("gru", table)(torch.rand(1, 3)).shape == (1, 2)
    assert ann.build_for("cnn", tiny)(torch.rand(1, 1, 4, 4)).shape == (1, 2)
    text = ann.load("text")
    assert ann.build_for("lstm", text)(torch.tensor(text.x_test[:2])).shape == (2, 70)
    for name, data, message in (
        ("lenet", table, "images"),
        ("perceptron", table, "with classes"),
        ("mlp", text, "are tokens"),
        ("brain", tiny, "one of perceptron"),
    ):
        with pytest.raises(ann.ValidationError, match=message):
            ann.build_for(name, data)


@pytest.mark.parametrize("side", [8, 28])
def test_cnn_cuts_nothing_off_when_pooling(side):
    sides = []
    for layer in (model := ann.models.build_cnn((1, side, side), 10)):
        if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
            layer.register_forward_hook(lambda _, inputs, __: sides.extend(inputs[0].shape[2:]))
    model(torch.rand(1, 1, side, side))
    assert len(sides) == 4
    assert all(size % 2 == 0 for size in sides)


def test_cnn_has_the_pooling_and_dropout_asked_for():
    model = ann.models.build_cnn((1, 8, 8), 10, pooling=("max", "avg"), dropout=0.5)
    kinds = [type(layer) for layer in model]
    assert kinds.index(nn.MaxPool2d) < kinds.index(nn.AvgPool2d) < kinds.index(nn.Dropout)
    assert nn.Dropout not in [type(layer) for layer in ann.models.build_cnn((1, 8, 8), 10)]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("brain", {}, "name = 'brain'.*perceptron, mlp, .*spiking-rnn"),
        ("mlp", {"wings": 2}, "options = .'wings'.*options that 'mlp' has"),
        ("mlp", {"activation": "swish"}, "activation = 'swish'.*relu"),
        ("rbm", {"hidden": 0}, "hidden = 0"),
        ("rbm", {"steps": 0}, "steps = 0"),
        ("dbn", {"pretraining": -1}, "pretraining = -1"),
        ("lenet", {"pooling": "sum"}, "pooling = 'sum'"),
        ("resnet", {"blocks": 0}, "blocks = 0"),
        ("inception", {"widths": (1,)}, "widths = 1"),
        ("mobilenet", {"channels": ()}, "channels = "),
        ("cnn1d", {"channels": (0,)}, "channels = 0"),
        ("rnn", {"activation": "sigmoid"}, "activation = 'sigmoid'.*tanh, relu"),
        ("lstm", {"hidden": 0}, "hidden = 0"),
        ("gru", {"vocabulary": -1}, "vocabulary = -1"),
        ("transformer", {"width": 30}, "width = 30.*multiple of the 4 heads"),
        ("autoencoder", {"code": 0}, "code = 0"),
        ("denoising", {"noise": 0}, "noise = 0"),
        ("convolutional", {"channels": (4,) * 4}, "sides divisible by 16"),
        ("variational", {"hidden": ()}, "hidden = "),
        ("gan", {"latent": 0}, "latent = 0"),
        ("dcgan", {"channels": (4,) * 4}, "sides divisible by 16"),
        ("spiking-rnn", {"repeats": 0}, "repeats = 0"),
        ("mlp", {"hidden": (0,)}, "hidden = 0"),
        ("cnn", {"pooling": ("max", "sum")}, "pooling.*'max' or 'avg'"),
        ("cnn", {"pooling": ("max",)}, "pooling.*2 blocks"),
        ("cnn", {"channels": ()}, "channels"),
        ("cnn", {"channels": (8, -1)}, "channels = -1"),
        ("cnn", {"channels": (4,) * 4, "pooling": ("avg",) * 4}, "shape.*larger images"),
        ("cnn", {"dropout": 1.0}, "dropout = 1.0"),
        ("cnn", {"dropout": float("nan")}, "dropout = nan"),
        ("spiking-mlp", {"hidden": (8, 0)}, "hidden = 0"),
        ("spiking-mlp", {"steps": 0}, "steps = 0"),
        ("spiking-mlp", {"threshold": 0}, "threshold = 0"),
        ("spiking-cnn", {"steps": 0}, "steps = 0"),
        ("spiking-cnn", {"beta": 0.0}, "beta = 0.0"),
        ("spiking-cnn", {"beta": 1.1}, "beta = 1.1"),
        ("spiking-cnn", {"threshold": float("nan")}, "threshold = nan"),
        ("spiking-cnn", {"slope": -1}, "slope = -1"),
    ],
)
def test_bad_arguments_are_refused(name, options, message):
    with pytest.raises(ann.ValidationError, match=message):
        ann.build(name, (1, 8, 8), 10, **options)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 0), (1, 8, 8.0), 8])
def test_bad_shapes_are_refused(shape):
    with pytest.raises(ann.ValidationError, match=r"shape"):
        ann.build("cnn", shape, 10)


def run(neurons, inputs):
    return [neurons(torch.tensor([[value]])).item() for value in inputs]


def test_neuron_fires_above_threshold_and_keeps_the_rest():
    neurons = ann.SoftResetLeaky(beta=0.5)
    # v: 1 (not above), 0.5 + 0.75 = 1.25 -> 0.25, 0.125 + 1 = 1.125 -> 0.125
    assert run(neurons, [1.0, 0.75, 1.0]) == [0, 1, 1]
    assert neurons.mem.item() == 0.125


def test_neuron_works_off_a_strong_input():
    assert run(ann.SoftResetLeaky(beta=1.0), [3.5, 0.0, 0.0, 0.0]) == [1, 1, 1, 0]
    # What the class differs in from its parent, and why it is there.
    assert run(snntorch.Leaky(1.0, init_hidden=True, reset_delay=False), [3.5, 0.0, 0.0, 0.0]) == [1, 1, 0, 0]


def test_neuron_equals_snntorch_where_no_rest_is_above_threshold():
    inputs = torch.rand(50, 4, 6, generator=torch.Generator().manual_seed(0)) * 0.9
    ours, theirs = ann.SoftResetLeaky(beta=0.9), snntorch.Leaky(0.9, init_hidden=True, reset_delay=False)
    spikes = torch.stack([ours(x) for x in inputs])
    torch.testing.assert_close(spikes, torch.stack([theirs(x) for x in inputs]), rtol=0, atol=0)
    assert 0.1 < spikes.mean() < 0.9


def test_neuron_passes_the_surrogate_gradient():
    x = torch.tensor([[0.9]], requires_grad=True)
    ann.SoftResetLeaky(slope=10.0)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(1 / (1 + 10 * 0.1) ** 2, rel=1e-5)


def test_neurons_are_freed_with_their_network():
    model = ann.models.build_spiking_cnn((1, 8, 8), 10)
    neuron = weakref.ref(model.body.leaky1)
    del model
    gc.collect()
    assert neuron() is None


@pytest.mark.parametrize(("artificial", "spiking"), ann.TWINS.items())
def test_twins_have_the_same_weights_and_neurons_behind_the_last_layer(artificial, spiking):
    first, second = ann.build(artificial, (1, 8, 8), 10, seed=3), ann.build(spiking, (1, 8, 8), 10, seed=3)
    assert isinstance(second, ann.SpikingNetwork)
    theirs = dict(second.body.named_parameters())
    assert theirs.keys() == dict(first.named_parameters()).keys()
    assert all(torch.equal(weight, theirs[key]) for key, weight in first.named_parameters())
    activations = [isinstance(layer, nn.ReLU) for layer in first]
    assert [isinstance(layer, ann.SoftResetLeaky) for layer in second.body] == [*activations, True]


def test_spiking_mlp_names_its_layers_and_sets_its_neurons():
    model = ann.models.build_spiking_mlp((1, 8, 8), 10, hidden=(6,), steps=3, beta=0.5, threshold=2.0)
    assert list(dict(model.body.named_children())) == ["flatten", "linear1", "leaky1", "output", "leaky_output"]
    assert model.steps == 3
    for neurons in (model.body.leaky1, model.body.leaky_output):
        assert (neurons.beta, neurons.threshold) == (0.5, 2.0)


@pytest.mark.parametrize("name", ann.TWINS.values())
def test_spiking_network_counts_the_spikes_of_its_body(name):
    model = ann.build(name, (1, 8, 8), 10, steps=5).eval()
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for key, weight in model.body.named_parameters():
            weight *= 5 if key.endswith("weight") else 1  # drive an untrained network hard enough to fire
        model.body(x)  # a step left over by a caller must not count
        counts = model(x)
        spikes = torch.stack([model.body(x) for _ in range(5)])
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(counts, spikes.sum(0))


def test_reset_reaches_neurons_at_any_depth():
    neurons = ann.SoftResetLeaky()
    model = ann.SpikingNetwork(nn.Sequential(nn.Sequential(nn.Flatten(), neurons), ann.SoftResetLeaky()), steps=2)
    x = torch.rand(2, 1, 2, 2)
    assert torch.equal(model(x), model(x))
    assert neurons.mem.numel() == 0


@pytest.mark.parametrize("name", ann.TWINS.values())
def test_spiking_network_can_be_copied_between_training_steps(name):
    model = ann.build(name, (1, 8, 8), 10)
    loss = model(torch.rand(4, 1, 8, 8)).sum()
    x = torch.rand(2, 1, 8, 8)
    copied = copy.deepcopy(model)
    assert torch.equal(copied.eval()(x), model.eval()(x))
    loss.backward()
