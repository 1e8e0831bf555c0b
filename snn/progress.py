"""How far a run has come, shown or told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from snn.errors import ValidationError

Report = Literal["bar"] | Callable[[float, float], None] | None


def progress(report: Report, duration: float) -> tuple[Callable[[float], None], Callable[[], None]]:
    """Return what to call with the ms done of so many, and at the end."""
    if report is None:
        return (lambda done: None), (lambda: None)
    if callable(report):
        return (lambda done: report(done, duration)), (lambda: None)
    if report != "bar":
        raise ValidationError("run", "report", report, '"bar", a function of (done, duration), or None')
    from tqdm.auto import tqdm

    bar = tqdm(total=round(duration, 6), unit="ms", desc="simulating", leave=False)

    def advance(done: float) -> None:
        bar.update(round(done - bar.n, 6))

    return advance, bar.close
