"""Attention and embeddings. Attention is written in PyTorch, of dense layers, products and softmax."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch.nn import functional as F

from bridge.nodes import Embedding, Input
from bridge.operations.values import RefusedError, array, emit, number

# What stands for minus infinity where scores are masked: far below any score, its exponential is zero.
_EXCLUDED = -1e4


def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """Compute softmax(q k' scale + mask) v, on the last two axes."""
    if dropout_p > 0.0:
        raise RefusedError("drops at inference too", "Give it dropout_p=0 in evaluation mode")
    if enable_gqa:
        raise RefusedError("has enable_gqa=True", "Repeat the heads of keys and values with repeat_interleave")
    rows, columns = query.shape[-2], key.shape[-2]
    if is_causal:
        attn_mask = torch.ones(rows, columns, dtype=torch.bool).tril()
    mask = None if attn_mask is None else _additive(attn_mask, excluded=False)
    return _attended(query, key, value, mask, 1.0 / sqrt(query.shape[-1]) if scale is None else scale)[0]


def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """Attend as nn.MultiheadAttention does, on (length, batch, features)."""
    for wrong, option, remedy in (
        (training and dropout_p > 0.0, "drops at inference too", "Use nn.MultiheadAttention in evaluation mode"),
        (key_padding_mask is not None, "has key_padding_mask, which the samples choose", "Give whole sequences"),
        (bias_k is not None or bias_v is not None, "has add_bias_kv=True", "Use add_bias_kv=False"),
        (add_zero_attn, "has add_zero_attn=True", "Use add_zero_attn=False"),
        (static_k is not None or static_v is not None, "has static keys or values", "Compute them from the input"),
    ):
        if wrong:
            raise RefusedError(option, remedy)
    weights: Any = (
        (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight.chunk(3)
    )
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    inputs = zip((query, key, value), weights, biases, strict=True)
    q, k, v = (_heads(F.linear(x, weight, bias), num_heads) for x, weight, bias in inputs)
    mask = None if attn_mask is None else _additive(attn_mask, excluded=True)
    if mask is not None and mask.ndim == 3:
        raise RefusedError("has an attn_mask for every sample and head", "Use one of shape (target, source)")
    attended, shares = _attended(q, k, v, mask, 1.0 / sqrt(q.shape[-1]))
    joined = attended.permute(2, 0, 1, 3).reshape(*query.shape)
    output = F.linear(joined, out_proj_weight, out_proj_bias)
    if not need_weights:
        return output, None
    return output, shares.mean(1) if average_attn_weights else shares


def _heads(x, count):
    """Bring (length, batch, features) to (batch, heads, length, features of a head)."""
    length, samples, features = x.shape
    return x.reshape(length, samples, count, features // count).permute(1, 2, 0, 3)


def _attended(q, k, v, mask, scale):
    scores = (q * scale) @ k.transpose(-2, -1)
    shares = (scores if mask is None else scores + mask).softmax(-1)
    return shares @ v, shares


def _additive(mask, excluded: bool) -> torch.Tensor:
    """Make a mask of what to add to the scores; where it is of bools, these are `excluded` or not."""
    array(mask)  # refused where it is computed from the input
    if mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape, dtype=torch.float64).masked_fill(mask if excluded else ~mask, -torch.inf)
    return mask.double().clamp_min(_EXCLUDED)


def masked_fill(input, mask, value):
    """Put a constant in fixed places; minus infinity, for a softmax, is a number far below all others."""
    array(mask)
    kept = (~mask).double()
    return input * kept + (1.0 - kept) * max(number(value), _EXCLUDED)


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Look rows of a table up; samples that it reads are whole numbers."""
    if max_norm is not None:
        raise RefusedError("has max_norm, which changes its weights as it runs", "Use max_norm=None")
    table = array(weight)
    tracing = input.tracing
    tracing.tokens |= isinstance(tracing.nodes[input.value.name], Input)

    def rule(input):
        return emit(Embedding, input, table=table)

    return tracing.apply("embedding", rule, lambda x: F.embedding(x.long(), weight), (input,), {})


COMPOSITES = {
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "multi_head_attention_forward": multi_head_attention_forward,
    "masked_fill": masked_fill,
    "embedding": embedding,
}
