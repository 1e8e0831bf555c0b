"""The operations of PyTorch that the bridge knows: for each a rule that makes nodes of it, one file a family.

To teach the bridge an operation, write its rule (`Rules` says what it is given and returns) and enter it in the
family's table: in FUNCTIONS where it emits nodes, in COMPOSITES where it is put in terms of others, in PyTorch.

PyTorch is imported here: import this package on use, so that `import bridge` stays quick.
"""

from bridge.operations import (
    activations,
    arithmetic,
    arrangement,
    attention,
    attributes,
    contractions,
    linear,
    normalisation,
    picking,
    pooling,
    quantised,
    recurrent,
    refused,
    spiking,
)
from bridge.operations.precision import InFloat64
from bridge.operations.tracing import RUNS, Rules, Tracing, differing, differs

RULES = Rules(
    functions={
        **linear.FUNCTIONS,
        **pooling.FUNCTIONS,
        **arrangement.FUNCTIONS,
        **picking.FUNCTIONS,
        **activations.FUNCTIONS,
        **arithmetic.FUNCTIONS,
        **normalisation.FUNCTIONS,
    },
    composites={
        **activations.COMPOSITES,
        **arithmetic.COMPOSITES,
        **arrangement.COMPOSITES,
        **attention.COMPOSITES,
        **attributes.COMPOSITES,
        **contractions.COMPOSITES,
        **picking.COMPOSITES,
        **pooling.COMPOSITES,
        **recurrent.COMPOSITES,
        **refused.COMPOSITES,
    },
    modules={**recurrent.MODULES, **spiking.MODULES, **quantised.MODULES},
    opaque=spiking.OPAQUE,
)

__all__ = ["RULES", "RUNS", "InFloat64", "Rules", "Tracing", "differing", "differs"]
