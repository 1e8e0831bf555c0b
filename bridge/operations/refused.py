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

COMPOSITES = {
    **dict.fromkeys(("gt", "ge", "lt", "le", "eq", "ne", "where", "argmax", "argmin", "nonzero", "isnan"), _compares),
    **dict.fromkeys(("__bool__", "__float__", "__int__", "__index__", "item", "tolist", "numpy"), _leaves_pytorch),
    **dict.fromkeys(("__array__", "__contains__", "__format__", "__repr__"), _leaves_pytorch),
    "__len__": lambda input: refuse_count(),
}
