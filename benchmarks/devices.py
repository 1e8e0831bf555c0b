"""What benchmarks of graphics cards have in common: options, and comparison with what the CPU said, here or elsewhere.

No file beside this one may be called cuda.py: numba-cuda would take it for a package of NVIDIA's.
"""

import argparse
import json
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which devices are compared, and with what."""
    parser.add_argument("--threads", type=int, default=8, help="of the CPU")
    parser.add_argument("--devices", nargs="+", default=["cpu", "cuda"])
    parser.add_argument("--against", help="lines of a run on the CPU, which is to have said the same")


def known_lines(options: argparse.Namespace) -> list[dict]:
    """Return the lines to compare with."""
    return [json.loads(line) for line in Path(options.against).read_text().splitlines()] if options.against else []


def compare(case: dict, found: dict[str, dict], known: list[dict], digest: str) -> dict:
    """Return the line of a case: whether all devices, and the CPU in known lines, have the same digest.

    It is None where there is nothing to compare.
    """
    digests = [one[digest] for one in found.values()]
    digests += [line["cpu"][digest] for line in known if case.items() <= line.items()]
    return case | found | {"equal": len(set(digests)) == 1 if len(digests) > 1 else None}


def tell(line: dict, benchmark: str) -> bool:
    """Print a line; returns whether nothing in it was unequal."""
    print(json.dumps({"benchmark": benchmark, **line}), flush=True)
    return line["equal"] is not False
