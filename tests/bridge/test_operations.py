import numpy as np
import pytest
import torch
from modules import Forward, assert_same, image
from torch import nn
from torch.nn import functional as F

from bridge import ConversionError, ValidationError, trace
from bridge.nodes import Embedding

X = image(3, 4, 6, 8)  # images
S = image(3, 5, 8, seed=1)  # sequences, the samples in front
PARTS = {
    "weight": nn.Parameter(image(8, 8, seed=2)),
    "row": nn.Parameter(image(8, seed=3)),
    "many": nn.Parameter(image(4, 8, 8, seed=4)),
}

CAUSAL = torch.ones(6, 8, dtype=torch.bool).triu(1)

FUNCTIONS = {
    # Shapes
    "reshape_inner": lambda s, x: x.reshape(x.shape[0], 4, -1, 2),
    "unflatten": lambda s, x: x.unflatten(1, (2, -1)),
    "flatten_some": lambda s, x: x.flatten(2),
    "permute": lambda s, x: x.permute(0, 2, 3, 1),
    "through_the_batch": lambda s, x: x.transpose(0, 1).relu().permute(1, 0, 3, 2),
    "movedim": lambda s, x: x.movedim(1, -1),
    "windows": lambda s, x: (
        x.view(x.size(0), 4, 3, 2, 8)
        .transpose(1, 2)
        .reshape(x.size(0) * 3, 4, 2, 8)
        .softmax(-1)
        .permute(1, 0, 3, 2)
        .permute(1, 0, 2, 3)
        .reshape(-1, 3, 64)
    ),
    "squeeze": lambda s, x: x[:, :1].squeeze(1) + x[:, 1:2].squeeze() + x.mean(1, keepdim=True).squeeze((1, -1)),
    "unsqueeze": lambda s, x: x.unsqueeze(2).unsqueeze(-1).squeeze(-1),
    "expand": lambda s, x: x[:, :, :1].expand(-1, -1, 5, -1) + x[:, :, :1].expand(x.shape[0], 4, 1, 8),
    "repeat": lambda s, x: x.repeat(1, 2, 1, 3),
    "repeat_interleave": lambda s, x: x.repeat_interleave(2, dim=2),
    "mT": lambda s, x: x.mT,
    # Parts
    "slices": lambda s, x: x[:, 1:3, ..., ::2],
    "numbers": lambda s, x: x[:, 1, :, -1],
    "new_axes": lambda s, x: x[:, None, :, 2:, None],
    "lists": lambda s, x: x[:, [2, 0, 0]],
    "masks": lambda s, x: x[..., torch.arange(8) > 4],
    "index_select": lambda s, x: x.index_select(2, torch.tensor([5, 1])),
    "narrow": lambda s, x: x.narrow(3, 2, 4),
    "split": lambda s, x: torch.cat([part * (i + 1) for i, part in enumerate(x.split([1, 3], 1))], 1),
    "chunk": lambda s, x: x.chunk(3, 3)[-1],
    "unbind": lambda s, x: x.unbind(1)[2],
    # Joining
    "cat": lambda s, x: torch.cat([x, x.relu(), x[..., :3]], dim=-1),
    "cat_constants": lambda s, x: torch.cat(
        [torch.ones(1, 1, 1, 8).expand(x.size(0), 4, 1, 8), x, s.row.expand(x.size(0), 4, 2, 8)], 2
    ),
    "stack": lambda s, x: torch.stack([x, -x], dim=2),
    # Borders
    "pad": lambda s, x: F.pad(x, (1, 2, -1, 1)),
    "pad_value": lambda s, x: F.pad(x, (1, -2), value=2.5),
    "pad_reflect": lambda s, x: F.pad(x, (2, 1, 1, 0), mode="reflect"),
    "pad_replicate": lambda s, x: F.pad(x, (2, 1, 1, 0), mode="replicate"),
    "pad_circular": lambda s, x: F.pad(x, (2, 1, 1, 0), mode="circular"),
    "roll": lambda s, x: torch.roll(x, (1, -2), (2, 3)),
    "flip": lambda s, x: x.flip(1, 3),
    "pixel_shuffle": lambda s, x: F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2) + F.channel_shuffle(x, 2),
    "fold": lambda s, x: F.fold(F.unfold(x, (3, 2), padding=1, stride=2), (6, 8), (3, 2), padding=1, stride=2),
    "sliding": lambda s, x: x.unfold(2, 3, 2),
    "gather": lambda s, x: x.gather(2, torch.tensor([5, 1]).view(1, 1, 2, 1).expand(x.shape[0], 3, 2, 8)),
    "take_along_dim": lambda s, x: x.take_along_dim(torch.tensor([[[[1, 0, 3]]]]), -1),
    "triangles": lambda s, x: x.tril(1) - x.triu(),
    "diagonal": lambda s, x: x.diagonal(1, 2, 3),
    "rot90": lambda s, x: torch.rot90(x, 3, (2, 3)),
    "tensor_split": lambda s, x: torch.cat([*x.tensor_split(3, 3), *torch.tensor_split(x, (2, 5), 3)[1:]], 3),
    "hstack": lambda s, x: torch.hstack([torch.dstack([x, x]), *torch.hsplit(x.repeat(1, 1, 2, 1), 2)]),
    "broadcast_to": lambda s, x: x.amax(2, True).broadcast_to(x.shape),
    "unfold": lambda s, x: F.unfold(x, (3, 2), padding=1, stride=2),
    # Arithmetic
    "add": lambda s, x: 1 + x + s.row + x.mean(1, keepdim=True) - 2 * x[:, :1],
    "subtract": lambda s, x: 3.0 - torch.sub(x, x.relu(), alpha=2),
    "multiply": lambda s, x: x * x.mean((2, 3), keepdim=True) * 0.5 * s.row,
    "divide": lambda s, x: 2.0 / (x.abs() + 1) + x / s.row + x / 3 + x / (x.exp() + 1),
    "in_place": lambda s, x: x.mul(2).add_(1).mul_(0.5),
    "augmented": lambda s, x: augmented(x),
    "matmul": lambda s, x: x @ x.transpose(-2, -1) @ x,
    "matmul_constants": lambda s, x: s.weight[:3, :6] @ x @ s.weight,
    "linear_on_images": lambda s, x: F.linear(x, s.weight, s.row),
    "einsum": lambda s, x: torch.einsum("bchw,bcxw->bhcx", x, x.relu()),
    "einsum_many": lambda s, x: torch.einsum("bchw,bcvw,wd->bhd", x, x.relu(), s.weight),
    "einsum_dots": lambda s, x: torch.einsum("...hw,...vw", x, x.relu()) + torch.einsum("...w->...", x)[..., None],
    "tensordot": lambda s, x: torch.tensordot(x, s.weight, 1) + torch.tensordot(x, s.weight, ([3], [1])),
    "vectors": lambda s, x: (x @ s.row)[..., 0] + s.row[:6] @ x @ s.row,
    "many_matrices": lambda s, x: x @ s.many @ s.many[0] + s.many[:, :6, :6] @ x,
    "bilinear": lambda s, x: F.bilinear(x, x.relu(), s.many[:3], s.row[:3]),
    "added_products": lambda s, x: torch.addcdiv(
        torch.baddbmm(x[:, 0], x[:, 1], s.weight.expand(x.shape[0], 8, 8)), x[:, 2], 2 + x[:, 3].exp()
    ),
    "einsum_constant": lambda s, x: torch.einsum("bchw,wd->bdch", x, s.weight),
    "bmm": lambda s, x: torch.bmm(x[:, 0], x[:, 1].mT),
    "maximum": lambda s, x: torch.maximum(x, x.flip(1)) - torch.minimum(x, s.row * 0.1),
    "powers": lambda s, x: x**2 + 2**x + x.abs().sqrt() + (1 + x.square()).rsqrt(),
    "gate": lambda s, x: F.glu(x, 1),
    # Reductions
    "mean": lambda s, x: x.mean((1, -1)),
    "sum": lambda s, x: x.sum(1) + x.mean(1, keepdim=True).squeeze(1),
    "max": lambda s, x: x.max(2)[0] + x.amax(2) - x.amin(2),
    "variance": lambda s, x: x.var(-1) + x.std(-1, unbiased=False),
    "both_moments": lambda s, x: (
        torch.std_mean(x, -1)[0] + torch.var_mean(x, (1, 2), correction=0)[1][:, None, None].sum(-1)
    ),
    "least": lambda s, x: x.min(2)[0] + torch.max(x, x.flip(2)).amin(2) + torch.min(x, -x).mean(2),
    "logsumexp": lambda s, x: x.logsumexp(1) + torch.logsumexp(x, (1, 2), True)[:, 0],
    "product": lambda s, x: x.prod(1) + x.prod(2, keepdim=True).sum(1),
    "cumsum": lambda s, x: x.cumsum(2),
    "distances": lambda s, x: (
        F.cosine_similarity(x, x.exp(), -1) + F.pairwise_distance(x, x.relu()) + torch.cdist(x, x).mean(-1)
    ),
    "a_number_a_sample": lambda s, x: x.flatten(1).norm(dim=1),
    "normalize": lambda s, x: F.normalize(x, dim=1) + x.norm(dim=1, keepdim=True),
    "pooled_axes": lambda s, x: F.avg_pool2d(x, (1, 8)) + F.max_pool2d(x, (1, 8)),
    # Activations
    "clamps": lambda s, x: x.clamp(-1, 0.5) + x.clamp(min=0) + F.relu6(x) + F.hardtanh(x),
    "hard": lambda s, x: F.hardswish(x) + F.hardsigmoid(x) + F.leaky_relu(x, 0.2) + F.rrelu(x),
    "smooth": lambda s, x: F.gelu(x) + F.gelu(x, approximate="tanh") + F.silu(x) + F.mish(x) + F.softplus(x, 2),
    "exponential": lambda s, x: F.elu(x, 0.5) + F.celu(x, 2.0) + F.selu(x) + x.sigmoid() + x.tanh() + F.logsigmoid(x),
    "rare": lambda s, x: F.softsign(x) + F.tanhshrink(x) + (1 + x.abs()).log() + (2 + x.relu()).reciprocal(),
    "bounds": lambda s, x: x.clamp(max=s.row) + torch.clamp(x, x.mean(1, True), x.amax(1, True)),
    "steps": lambda s, x: x.sign() + x.floor() + (3 * x).round() + x.ceil() + x.trunc() + F.threshold(x, 0.1, -0.2),
    "shrinking": lambda s, x: F.hardshrink(x, 0.3) + F.softshrink(x, 0.2),
    "curves": lambda s, x: x.sin() + x.cos() + x.atan() + x.erf() + x.asinh() + x.sinh() + x.cosh() + x.expm1(),
    "logarithms": lambda s, x: (x.abs() + 1).log2() + (x.abs() + 1).log10() + x.abs().log1p() + x.exp2(),
    "both": lambda s, x: torch.logaddexp(x, 30 * x.relu()) + torch.hypot(x, x.flip(1)),
    "softmax": lambda s, x: x.softmax(1) + F.log_softmax(x, dim=-1) + F.softmin(x, 2),
    # Shapes that Python looks at
    "branch_on_shape": lambda s, x: x.relu() if x.shape[1] == 4 and x.dim() == 4 else x,
    "made_of_shapes": lambda s, x: x + torch.ones(x.shape[1:]) + torch.zeros_like(x) + x.new_ones(1),
    "kinds_of_numbers": lambda s, x: x.to(torch.float64).double().clone().detach().contiguous(),
    # Masks
    "masked_fill": lambda s, x: x.masked_fill(CAUSAL, -torch.inf).softmax(-1),
    "masked_fill_number": lambda s, x: (
        x.masked_fill(CAUSAL, 2.0) + x.masked_fill(CAUSAL, torch.finfo(x.dtype).min).softmax(-1)
    ),
    "mask_added": lambda s, x: (x * 2 + torch.zeros(6, 8).masked_fill(CAUSAL, -torch.inf)).amax(-1),
    "mask_of_samples": lambda s, x: x.masked_fill(CAUSAL.expand(x.shape[0], 4, 6, 8), -1e9).softmax(2),
    "where": lambda s, x: torch.where(CAUSAL, 0.5, x) + torch.where(CAUSAL, x, x.relu()) + x.where(CAUSAL, s.row),
    "where_infinite": lambda s, x: torch.where(CAUSAL, torch.tensor(-torch.inf), x).log_softmax(-1).exp(),
    "where_mixed": lambda s, x: torch.where(CAUSAL, torch.tensor([-torch.inf, 1.0]).repeat(4), x).softmax(-1),
}


def augmented(x):
    y = x * 2
    y += x
    y -= 1
    y *= x
    y /= 3
    return -y


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    assert_same(Forward(FUNCTIONS[name], **PARTS), X)


MODULES = {
    "conv_circular": nn.Conv2d(4, 2, 3, padding=1, padding_mode="circular"),
    "conv_reflect": nn.Conv2d(4, 2, 3, padding=2, padding_mode="reflect"),
    "conv_same_even": nn.Conv2d(4, 2, (2, 4), padding="same"),
    "transposed": nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2),
    "average_ceil": nn.AvgPool2d(3, 2, ceil_mode=True),
    "average_ceil_padded": nn.AvgPool2d(3, 2, padding=1, ceil_mode=True),
    "average_excluding": nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, count_include_pad=False),
    "average_divisor": nn.AvgPool2d(2, divisor_override=3),
    "max_ceil": nn.MaxPool2d((3, 3), 2, ceil_mode=True),
    "max_ceil_padded": nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
    "adaptive_uneven": nn.AdaptiveAvgPool2d((4, 3)),
    "max_dilated": nn.MaxPool2d((2, 3), (1, 2), padding=(1, 1), dilation=(3, 2)),
    "max_dilated_ceil": nn.MaxPool2d(3, 2, padding=1, dilation=2, ceil_mode=True),
    "length": nn.LPPool2d(2, (2, 3), ceil_mode=True),
    "local_response": nn.LocalResponseNorm(3, 0.1),
    "local_response_even": nn.LocalResponseNorm(4, 0.1, 0.5, 2.0),
    "adaptive_max": nn.AdaptiveMaxPool2d((3, 4)),
    "adaptive_max_uneven": nn.AdaptiveMaxPool2d((4, 3)),
    "nearest": nn.Upsample(scale_factor=(2, 1.5)),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "bilinear_corners": nn.Upsample((9, 5), mode="bilinear", align_corners=True),
    "bicubic": nn.Upsample((9, 5), mode="bicubic"),
    "layer_norm": nn.LayerNorm((6, 8)),
    "group_norm": nn.GroupNorm(2, 4),
    "instance_norm": nn.InstanceNorm2d(4, affine=True),
    "instance_norm_tracked": nn.InstanceNorm2d(4, track_running_stats=True),
    "rms_norm": nn.RMSNorm(8),
    "prelu": nn.PReLU(4, 0.1),
    "softmax2d": nn.Softmax2d(),
    "dropout": nn.Dropout2d(),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    assert_same(nn.Sequential(MODULES[name], nn.Identity()), X)


VOLUME_MODULES = {
    "conv3d": nn.Sequential(nn.Conv3d(4, 6, (2, 3, 1), (1, 2, 1), (1, 0, 1), (2, 1, 1), 2), nn.BatchNorm3d(6)),
    "transposed3d": nn.ConvTranspose3d(4, 4, 2, (1, 2, 2), output_padding=(0, 1, 0), groups=4),
    "pools": nn.Sequential(nn.MaxPool3d(2, 1, 1, dilation=2), nn.AvgPool3d((1, 2, 2), ceil_mode=True)),
    "adaptive": nn.Sequential(nn.AdaptiveMaxPool3d((2, 3, 3)), nn.AdaptiveAvgPool3d((1, 2, 2))),
    "upsampled": nn.Sequential(nn.Upsample(scale_factor=2), nn.Upsample((3, 5, 4), mode="trilinear")),
    "normalised": nn.Sequential(nn.InstanceNorm3d(4), nn.GroupNorm(2, 4), nn.Dropout3d()),
}


@pytest.mark.parametrize("name", VOLUME_MODULES)
def test_modules_of_volumes(name):
    torch.manual_seed(0)
    assert_same(nn.Sequential(VOLUME_MODULES[name], nn.Identity()), image(3, 4, 3, 5, 4))


SEQUENCE_MODULES = {
    "conv1d": nn.Conv1d(5, 4, 3, padding="same"),
    "transposed1d": nn.ConvTranspose1d(5, 4, 3, stride=2),
    "batchnorm": nn.BatchNorm1d(5),
    "pools": nn.Sequential(nn.AvgPool1d(2), nn.MaxPool1d(2, ceil_mode=True), nn.AdaptiveMaxPool1d(1)),
    "adaptive": nn.AdaptiveAvgPool1d(3),
    "linear_interpolation": nn.Upsample(5, mode="linear"),
    "encoder": nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, activation="gelu"), 2, enable_nested_tensor=False
    ),
    "encoder_norm_first": nn.TransformerEncoderLayer(8, 4, 12, batch_first=True, norm_first=True),
}


@pytest.mark.parametrize("name", SEQUENCE_MODULES)
def test_modules_of_sequences(name):
    torch.manual_seed(0)
    assert_same(nn.Sequential(SEQUENCE_MODULES[name], nn.Identity()), S)


LATER, PADDING = torch.ones(5, 5, dtype=torch.bool).triu(1), torch.arange(5) > 3


def attention(**options):
    torch.manual_seed(0)
    return nn.MultiheadAttention(8, 2, batch_first=True, **options)


@pytest.mark.parametrize(
    "forward",
    [
        lambda s, x: s.attention(x, x, x)[0],
        lambda s, x: s.attention(x, x[:, :3], x[:, :3], need_weights=False)[0],
        lambda s, x: s.attention(x, x, x)[1],
        lambda s, x: s.attention(x, x, x, average_attn_weights=False)[1],
        lambda s, x: s.attention(x, x, x, attn_mask=torch.ones(5, 5, dtype=torch.bool).triu(1))[0],
        lambda s, x: s.attention(x, x, x, attn_mask=nn.Transformer.generate_square_subsequent_mask(5))[0],
        lambda s, x: s.attention(x, x, x, attn_mask=torch.zeros(2 * x.shape[0], 5, 5).masked_fill(LATER, -torch.inf))[
            0
        ],
        lambda s, x: s.attention(x, x, x, key_padding_mask=PADDING.expand(x.shape[0], 5))[0],
        lambda s, x: s.attention(
            x, x, x, key_padding_mask=PADDING.expand(x.shape[0], 5) * -1e9, attn_mask=LATER * -1e9
        )[0],
        lambda s, x: s.more(x, x, x, key_padding_mask=PADDING.expand(x.shape[0], 5), attn_mask=LATER)[0],
        lambda s, x: s.encoder(x, mask=LATER, src_key_padding_mask=PADDING.expand(x.shape[0], 5)),
        lambda s, x: s.other(x, x[..., :6], x[..., :4])[0],
        lambda s, x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
        lambda s, x: F.scaled_dot_product_attention(x, x, x, ~LATER),
        lambda s, x: F.scaled_dot_product_attention(
            *(x[..., : 2 * heads].unflatten(-1, (heads, 2)).transpose(1, 2) for heads in (4, 2, 2)), enable_gqa=True
        ),
    ],
)
def test_attention(forward):
    parts = {
        "attention": attention(),
        "other": attention(kdim=6, vdim=4, bias=False),
        "more": attention(add_bias_kv=True, add_zero_attn=True),
        "encoder": SEQUENCE_MODULES["encoder"],
    }
    assert_same(Forward(forward, **parts), S)


def test_refuses_masks_that_the_samples_choose():
    chosen = {
        "attn_mask": lambda s, x: F.scaled_dot_product_attention(x, x, x, x @ x.mT),
        "key_padding_mask": lambda s, x: s.attention(x, x, x, key_padding_mask=x[..., 0])[0],
    }
    for name, forward in chosen.items():
        with pytest.raises(ConversionError, match=rf"has an? {name} that the samples choose.*constant"):
            trace(Forward(forward, attention=attention()), S)


def test_attention_that_has_its_samples_second():
    layer = nn.TransformerEncoderLayer(8, 2, 12)
    assert_same(Forward(lambda s, x: s.layer(x.transpose(0, 1)).transpose(0, 1), layer=layer), S)
    with pytest.raises(ConversionError, match=r"layer\.self_attn.*mixes the samples"):
        trace(Forward(lambda s, x: s.layer(x), layer=layer), S)


# Recurrent networks

ELMAN = {"rnn_tanh": (nn.RNN, {}), "rnn_relu": (nn.RNN, {"nonlinearity": "relu"})}
RECURRENT = {"lstm": (nn.LSTM, {}), "gru": (nn.GRU, {}), **ELMAN}


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers(name):
    kind, options = RECURRENT[name]
    torch.manual_seed(0)
    encoder = kind(8, 6, num_layers=2, bidirectional=True, dropout=0.5, batch_first=True, **options)
    decoder = kind(8, 6, num_layers=4, batch_first=True, bias=False, **options)

    def forward(self, x):
        output, state = self.encoder(x)
        again, final = self.decoder(x[:, :2], state)
        last = final[-1][-1] if isinstance(final, tuple) else final[-1]
        return output[:, -1].repeat(1, 1)[:, :6] + again[:, 0] * last

    graph = assert_same(Forward(forward, encoder=encoder, decoder=decoder), S)
    assert "encoder" in graph.nodes or "encoder.concat" in graph.nodes


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_cells(name):
    kind, options = RECURRENT[name]
    torch.manual_seed(0)
    cell = getattr(nn, f"{kind.__name__}Cell")(8, 8, **options)

    def forward(self, x):
        state = None
        for t in range(3):
            state = self.cell(x[:, t], state)
        return state[1] if isinstance(state, tuple) else state

    assert_same(Forward(forward, cell=cell), S)


def test_recurrent_layers_that_have_their_samples_second():
    module = Forward(lambda s, x: s.rnn(x.transpose(0, 1))[1][0], rnn=nn.GRU(8, 4))
    assert_same(module, S)
    with pytest.raises(ConversionError, match=r"rnn \(GRU\): needs an input of shape \(time, batch, features\)"):
        trace(Forward(lambda s, x: s.rnn(x)[0], rnn=nn.GRU(8, 4)), S)


def test_a_recurrent_layer_may_be_given_zeros_to_start_from():
    def forward(self, x):
        return self.rnn(x, (torch.zeros(1, x.size(0), 4), x.new_zeros(1, x.size(0), 4)))[0]

    assert_same(Forward(forward, rnn=nn.LSTM(8, 4, batch_first=True)), S)


@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrent_layer_may_start_from_constants(name):
    kind, options = RECURRENT[name]
    torch.manual_seed(0)
    start = nn.Parameter(image(4, 1, 4, seed=6))

    def forward(self, x):
        states = self.start.expand(4, x.size(0), 4).contiguous()
        return self.rnn(x, (states, 2 * states) if kind is nn.LSTM else states)[0]

    rnn = kind(8, 4, 2, batch_first=True, bidirectional=True, **options)
    assert_same(Forward(forward, rnn=rnn, start=start), S)


def test_refuses_to_start_samples_from_states_of_their_own():
    rnn = nn.GRU(8, 4, batch_first=True)
    with pytest.raises(ConversionError, match=r"rnn \(GRU\): starts from states that differ from sample to sample"):
        trace(Forward(lambda s, x: s.rnn(x, torch.arange(12.0).reshape(1, 3, 4))[0], rnn=rnn), S)


def test_projected_recurrent_layers():
    torch.manual_seed(0)
    encoder = nn.LSTM(8, 6, 2, batch_first=True, bidirectional=True, proj_size=3)
    decoder = nn.LSTM(8, 6, 4, batch_first=True, bias=False, proj_size=3)

    def forward(self, x):
        output, states = self.encoder(x)
        again, (h, c) = self.decoder(x[:, :2], states)
        return torch.cat([output[:, -1], again[:, 0], h[-1], c[-1]], 1)

    assert_same(Forward(forward, encoder=encoder, decoder=decoder), S)


# Whole numbers


@pytest.mark.parametrize("kind", [torch.int64, torch.float32])
def test_embeddings_read_whole_numbers(kind):
    tokens = torch.randint(0, 7, (3, 5), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    module = Forward(lambda s, x: s.head(s.table(x).mean(1)), table=nn.Embedding(7, 4), head=nn.Linear(4, 2))
    graph = trace(module, tokens.to(kind))
    assert isinstance(graph.nodes["table"], Embedding)
    with torch.no_grad():
        np.testing.assert_allclose(graph.run(tokens.numpy()), module(tokens).numpy(), rtol=0, atol=1e-6)
    assert_same(Forward(lambda s, x: s.table(x.long()).mean(1), table=nn.Embedding(7, 4)), tokens)
    with pytest.raises(ValidationError, match=r"table \(Embedding\): an embedding of 7 reads whole numbers"):
        trace(module, tokens + 3)


@pytest.mark.parametrize("mode", ["mean", "sum", "max"])
def test_bags_and_codes_of_whole_numbers(mode):
    tokens = torch.randint(0, 7, (3, 5), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    assert_same(Forward(lambda s, x: s.bag(x.long()), bag=nn.EmbeddingBag(7, 4, mode=mode)), tokens)
    assert_same(Forward(lambda s, x: F.one_hot(x.long(), 7).double() * s.row, row=image(7)), tokens)
    bag = nn.EmbeddingBag(7, 4, mode=mode)
    with pytest.raises(ConversionError, match="offsets"):
        trace(Forward(lambda s, x: s.bag(x.long().flatten(), torch.tensor([0, 5, 10])), bag=bag), tokens)


def test_embeddings_read_nothing_else():
    module = Forward(lambda s, x: s.table((x * 2).long()), table=nn.Embedding(7, 4))
    with pytest.raises(ConversionError, match="rounds values"):
        trace(module, torch.ones(3, 5))
    with pytest.raises(ConversionError, match="max_norm"):
        trace(nn.Embedding(7, 4, max_norm=1.0), torch.ones(3, 5))
