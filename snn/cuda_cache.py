"""Kernels kept on disk: what one process has compiled for a card, later ones load.

numba-cuda's own cache is used, as `snn.jit` uses Numba's: it stands where that stands, and is unpickled as that is.
"""

from __future__ import annotations

from typing import Any

from numba.cuda.cudadrv import nvvm
from numba.cuda.dispatcher import CUDACache

from snn.jit import STAMP, cache_in, may_be_cached, warn_uncached


class _KernelCache(CUDACache):
    """numba-cuda's cache of a kernel, but only for what is compiled without contraction, and from these sources.

    Its key are types, card, versions and the kernel's own code, but neither the functions that the kernel calls nor
    options.
    """

    def __init__(self, dispatcher: Any, constants: tuple):
        super().__init__(dispatcher.py_func)
        self._options = tuple(sorted((name, repr(value)) for name, value in dispatcher.targetoptions.items()))
        # An index of another version is not even unpickled, so classes it names may have gone.
        self._cache_file._version = f"{self._cache_file._version} {STAMP} {constants}"

    def _index_key(self, sig, codegen):
        return *super()._index_key(sig, codegen), self._options

    def load_overload(self, sig, target_context):
        return super().load_overload(sig, target_context) if _kept(sig) else None

    def save_overload(self, sig, data):
        if _kept(sig):
            super().save_overload(sig, data)


def _kept(signature: Any) -> bool:
    return getattr(nvvm.compile_ir, "uncontracted", False) and may_be_cached(signature)


def keep(kernel: Any, *constants: Any) -> Any:
    """Have what is compiled of a kernel kept on disk, and return the kernel.

    Parameters
    ----------
    kernel : dispatcher of numba-cuda
    *constants
        What may differ between processes that have the same sources, and is compiled into kernels.
    """
    try:
        kernel._cache = _KernelCache(kernel, constants)
    except RuntimeError as error:  # numba-cuda found no folder it may write to
        warn_uncached(str(error))
        return kernel
    cache_in(kernel._cache.cache_path)
    return kernel
