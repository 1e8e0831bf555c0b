"""What is refused with a reason of its own: whatever looks at the samples' values, or at how many there are."""

from __future__ import annotations

from typing import Any

from bridge.operations.values import RefusedError, refuse_count


def _refusing(reason: str, remedy: str) -> Any:
    def rule(*args, **kwargs):
        raise RefusedError(reason, remedy)

    return rule


_compares = _refusing(
    "compares values of the network, so that what is computed depends on the data",
    "Use activations (relu, clamp, maximum, ...) in place of if, where and masks that depend on values",
)
_leaves_pytorch = _refusing(
    "takes values of the network out of PyTorch, where they cannot be followed",
    "Remove what depends on values: if, while, assert, float, numpy",
)

_draws = _refusing("draws random numbers", "Leave chance out at inference")
_orders = _refusing(
    "puts values of the network in order, which no neuron here does", "Use maxima (amax, max-pooling) in its place"
)
_writes = _refusing("writes into a tensor of the network", "Join its parts by torch.cat, or choose by torch.where")
_packs = _refusing("packs sequences of lengths of their own", "Give whole sequences, all as long")
_RANDOM = ("randn_like", "rand_like", "randint_like", "bernoulli", "multinomial", "normal", "gumbel_softmax")
_WRITING = (
    "__setitem__",
    "copy",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "scatter",
    "scatter_add",
    "fill",
)

COMPOSITES = {
    **dict.fromkeys((*_RANDOM, "fractional_max_pool2d", "fractional_max_pool3d"), _draws),
    **dict.fromkeys(("sort", "argsort", "topk", "kthvalue", "median", "nanmedian", "quantile", "mode"), _orders),
    **dict.fromkeys(_WRITING, _writes),
    "_pack_padded_sequence": _packs,
    **dict.fromkeys(("gt", "ge", "lt", "le", "eq", "ne", "argmax", "argmin", "nonzero", "isnan"), _compares),
    **dict.fromkeys(("__bool__", "__float__", "__int__", "__index__", "item", "tolist", "numpy"), _leaves_pytorch),
    **dict.fromkeys(("__array__", "__contains__", "__format__", "__repr__"), _leaves_pytorch),
    "__len__": lambda input: refuse_count(),
}
