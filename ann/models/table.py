"""The table of architectures."""

from __future__ import annotations

from collections.abc import Mapping

TASKS = {"classify": "classes or numbers", "reconstruct": "the samples again", "generate": "new samples"}


def architecture_table(models: Mapping) -> str:
    """Return the table of all architectures in Markdown, as the README has it.

    Parameters
    ----------
    models : mapping
        `ann.MODELS`.
    """
    titles = ("model", "what it is", "since", "takes", "gives")
    rows = [titles, ("---",) * len(titles)]
    for name, kind in models.items():
        takes = "any samples" if kind.samples == "any" else kind.samples
        rows.append((f"`{name}`", kind.what, kind.since, takes, TASKS[kind.task]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
