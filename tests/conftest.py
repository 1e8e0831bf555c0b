import signal

import pytest
from hypothesis import settings

# No test asserts a time: hypothesis would fail an example that takes 0.2 s, as one that compiles may on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, also where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def threads_meet(monkeypatch):
    """Small networks, too, are cut into blocks, one for each thread, though it is not worth it."""
    monkeypatch.setattr("snn.program.blocks._WORTH", 0)
