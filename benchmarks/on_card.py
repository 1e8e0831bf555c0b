"""All that only a graphics card can show, in one call: tests, spikes and times beside the CPU's, compute-sanitizer.

On a machine with a card, numba, numba-cuda, NumPy, h5py and SciPy, without network:

    PYTHONPATH=. python benchmarks/on_card.py --data-dir FOLDER     # with MNIST's four files; else no conversion

Where time on a card is short, what the CPU has to say is found out before, on any machine:

    PYTHONPATH=. python benchmarks/on_card.py --prepare said_by_cpu
    PYTHONPATH=. python benchmarks/on_card.py --prepared said_by_cpu

The lines of `cuda_grid.py` (Brunel, CUBA, COBA and the microcircuit, three seeds each: same spikes, times, phases of a
step), `cuda_exact.py` and `cuda_conversion.py` are printed as they come, beside what the tests on a card and NVIDIA's
compute-sanitizer say. The last line is of this script: how each part ended and how many seconds it took. The exit
status says whether all that could be run ended well. In CUDA's simulator, what it can do of that:

    NUMBA_ENABLE_CUDASIM=1 PYTHONPATH=. python benchmarks/on_card.py --small
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests" / "snn" / "test_cuda.py"
SMALL = {
    "grid": ["--scale", "0.003", "--sim-ms", "1", "--networks", "brunel", "cuba", "--seeds", "1"],
    "exact": ["--scale", "0.01", "--sim-ms", "10", "--networks", "sparse", "--images", "1"],
}
SANITIZED = {
    "grid": ["--networks", "cuba", "pd14", "--scale", "0.02", "--sim-ms", "10", "--seeds", "1"],
    "exact": ["--networks", "sparse", "sparse, delays drawn", "--scale", "0.02", "--sim-ms", "20", "--images", "4"],
}
SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") != "0"
NO_CARD = "too much for the simulator"
TOOLS = "memcheck", "initcheck", "racecheck"


class Part(NamedTuple):
    """A command that is one part of the whole."""

    name: str
    command: list[str]
    lacking: str = ""  # why it is left out


def script(part: str, *options: str) -> list[str]:
    """Return the command that runs the benchmark of a part."""
    return [sys.executable, str(HERE / f"cuda_{part}.py"), *options]


def of_the_cpu(small: bool) -> Iterator[Part]:
    """Yield what finds out what the CPU has to say."""
    for part in ("grid", "exact"):
        yield Part(part, script(part, "--devices", "cpu", *(SMALL[part] if small else [])))


def parts(options: argparse.Namespace) -> Iterator[Part]:
    """Yield all parts of the whole, what matters most first."""
    for part in ("grid", "exact"):
        known = ["--devices", "cuda", "--against", str(options.prepared / f"{part}.jsonl")] if options.prepared else []
        yield Part(part, script(part, *known, *(SMALL[part] if options.small else [])))
    missing = [name for name in ("pytest", "hypothesis", "mpmath") if importlib.util.find_spec(name) is None]
    lacking = f"{missing[0]} is not installed" if missing else NO_CARD if SIMULATED else ""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", str(TESTS), "-k", "on_a_card"]
    yield Part("tests", command, lacking)
    lacking = NO_CARD if SIMULATED else "" if options.data_dir else "no --data-dir with MNIST"
    yield Part("conversion", script("conversion", "--data-dir", str(options.data_dir)), lacking)
    lacking = "" if shutil.which("compute-sanitizer") else "compute-sanitizer is not on the PATH"
    for tool in TOOLS:
        for part, what in SANITIZED.items():
            command = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "1"]
            yield Part(f"{tool}, {part}", [*command, *script(part, "--devices", "cuda", *what)], lacking)


def outcome(part: Part, limit: float, into: Path | None = None) -> dict:
    """Run a part, its output to a file if there is one; return how it ended, and the seconds that it took."""
    if part.lacking:
        return {"ended": f"left out: {part.lacking}"}
    begun = time.perf_counter()
    try:
        output = into.open("w") if into else None
        done = subprocess.run(part.command, timeout=limit, check=False, stdout=output)
        ended = "well" if done.returncode == 0 else f"with status {done.returncode}"
    except subprocess.TimeoutExpired:
        ended = f"stopped after {limit:g} s"
    return {"ended": ended, "seconds": round(time.perf_counter() - begun, 1)}


def main() -> None:
    """Run all parts, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="with MNIST's four files, for the converted network")
    parser.add_argument("--prepare", type=Path, metavar="FOLDER", help="write there what the CPU says; no card is used")
    parser.add_argument("--prepared", type=Path, metavar="FOLDER", help="compare with what was written there")
    parser.add_argument("--limit", type=float, default=240.0, help="of each part, in seconds")
    parser.add_argument("--small", action="store_true", help="as small as the simulator can do")
    options = parser.parse_args()
    if options.prepare:
        options.prepare.mkdir(parents=True, exist_ok=True)
        found = {
            part.name: outcome(part, float("inf"), options.prepare / f"{part.name}.jsonl")
            for part in of_the_cpu(options.small)
        }
    else:
        found = {part.name: outcome(part, options.limit) for part in parts(options)}
    print(json.dumps({"benchmark": "on card", "parts": found}), flush=True)
    sys.exit(not all(one["ended"] == "well" or one["ended"].startswith("left out") for one in found.values()))


if __name__ == "__main__":
    main()
