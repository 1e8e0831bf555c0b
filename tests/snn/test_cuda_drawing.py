"""Synapses drawn on a graphics card: in the simulator of CUDA, and compiled for a card and run by an interpreter."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def run(**environment):
    paths = os.pathsep.join(map(str, (HERE, HERE.parent, ROOT)))
    options = "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")
    command = [sys.executable, "-m", "pytest", *options, str(HERE / "cuda_drawn.py")]
    environment = {**os.environ, "PYTHONPATH": paths, **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=HERE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d passed", done.stdout), done.stdout


def test_in_the_simulator_synapses_are_those_of_the_host():
    run(NUMBA_ENABLE_CUDASIM="1", NUMBA_DISABLE_JIT="1")


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed: pip install 'allornone[cuda]'"
)
def test_as_compiled_for_a_card_synapses_are_those_of_the_host():
    run()
