"""A card of which all is there but the driver: the compiler, the linker, and something that takes what they make."""

import types
from typing import NamedTuple

import numpy as np

CARD = 9, 0


class Numbers(NamedTuple):
    """What a kernel is given."""

    x: np.ndarray


NUMBERS = Numbers(np.zeros(4))


def install_card():
    """Let numba-cuda believe in a card; returns a list of the machine code that is loaded onto it."""
    from numba.cuda import dispatcher
    from numba.cuda.cudadrv import devices

    loaded, card = [], types.SimpleNamespace(compute_capability=CARD, id=0)

    def load(cubin, *callbacks):
        loaded.append(bytes(cubin.code))
        module = types.SimpleNamespace(initialized=True)
        return types.SimpleNamespace(get_function=lambda name: types.SimpleNamespace(name=name, module=module))

    context = types.SimpleNamespace(device=card, create_module_image=load)
    devices.get_context = lambda *device: context
    vars(dispatcher).update(get_context=devices.get_context, get_current_device=lambda: card)
    return loaded


def count_compilations():
    """Return a list that grows by the options of each compilation by libNVVM."""
    from numba.cuda.cudadrv import nvvm

    given, done = nvvm.compile_ir, []

    def compile_ir(ir, **options):
        done.append(options)
        return given(ir, **options)

    nvvm.compile_ir = compile_ir
    return done
