"""Attention and embeddings. Attention is written in PyTorch, of dense layers, products and softmax."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch.nn import functional as F

from bridge.nodes import Embedding, Input
from bridge.operations.tracing import Traced
from bridge.operations.values import RefusedError, array, emit


def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """Compute softmax(q k' scale + mask) v, on the last two axes."""
    if dropout_p > 0.0:
        raise RefusedError("drops at inference too", "Give it dropout_p=0 in evaluation mode")
    if enable_gqa:
        key, value = (x.repeat_interleave(query.shape[-3] // x.shape[-3], -3) for x in (key, value))
    rows, columns = query.shape[-2], key.shape[-2]
    if is_causal:
        attn_mask = torch.ones(rows, columns, dtype=torch.bool).tril()
    mask = None if attn_mask is None else _additive("attn_mask", attn_mask, excluded=False)
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
        (static_k is not None or static_v is not None, "has static keys or values", "Compute them from the input"),
    ):
        if wrong:
            raise RefusedError(option, remedy)
    weights: Any = (
        (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight.chunk(3)
    )
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    inputs = zip((query, key, value), weights, biases, strict=True)
    q, k, v = (F.linear(x, weight, bias) for x, weight, bias in inputs)
    more = [] if bias_k is None else [(bias_k, bias_v)]
    more += [(torch.zeros(1, 1, k.shape[2]),) * 2] if add_zero_attn else []
    for ends in more:
        k, v = (torch.cat([x, end.expand(1, x.shape[1], x.shape[2])]) for x, end in zip((k, v), ends, strict=True))
    mask = _of_heads(attn_mask, key_padding_mask, query.shape[1], num_heads, len(more))
    q, k, v = (_heads(x, num_heads) for x in (q, k, v))
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


def _of_heads(attn_mask, key_padding_mask, samples, heads, more: int) -> torch.Tensor | None:
    """Make one mask, (samples or 1, heads or 1, target or 1, source), of both; `more` keys at the end stay."""
    masks: list[torch.Tensor] = []
    if attn_mask is not None:
        masks.append(_additive("attn_mask", attn_mask, excluded=True))
        if attn_mask.ndim == 3:
            masks[0] = masks[0].reshape(samples, heads, *attn_mask.shape[1:])
    if key_padding_mask is not None:
        masks.append(_additive("key_padding_mask", key_padding_mask, excluded=True)[:, None, None])
    return F.pad(masks[0] if len(masks) == 1 else masks[0] + masks[1], (0, more)) if masks else None


def _attended(q, k, v, mask, scale):
    scores = (q * scale) @ k.transpose(-2, -1)
    shares = (scores if mask is None else scores + mask).softmax(-1)
    return shares @ v, shares


def _additive(name: str, mask, excluded: bool) -> torch.Tensor:
    """Make a mask of what to add to the scores; where it is of bools, these are `excluded` or not."""
    if isinstance(mask, Traced):
        raise RefusedError(f"has an {name} that the samples choose", "Give one that is constant, the same for all")
    if mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape, dtype=torch.float64).masked_fill(mask if excluded else ~mask, -torch.inf)
    return mask.double()


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


def embedding_bag(
    input, weight, offsets=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, mode="mean", *more, **options
):
    """Look rows of a table up, and take their mean, sum or maximum."""
    if offsets is not None or any(x is not None for x in more[1:]) or options.get("per_sample_weights") is not None:
        raise RefusedError("has offsets or weights of samples", "Give it as many numbers for each sample")
    rows = F.embedding(input, weight, max_norm=max_norm)
    return {"mean": rows.mean, "sum": rows.sum, "max": rows.amax}[mode](1)


def one_hot(tensor, num_classes=-1):
    """Look rows of the identity up."""
    if num_classes < 1:
        raise RefusedError("counts as many classes as there are", "Give it num_classes")
    return F.embedding(tensor, torch.eye(num_classes, dtype=torch.float64))


COMPOSITES = {
    "embedding_bag": embedding_bag,
    "one_hot": one_hot,
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "multi_head_attention_forward": multi_head_attention_forward,
    "embedding": embedding,
}
