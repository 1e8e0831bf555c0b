"""Series in time and text, to tell what comes next."""

from __future__ import annotations

import importlib
import string

import numpy as np

from ann.data.dataset import Dataset
from ann.errors import DataError

YEARS = 22  # two cycles of the sun
TEXT_LENGTH = 32
TEXT_STRIDE = 8
VOCABULARY = (" ", "\n", *string.ascii_lowercase, *string.digits, *string.punctuation)


def load_sunspots(seed: int) -> Dataset:
    """Load the yearly number of sunspots since 1700, in hundreds: 22 years, and the one after them.

    From statsmodels (the extra `series`; data of SIDC, Royal Observatory of Belgium). The last fifth of the years is
    the test part, the tenth before it the validation part; nothing is drawn, so the seed changes nothing.

    Raises
    ------
    DataError
        If statsmodels is not installed.
    """
    try:
        sunspots = importlib.import_module("statsmodels.datasets.sunspots")
    except ImportError as error:
        raise DataError(f"statsmodels cannot be imported ({error}); pip install 'allornone[series]'") from error
    values = np.asarray(sunspots.load_pandas().data["SUNACTIVITY"], dtype=np.float32) / 100
    x = np.lib.stride_tricks.sliding_window_view(values, YEARS)[:-1, :, np.newaxis].copy()
    return _split_in_time("sunspots", x, values[YEARS:, np.newaxis], (), ())


def load_text(seed: int) -> Dataset:
    """Load Python's own documentation as it comes with the interpreter: 32 characters, and the one after them.

    The pages behind `help("topics")`, in lower case; what is not ASCII is left out. A sample begins every 8 characters.
    The last fifth of the text is the test part, the tenth before it the validation part; nothing is drawn, so the
    seed changes nothing. Each version of Python has a text of its own.
    """
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics)).lower()
    numbers = {character: number for number, character in enumerate(VOCABULARY)}
    tokens = np.array([numbers[character] for character in text if character in numbers], dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(tokens, TEXT_LENGTH + 1)[::TEXT_STRIDE]
    return _split_in_time("text", windows[:, :-1].copy(), windows[:, -1].copy(), VOCABULARY, VOCABULARY)


def _split_in_time(
    name: str, x: np.ndarray, y: np.ndarray, classes: tuple[str, ...], vocabulary: tuple[str, ...]
) -> Dataset:
    validation, test = int(0.7 * len(x)), int(0.8 * len(x))
    return Dataset(
        name,
        x[:validation],
        y[:validation],
        x[validation:test],
        y[validation:test],
        x[test:],
        y[test:],
        classes,
        vocabulary,
    )
