"""What is loaded onto a card: linked machine code of kernels, as far as that can be had without one."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed: pip install 'allornone[cuda]'"
)


def process(case, folder, changed=""):
    """Compile or find a kernel; returns libNVVM's options each time it was called, and the machine code loaded."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parent.parent)))}
    command = [sys.executable, str(HERE / "cuda_kept.py"), case, str(folder), changed]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=HERE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["options"], found["code"]


def test_what_is_loaded_is_neither_contracted_nor_optimised_when_it_is_linked(tmp_path):
    (options,), unfused = process("unfused", tmp_path)  # compiled once, to PTX
    assert options["fma"] is False
    assert "gen-lto" not in options  # what is made for the linker to optimise, it contracts
    # Nor is what was compiled with contraction ever kept, or taken for what was not.
    for _ in range(2):
        (options,), _ = process("fused", tmp_path)
        assert "fma" not in options
    assert process("unfused", tmp_path) == ([], unfused)


def test_the_grid_engine_s_kernels_are_compiled_once_for_all_processes(tmp_path):
    options, code = process("grid", tmp_path)
    assert len(options) == len(set(code)) == 2  # what draws synapses, and the time loop
    assert process("grid", tmp_path) == ([], code)


def test_a_kernel_is_compiled_anew_for_other_sources_and_constants(tmp_path):
    for changed in ("", "sources", "lanes"):
        assert len(process("unfused", tmp_path, changed)[0]) == 1


def test_kernels_for_classes_that_a_program_makes_are_not_kept(tmp_path):
    for _ in range(2):
        assert len(process("of_a_program", tmp_path)[0]) == 1
