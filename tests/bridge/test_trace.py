import numpy as np
import pytest
import snntorch
import torch
from modules import Forward, assert_same, image
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from bridge import ConversionError, ValidationError, trace
from bridge.nodes import AveragePool2d, BatchNorm, Conv2d, Dense, Flatten, Leaky, MaxPool2d, ReLU

IMAGE_LAYERS = {
    "conv": nn.Conv2d(4, 6, 3),
    "conv_everything": nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 2), groups=2, bias=False),
    "depthwise": nn.Conv2d(4, 8, 3, groups=4),
    "conv_same": nn.Conv2d(4, 2, (3, 5), padding="same", dilation=(2, 1)),
    "conv_valid": nn.Conv2d(4, 2, 3, padding="valid"),
    "batchnorm": nn.BatchNorm2d(4),
    "batchnorm_plain": nn.BatchNorm2d(4, affine=False, eps=0.1),
    "average": nn.AvgPool2d(2),
    "average_everything": nn.AvgPool2d((3, 2), stride=(1, 2), padding=(1, 0)),
    "average_divisor": nn.AvgPool2d(2, divisor_override=4),
    "average_excluding_no_padding": nn.AvgPool2d(3, count_include_pad=False),
    "adaptive": nn.AdaptiveAvgPool2d((3, 1)),
    "adaptive_none": nn.AdaptiveAvgPool2d((None, 1)),
    "max": nn.MaxPool2d(2),
    "max_everything": nn.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 1)),
    "flatten": nn.Flatten(),
    "relu": nn.ReLU(inplace=True),
}


@pytest.mark.parametrize("name", IMAGE_LAYERS)
def test_layer_of_images(name):
    graph = assert_same(nn.Sequential(IMAGE_LAYERS[name]), image(3, 4, 9, 8))
    assert list(graph.nodes)[1] == "0"


@pytest.mark.parametrize("layer", [nn.Linear(5, 3), nn.Linear(5, 3, bias=False), nn.BatchNorm1d(5), nn.ReLU()])
def test_a_layer_alone_is_a_network(layer):
    assert_same(layer, image(4, 5))


def test_batchnorm1d_of_sequences():
    assert_same(nn.Sequential(nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(20, 2)), image(3, 4, 5))


PARTS = {
    "conv": nn.Conv2d(2, 4, 3),
    "norm": nn.BatchNorm2d(4),
    "relu": nn.ReLU(),
    "fc": nn.Linear(36, 5),
}


def flattened(flatten):
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.fc(flatten(x))

    return Forward(forward, **PARTS)


@pytest.mark.parametrize(
    "flatten",
    [
        lambda x: torch.flatten(x, 1),
        lambda x: torch.flatten(x, start_dim=1, end_dim=3),
        lambda x: x.flatten(1),
        lambda x: x.flatten(start_dim=-3),
        lambda x: x.view(x.size(0), -1),
        lambda x: x.view(x.shape[0], -1),
        lambda x: x.view(-1, 36),
        lambda x: x.reshape(x.size()[0], x.size(1) * x.size(2) * x.shape[-1]),
        lambda x: torch.reshape(x, (x.shape[0], -1)),
        lambda x: x.contiguous().view(x.size(dim=0), 36),
    ],
)
def test_every_way_to_flatten(flatten):
    graph = assert_same(flattened(flatten), image(3, 2, 8, 8))
    assert [type(node) for node in graph.nodes.values()][1:] == [Conv2d, BatchNorm, ReLU, MaxPool2d, Flatten, Dense]


@pytest.mark.parametrize("relu", [F.relu, torch.relu, lambda x: x.relu(), F.relu_, lambda x: F.relu(x, inplace=True)])
def test_every_way_to_rectify(relu):
    graph = assert_same(Forward(lambda self, x: relu(self.fc(x)), fc=nn.Linear(4, 6)), image(8, 4))
    assert isinstance(graph.nodes[graph.output], ReLU)


@pytest.mark.parametrize(
    ("pool", "kind"),
    [
        (lambda x: F.avg_pool2d(x, 2), AveragePool2d),
        (lambda x: F.avg_pool2d(x, kernel_size=(3, 2), stride=1, padding=(1, 0)), AveragePool2d),
        (lambda x: F.adaptive_avg_pool2d(x, 1), AveragePool2d),
        (lambda x: F.adaptive_avg_pool2d(x, (4, 2)), AveragePool2d),
        (lambda x: F.max_pool2d(x, 3, 2, 1), MaxPool2d),
        (lambda x: torch.max_pool2d(x, 2), MaxPool2d),
    ],
)
def test_functional_pools(pool, kind):
    graph = assert_same(Forward(lambda self, x: pool(x)), image(3, 2, 8, 8))
    assert isinstance(graph.nodes[graph.output], kind)


def test_functional_layers_with_weights_of_the_module():
    def forward(self, x):
        x = F.conv2d(x, self.kernel, padding=1)
        x = F.batch_norm(x, self.mean, self.variance)
        return F.linear(x.flatten(1), self.weight * 2, self.bias)

    weights = {
        "kernel": nn.Parameter(image(3, 2, 3, 3)),
        "mean": nn.Parameter(image(3)),
        "variance": nn.Parameter(image(3).abs() + 0.1),
        "weight": nn.Parameter(image(4, 48)),
        "bias": nn.Parameter(image(4)),
    }
    assert_same(Forward(forward, **weights), image(3, 2, 4, 4))


def test_dropout_and_identity_leave_no_node():
    def forward(self, x):
        return self.same(F.dropout(self.drop(self.fc(x)), 0.5, training=self.training))

    module = Forward(forward, fc=nn.Linear(4, 2), drop=nn.Dropout(), same=nn.Identity())
    assert list(assert_same(module, image(3, 4)).nodes) == ["x", "fc"]


def test_shared_layers_get_names_of_their_own():
    def forward(self, x):
        return self.relu(self.fc(self.relu(self.fc(x))))

    graph = assert_same(Forward(forward, fc=nn.Linear(4, 4), relu=nn.ReLU()), image(3, 4))
    assert list(graph.nodes) == ["x", "fc", "relu", "fc_1", "relu_1"]


def test_a_parametrised_weight_is_the_one_computed():
    assert_same(nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))), image(3, 4))


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize(
    "made",
    [
        lambda layer: nn.utils.weight_norm(layer),
        lambda layer: nn.utils.spectral_norm(layer).eval(),
        lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
        lambda layer: prune.random_unstructured(prune.l1_unstructured(layer, "weight", 0.25), "bias", 0.5),
    ],
)
def test_a_weight_that_a_hook_of_pytorch_makes_is_the_one_computed(made):
    module = nn.Sequential(made(nn.Linear(4, 3)))
    expected = module(image(3, 4)).detach()  # as in a training, whose graph hangs on the weight
    hooks = list(module[0]._forward_pre_hooks)
    np.testing.assert_allclose(trace(module, image(3, 4)).run(image(3, 4).numpy()), expected, rtol=1e-5)
    assert list(module[0]._forward_pre_hooks) == hooks


def test_a_compiled_module_is_the_one_that_was_compiled():
    inner = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    module = nn.Sequential(torch.compile(inner), nn.Linear(6, 2))
    plain = nn.Sequential(inner, module[1])
    x = image(3, 4)
    expected = trace(plain, x).run(x.numpy())
    for compiled in (module, torch.compile(plain)):
        graph = trace(compiled, x)
        assert list(graph.nodes) == ["input", "0.0", "0.1", "1"]
        np.testing.assert_array_equal(graph.run(x.numpy()), expected)
    assert module[0]._orig_mod is inner


@pytest.mark.parametrize(
    "cast",
    [
        lambda x: x.float(),
        lambda x: x.half(),
        lambda x: x.to(torch.float32),
        lambda x: x.to(dtype=torch.bfloat16),
        lambda x: x.type(torch.FloatTensor),
        lambda x: x.type(torch.float32),
    ],
)
def test_types_of_floats_are_nothing(cast):
    def forward(self, x):
        y = self.fc(cast(x) + torch.ones(4, dtype=torch.float32))
        return F.linear(cast(y.softmax(1, dtype=torch.float32)), self.fc.weight.float().T)

    assert_same_but_for_types(Forward(forward, fc=nn.Linear(4, 3)), image(3, 4))


def assert_same_but_for_types(module, sample):
    graph = trace(module, sample)
    with torch.no_grad():
        weight, bias, x = module.fc.weight.double(), module.fc.bias.double(), sample.double()
        expected = F.linear(F.linear(x + 1.0, weight, bias).softmax(1), weight.T).numpy()
    np.testing.assert_allclose(graph.run(sample.numpy()), expected, rtol=1e-12)
    assert module.fc.weight.dtype == torch.float32


def test_what_the_output_does_not_need_is_left_out():
    def forward(self, x):
        torch.sigmoid(x)
        return self.fc(x)

    assert list(assert_same(Forward(forward, fc=nn.Linear(4, 2)), image(3, 4)).nodes) == ["x", "fc"]


def test_leaves_the_module_as_it_was():
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.ReLU(), nn.Linear(8, 2)).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    instances = len(snntorch.SpikingNeuron.instances)
    trace(module, image(3, 4))
    assert module.training
    assert all(part.training for part in module.modules())
    assert len(snntorch.SpikingNeuron.instances) == instances
    for name, tensor in module.state_dict().items():
        assert tensor.dtype == before[name].dtype
        assert torch.equal(tensor, before[name])


def test_tensors_of_a_module_that_are_no_buffers_are_of_the_type_of_its_weights():
    module = Forward(lambda s, x: s.linear(x) @ s.plain, linear=nn.Linear(4, 4), plain=image(4, 2))
    graph = trace(module, image(3, 4))
    x = image(3, 4, seed=1)
    with torch.no_grad():
        np.testing.assert_allclose(graph.run(x.numpy()), module(x).numpy(), rtol=0, atol=1e-6)
    assert module.plain.dtype == torch.float32


def test_accepts_arrays_and_integers():
    graph = trace(nn.Linear(3, 2), np.ones((2, 3), dtype=np.uint8))
    assert graph.run(np.ones((2, 3))).shape == (2, 2)


# Spiking neurons


def spiking(**options):
    return nn.Sequential(nn.Linear(4, 3), snntorch.Leaky(**({"beta": 0.9, "init_hidden": True} | options)))


def test_spiking_neuron():
    options = {"beta": torch.tensor([0.5, 0.7, 1.5]), "threshold": 2, "reset_mechanism": "zero", "reset_delay": False}
    graph = trace(spiking(**options), image(5, 4))
    neuron = graph.nodes["1"]
    assert isinstance(neuron, Leaky)
    np.testing.assert_allclose(neuron.beta, [0.5, 0.7, 1.0], rtol=1e-6)
    assert (neuron.threshold, neuron.reset, neuron.reset_delay) == (2.0, "zero", False)
    with pytest.raises(ConversionError, match="1: is a spiking neuron"):
        graph.evaluate(np.ones((2, 4)))


def test_spiking_neuron_after_a_run():
    module = spiking(learn_beta=True)
    module(image(5, 4))
    assert not module[1].mem.is_leaf
    graph = trace(module, image(5, 4))
    assert graph.nodes["1"].beta == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"init_hidden": False}, "init_hidden"),
        ({"output": True}, "output=True"),
        ({"state_quant": lambda x: x}, "state_quant"),
        ({"graded_spikes_factor": 2.0}, "graded_spikes_factor"),
        ({"reset_mechanism": "none"}, "reset_mechanism"),
        ({"spike_grad": torch.sigmoid}, "spike_grad"),
    ],
)
def test_refuses_spiking_options(options, says):
    with pytest.raises(ConversionError, match=rf"1 \(Leaky\).*{says}"):
        trace(spiking(**options), image(5, 4))


@pytest.mark.filterwarnings("ignore:Inhibition")
def test_refuses_inhibition():
    with pytest.raises(ConversionError, match=r"1 \(Leaky\).*inhibition"):
        trace(spiking(inhibition=True), image(5, 4))


def test_refuses_other_spiking_neurons():
    with pytest.raises(ConversionError, match=r"1 \(Synaptic\)"):
        trace(nn.Sequential(nn.Linear(4, 3), snntorch.Synaptic(0.9, 0.8, init_hidden=True)), image(5, 4))


def test_refuses_a_spiking_neuron_that_runs_twice():
    def forward(self, x):
        for _ in range(2):
            x = self.neuron(x)
        return x

    with pytest.raises(ConversionError, match="more than once"):
        trace(Forward(forward, neuron=snntorch.Leaky(0.9, init_hidden=True)), image(5, 4))


def test_a_beta_that_does_not_fit_is_refused_by_name():
    with pytest.raises(ValidationError, match=r"1 \(Leaky\): beta of shape \(2,\)"):
        trace(spiking(beta=torch.tensor([0.5, 0.6])), image(5, 4))


# Refusals


class Odd(nn.Module):
    def forward(self, x):
        return torch.frac(x)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (Odd(), r"frac.*no counterpart.*docs/conversion.md"),
        (nn.LSTM(8, 3), r"LSTM.*shape \(time, batch, features\)"),
        (nn.BatchNorm2d(2, track_running_stats=False), "statistics of each batch"),
        (nn.BatchNorm1d(2), r"BatchNorm1d\): fails on the sample"),
        (nn.AvgPool2d(3, ceil_mode=True, divisor_override=2), "divisor_override and windows that reach beyond"),
        (nn.MaxPool2d(2, return_indices=True), "indices"),
        (nn.AdaptiveMaxPool2d(2, return_indices=True), "indices"),
        (nn.Softmax(0), "axis of the samples"),
        (nn.LPPool2d(3, 2), "norm of order 3"),
        (nn.FractionalMaxPool2d(2, 3), "FractionalMaxPool2d.*draws random numbers"),
    ],
)
def test_refuses_layers_by_name(layer, says):
    with pytest.raises(ConversionError, match=rf"part.*{says}") as caught:
        trace(Forward(lambda self, x: self.part(x), part=layer), image(3, 2, 8, 8))
    assert caught.value.remedy
    assert str(caught.value) == f"{caught.value.node}: {caught.value.reason}. {caught.value.remedy}"


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda self, x: torch.fft.fft(x), "fft_fft.*no counterpart"),
        (lambda self, x: torch.erfc(x), "erfc"),
        (lambda self, x: x + torch.randn_like(x), "draws random numbers"),
        (lambda self, x: x.sort(-1)[0], "puts values of the network in order"),
        (lambda self, x: x.clone().index_fill(1, torch.tensor([0]), 0.0), "writes into a tensor"),
        (lambda self, x: torch.where(x > 0, x, 0.1 * x), "compares values"),
        (lambda self, x: torch.where(x.relu(), x, 0.0), "chooses by values"),
        (lambda self, x: x.masked_fill(x == 0, 1.0), "compares values"),
        (lambda self, x: x + torch.inf, "adds infinity"),
        (lambda self, x: F.one_hot(x[:, 0, 0].long()), "rounds values"),
        (lambda self, x: x.take_along_dim(torch.zeros(1, 1, 1, 1, dtype=torch.long)), "Give it dim"),
        (lambda self, x: x + torch.randn(x.shape), "differ from sample to sample"),
        (lambda self, x: x if x.max() > 0 else -x, "axis of the samples"),
        (lambda self, x: x if x[:, 0].amax((1, 2), keepdim=True) > 0 else -x, "compares values"),
        (lambda self, x: x * float(x.mean((1, 2, 3))[:1]), "axis of the samples"),
        (lambda self, x: x * x.mean((1, 2, 3)).numpy()[0], "out of PyTorch"),
        (lambda self, x: x if x.shape[0] > 2 else -x, "number of samples"),
        (lambda self, x: x / x.shape[0], "number of samples"),
        (lambda self, x: x / float(x.shape[0]), "number of samples"),
        (lambda self, x: x.view(len(x), -1), "number of samples"),
        (lambda self, x: x[1:], "axis of the samples"),
        (lambda self, x: F.dropout(x), "drops at inference"),
        (lambda self, x: x.view(-1, 64), "has not its number of samples"),
        (lambda self, x: x.view(2, x.size(0), 64), "reshapes"),
        (lambda self, x: x.view(x.size(0) * 2, -1), "has not its number of samples"),
        (lambda self, x: x.view(x.size(0) + 1, -1), "number of samples"),
        (lambda self, x: torch.flatten(x), "has not its number of samples"),
        (lambda self, x: x + x.transpose(0, 1), "mixes the samples"),
        (lambda self, x: F.linear(x.flatten(1), x.flatten(1)), "computed from the input"),
        (lambda self, x: F.batch_norm(x, None, None), "statistics of each batch"),
        (lambda self, x: F.batch_norm(x, torch.zeros(2), torch.ones(2), training=True), "statistics of each batch"),
        (lambda self, x: x.transpose(0, 1), "has not its number of samples"),
        (lambda self, x: x.max(dim=1)[1], "positions of maxima"),
        (lambda self, x: x + x.max(dim=1, keepdim=True)[1], "positions of maxima"),
        (lambda self, x: x[:, x[0, 0, 0].long()], "axis of the samples"),
        (lambda self, x: (x, x), "not one computed tensor"),
        (lambda self, x: 3, "not one computed tensor"),
        (lambda self, x: torch.ones(3, 2), "does not depend on the input"),
        (lambda self, x: x.flatten(out_dim="flat"), "unexpected keyword"),
        (lambda self, x: torch.relu(x, out=x), "unexpected keyword|not known here"),
    ],
)
def test_refuses_functions_by_name(function, says):
    with pytest.raises(ConversionError, match=says):
        trace(Forward(function), image(3, 2, 8, 8))


def test_refuses_a_second_input():
    class Two(nn.Module):
        def forward(self, x, y):
            return F.linear(x, y)

    with pytest.raises(ConversionError, match="second input"):
        trace(Two(), image(3, 4))


def test_an_input_with_a_default_keeps_it():
    class Default(nn.Module):
        def forward(self, x, size=2):
            return F.avg_pool2d(x, size)

    assert_same(Default(), image(2, 1, 4, 4))


def test_refuses_hooks():
    module = nn.Sequential(nn.Linear(4, 2))
    module[0].register_forward_hook(lambda *_: None)
    with pytest.raises(ConversionError, match=r"0 \(Linear\): has a forward hook"):
        trace(module, image(3, 4))


def test_refuses_torchscript_and_weights_that_are_not_there():
    with pytest.raises(ConversionError, match=r"0 \(RecursiveScriptModule\): is TorchScript"):
        trace(nn.Sequential(torch.jit.script(nn.Linear(4, 2))), image(3, 4))
    with pytest.raises(ConversionError, match=r"0 \(LazyLinear\): has no weights yet"):
        trace(nn.Sequential(nn.LazyLinear(2)), image(3, 4))


def test_an_in_place_change_is_found_by_comparing():
    def forward(self, x):
        y = self.fc(x)
        F.relu_(y)
        return self.head(y)

    module = Forward(forward, fc=nn.Linear(4, 6), head=nn.Linear(6, 2))
    with pytest.raises(ConversionError, match=r"^head: differs from the module"):
        trace(module, image(20, 4))


def test_a_hidden_computation_is_found_by_comparing():
    class Hidden(nn.Linear):
        def __call__(self, x):
            return super().__call__(x) if type(x) is not torch.Tensor else super().__call__(x) + 1.0

    module = nn.Sequential(nn.Linear(4, 4), Hidden(4, 2), nn.ReLU())
    with pytest.raises(ConversionError, match="differs from the module"):
        trace(module, image(20, 4))


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        (torch.ones(3, 5), r"fc \(Linear\).*needs an input of shape \(4,\), got \(5,\)"),
        (torch.full((3, 4), torch.nan), "finite"),
        (torch.ones(0, 4), "not empty"),
        (torch.ones(4), "of shape"),
        (torch.ones(3, 4, dtype=torch.complex64), "real"),
        ([[1.0] * 4], "tensor or an array"),
    ],
)
def test_refuses_bad_samples(sample, says):
    with pytest.raises(ValidationError, match=says):
        trace(Forward(lambda self, x: self.fc(x), fc=nn.Linear(4, 2)), sample)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_refuses_weights_that_are_not_finite(value):
    module = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2))
    module[1].bias.data[0] = value
    with pytest.raises(ValidationError, match=r"1 \(Linear\): bias must be finite"):
        trace(module, image(3, 4))


def test_refuses_what_is_no_module():
    with pytest.raises(ValidationError, match="module"):
        trace(lambda x: x, image(3, 4))


def test_all_that_is_refused_is_told_at_once():
    def forward(self, x):
        x = torch.digamma(self.first(x)) + torch.frac(x)
        return torch.relu(self.conv(x)).fmod(2.0)

    module = Forward(forward, first=nn.LPPool2d(1, 1), conv=nn.Conv2d(2, 3, 3))
    with pytest.raises(ConversionError) as caught:
        trace(module, image(3, 2, 8, 8))
    nodes = [one.node for one in caught.value.refused]
    assert nodes == ["first (LPPool2d)", "digamma (digamma)", "frac (frac)", "fmod (fmod)"]
    assert all(one.reason and one.remedy for one in caught.value.refused)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == nodes


def test_a_refusal_is_not_hidden_by_what_it_makes_impossible():
    def forward(self, x):
        x = torch.frac(x)
        return x if x.mean() > 0 else -x

    with pytest.raises(ConversionError) as caught:
        trace(Forward(forward), image(3, 4))
    assert [one.node for one in caught.value.refused] == ["frac (frac)", "mean (mean)"]
