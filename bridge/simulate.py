"""A user's network, run from the command line: what ``allornone simulate`` does."""

from __future__ import annotations

import math
import os
import runpy
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import snn
from bridge.errors import OutputError, ScriptError, ValidationError
from snn import checks

_NAMES = ("network", "build")
_PIECES, _LONGEST = (
    100,
    100.0,
)  # a run is cut into so many parts or more, none longer than so many ms, to be interrupted
_SAVE_EVERY = 10.0  # seconds, at least, between writings of a recording on the way


def load(path: Path) -> snn.Network:
    """Run a Python file and return the network that it defines.

    Parameters
    ----------
    path : Path
        Defines `network`, a `snn.Network` or a function that returns one, or else such a function `build`. It finds
        modules beside itself, as a program does.

    Raises
    ------
    ValidationError
        If there is no such file, or it defines no network.
    ScriptError
        If it raises an error, which is told with its line.
    """
    if not path.is_file():
        raise ValidationError(f"there is no file {path}")
    sys.path.insert(0, str(path.resolve().parent))
    try:
        defined = runpy.run_path(str(path))
        found = next((defined[name] for name in _NAMES if name in defined), None)
        network = found() if callable(found) else found
    except (Exception, SystemExit) as error:
        raise ScriptError(told(path, error)) from error
    finally:
        sys.path.pop(0)
    if not isinstance(network, snn.Network):
        what = "neither `network` nor `build` is defined" if found is None else f"it gives {network!r}"
        raise ValidationError(f"{path}: {what}; expected `network`, a snn.Network or a function that returns one")
    return network


def run(
    network: snn.Network,
    duration: float,
    path: Path,
    threads: int = 1,
    seed: int | None = None,
    dt: float | None = None,
    *,
    engine: str = "grid",
    bar: bool = False,
) -> tuple[snn.Recording, bool]:
    """Simulate a network and write the recording; an interrupt (Ctrl-C) ends the run after the piece at hand.

    The recording is also written on the way, so that a process that is killed loses the last seconds only.

    Parameters
    ----------
    network : snn.Network
    duration : float
        In ms.
    path : Path
        The file to write, see `snn.Recording.save`.
    threads, seed, dt, engine
        As `snn.Simulation` takes them.
    bar : bool
        Whether to show a progress bar.

    Returns
    -------
    recording : snn.Recording
    interrupted : bool

    Raises
    ------
    OutputError
        If the file cannot be written, which is looked at before the simulation.
    snn.SnnError
        If an argument is refused, or the simulation fails; what was recorded by then is written.
    """
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)) or path.is_dir():
        raise OutputError(f"cannot write {path}: its folder must be there and the file no folder")
    duration = checks.number("simulate", "duration", duration, minimum=0.0, exclusive=True)
    if engine != "exact":  # before the network is built
        dt = 0.1 if dt is None else checks.number("simulate", "dt", dt, minimum=0.0, exclusive=True)
        checks.steps("simulate", "duration", duration, dt, minimum=1)
    simulation = snn.Simulation(network, dt=dt, engine=engine, threads=threads, seed=seed)
    if simulation.engine == "grid":
        step, steps = simulation.dt, round(duration / simulation.dt)
    else:
        steps = max(_PIECES, math.ceil(duration / _LONGEST))
        step = duration / steps
    piece = min(-(-steps // _PIECES), max(1, round(_LONGEST / step)))
    saved = _Saved(path)
    try:
        with _progress(duration, bar) as show, _interrupts() as interrupted:
            for first in range(0, steps, piece):
                simulation.run(min(piece, steps - first) * step)
                show(simulation.time)
                saved.now_and_then(simulation)
                if interrupted.is_set():
                    break
    finally:
        recording = simulation.recording
        recording.save(path)
    return recording, interrupted.is_set()


class _Saved:
    """Writes the recording of a simulation that goes on, so seldom that it takes a twentieth of the time at most."""

    def __init__(self, path: Path):
        self.path, self.due = path, time.monotonic() + _SAVE_EVERY

    def now_and_then(self, simulation: snn.Simulation) -> None:
        """Write it if it is time."""
        begun = time.monotonic()
        if begun < self.due:
            return
        simulation.recording.save(self.path)
        ended = time.monotonic()
        self.due = ended + max(_SAVE_EVERY, 20.0 * (ended - begun))


def print_summary(recording: snn.Recording, path: Path) -> None:
    """Print rates, numbers of spikes, and where they were written."""
    from rich.console import Console
    from rich.table import Table

    table = Table("population", box=None)
    for title in ("neurons", "spikes", "rate in Hz"):
        table.add_column(title, justify="right")
    for name, record in recording.spikes.items():
        size = record.counts().shape[1]
        table.add_row(name, f"{size:,}", f"{len(record):,}", f"{record.rate():.2f}")
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"{recording.stop - recording.start:g} ms written to {path}", markup=False, highlight=False)


def told(path: Path, error: BaseException) -> str:
    """Return a script's error in one line: where in the script, which, and what it says."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    said = str(error)
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
        said = error.msg
    where = f"{path}, line {lines[-1]}" if lines else str(path)
    return f"{where}: {type(error).__name__}: {' '.join(said.split())}"


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Note the first Ctrl-C in the event that is yielded; a second one interrupts at once."""
    noted = threading.Event()

    def note(number: int, frame: object) -> None:
        noted.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(duration: float, shown: bool) -> Iterator:
    """Show a progress bar in ms; yields the function to call with the time reached."""
    from tqdm import tqdm

    with tqdm(total=round(duration, 6), unit="ms", desc="simulating", disable=not shown) as bar:
        yield lambda time: bar.update(round(time - bar.n, 6))
