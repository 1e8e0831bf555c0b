"""What is loaded onto a card: linked machine code of kernels, as far as that can be had without one."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMPILER = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed: pip install 'allornone[cuda]'"
)

CODE = """
import json
import cuda_linked
loaded, done = cuda_linked.install_card(), cuda_linked.count_compilations()
import numpy as np
from snn.cuda import cuda, kernel, signature, uncontracted

def multiply_and_add(x):
    x[0] = x[1] * x[2] + x[3]

with uncontracted():
    kernel(multiply_and_add).compile((signature(np.zeros(4)),))
print(json.dumps({"options": done, "loaded": len(loaded)}))
"""


@COMPILER
def test_what_is_loaded_is_neither_contracted_nor_optimised_when_it_is_linked():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parent.parent)))}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, cwd=HERE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["loaded"] == 1
    (options,) = found["options"]  # one compilation, to PTX
    assert options["fma"] is False
    assert "gen-lto" not in options  # what is made for the linker to optimise, it contracts
