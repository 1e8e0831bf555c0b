"""``allornone simulate``: a user's file is run, told about and written."""

import signal

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import snn
from bridge.cli import app

NETWORK = """
import snn
network = snn.Network(seed=1)
cells = network.population("cells", 5, snn.LIF(i_e=400.0))
network.connect(network.poisson("noise", 5_000.0), cells, weight=0.5)
"""
FUNCTION = """
import beside
size = 5
def {name}():
    return beside.make(size)
if __name__ == "__main__":
    raise RuntimeError("not for simulate")
"""
BESIDE = """
import snn
def make(size):
    net = snn.Network(seed=1)
    cells = net.population("cells", size, snn.LIF(i_e=400.0))
    net.connect(net.poisson("noise", 5_000.0), cells, weight=0.5)
    return net
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, ["simulate", *arguments])


def spikes(path):
    with h5py.File(path) as file:
        assert file["spikes/cells/timestamps"].attrs["units"] == "ms"
        return file["spikes/cells/timestamps"][:], file["spikes/cells/node_ids"][:]


def test_a_network_is_simulated_and_written(run, tmp_path):
    (tmp_path / "net.py").write_text(NETWORK)
    result = run("net.py", "--duration", "250.3", "--threads", "2")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["net.h5", "net.py"]
    times, neurons = spikes("net.h5")
    network = {}
    exec(NETWORK, network)
    expected = snn.Simulation(network["network"]).run(250.3).spikes["cells"]
    assert len(times) > 50
    np.testing.assert_array_equal(times, expected.times)
    np.testing.assert_array_equal(neurons, expected.neurons)
    for words in ("cells", f"{len(times)}", f"{expected.rate():.2f}", "250.3 ms written to net.h5"):
        assert words in result.output


@pytest.mark.parametrize("name", ["network", "build"])
def test_a_function_may_make_the_network_with_modules_beside_it(run, tmp_path, name, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "net.py").write_text(FUNCTION.format(name=name))
    (folder / "beside.py").write_text(BESIDE)
    result = run("project/net.py", "--duration", "50", "--out", "project/out.h5", "--seed", "3", "--dt", "0.2")
    assert result.exit_code == 0, result.output
    times, _ = spikes("project/out.h5")
    assert len(times) > 0
    np.testing.assert_allclose(times / 0.2, np.rint(times / 0.2), atol=1e-9)
    run("project/net.py", "--duration", "50", "--out", "other.h5", "--dt", "0.2")
    assert not np.array_equal(spikes("other.h5")[0], times)


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [
        (
            "import snn\n\nsnn.LIF(tau_m=-1.0)\n",
            1,
            "net.py, line 3: ValidationError: LIF: tau_m = -1.0 is not accepted",
        ),
        ("network = (", 1, "net.py, line 1: SyntaxError: '(' was never closed"),
        ("import beside_what", 1, "net.py, line 1: ModuleNotFoundError: No module named 'beside_what'"),
        ("def network():\n    return 1 / 0\n", 1, "net.py, line 2: ZeroDivisionError: division by zero"),
        ("raise SystemExit('no licence')", 1, "net.py, line 1: SystemExit: no licence"),
        ("import snn\nnet = snn.Network()\n", 2, "net.py: neither `network` nor `build` is defined; expected"),
        ("network = 5", 2, "net.py: it gives 5; expected"),
        ("def build(size): ...", 1, "TypeError: build() missing 1 required positional argument"),
        ("import snn\nnetwork = snn.Network()\n", 2, "no populations"),
    ],
)
def test_a_broken_file_is_told_in_one_line(run, tmp_path, program, code, message):
    (tmp_path / "net.py").write_text(program)
    result = run("net.py")
    assert result.exit_code == code, result.output
    assert message in result.output
    assert result.output.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.py"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["absent.py"], 2, "there is no file absent.py"),
        (["net.py", "--duration", "-1"], 2, "duration = -1.0"),
        (["net.py", "--duration", "0.05"], 2, "duration = 0.05"),
        (["net.py", "--duration", "inf"], 2, "duration = inf"),
        (["net.py", "--dt", "0"], 2, "dt = 0.0"),
        (["net.py", "--seed", "4294967296"], 2, "seed"),
        (["net.py", "--out", "absent/net.h5"], 1, "cannot write absent/net.h5"),
        (["net.py", "--out", "."], 1, "cannot write ."),
    ],
)
def test_wrong_usage_is_told_before_anything_runs(run, tmp_path, monkeypatch, arguments, code, message):
    (tmp_path / "net.py").write_text(NETWORK)
    monkeypatch.setattr(snn.Simulation, "run", lambda *_: pytest.fail("it ran"))
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_debug_shows_the_user_s_own_traceback(run, tmp_path):
    (tmp_path / "net.py").write_text("x = 1 / 0")
    result = run("net.py", "--debug")
    assert result.exit_code == 1
    assert isinstance(result.exception.__cause__, ZeroDivisionError)


def at_piece(monkeypatch, number, happens):
    """Let something happen at the start of the n-th piece of a run; returns a list that holds all pieces run."""
    original, runs = snn.Simulation.run, []

    def run_piece(self, duration):
        runs.append(duration)
        if len(runs) == number:
            happens()
        return original(self, duration)

    monkeypatch.setattr(snn.Simulation, "run", run_piece)
    return runs


def interrupt():
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_keeps_what_was_simulated(run, tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NETWORK)
    assert run("net.py", "--duration", "500", "--out", "whole.h5").exit_code == 0
    handler = signal.getsignal(signal.SIGINT)
    runs = at_piece(monkeypatch, 30, interrupt)
    result = run("net.py", "--duration", "500")
    assert result.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is handler
    assert len(runs) == 30
    assert "interrupted at 150 of 500 ms" in result.output
    assert "150 ms written to net.h5" in result.output
    (times, neurons), (all_times, all_neurons) = spikes("net.h5"), spikes("whole.h5")
    assert 0 < len(times) < len(all_times)
    assert (all_times[len(times)] > 150.0, times[-1] <= 150.0) == (True, True)
    np.testing.assert_array_equal(times, all_times[: len(times)])
    np.testing.assert_array_equal(neurons, all_neurons[: len(times)])


def test_a_second_interrupt_ends_at_once_and_still_writes(run, tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NETWORK)
    runs = at_piece(monkeypatch, 30, lambda: (interrupt(), interrupt()))
    result = run("net.py", "--duration", "500")
    assert result.exit_code == 130
    assert len(runs) == 30
    times, _ = spikes("net.h5")
    assert 0 < times[-1] <= 145.0


def test_a_simulation_that_fails_keeps_what_was_simulated(run, tmp_path, monkeypatch):
    def fail():
        raise snn.NumericalError("population 'cells': v of neuron 0 is inf")

    (tmp_path / "net.py").write_text(NETWORK)
    at_piece(monkeypatch, 30, fail)
    result = run("net.py", "--duration", "500")
    assert result.exit_code == 1
    assert result.output == "error: population 'cells': v of neuron 0 is inf\n"
    times, _ = spikes("net.h5")
    assert 100.0 < times[-1] <= 145.0


def test_help_has_examples(run):
    result = run("--help")
    assert "allornone simulate net.py" in result.output
    assert "network = snn.networks.brunel" in result.output


def test_the_exact_engine_simulates_without_a_step(run, tmp_path):
    (tmp_path / "net.py").write_text("import snn\nnetwork = snn.networks.sparse(scale=0.02)\n")
    result = run("net.py", "--engine", "exact", "--duration", "123.4")
    assert result.exit_code == 0
    recording = snn.Recording.load(tmp_path / "net.h5")
    assert recording.stop == pytest.approx(123.4, abs=1e-9)
    assert recording.spikes["exc"].offsets is not None
    refused = run("net.py", "--engine", "exact", "--dt", "0.1")
    assert refused.exit_code == 2
    assert "dt = 0.1" in refused.output


def test_a_recording_is_written_on_the_way(tmp_path, monkeypatch):
    from bridge import simulate

    monkeypatch.setattr(simulate, "_SAVE_EVERY", 0.0)
    network = snn.networks.sparse(scale=0.02)
    stops, save = [], snn.Recording.save

    def watched(recording, path):
        save(recording, path)
        stops.append(snn.Recording.load(path).stop)

    monkeypatch.setattr(snn.Recording, "save", watched)
    simulate.run(network, 400.0, tmp_path / "net.h5")
    assert len(stops) > 1
    assert stops == sorted(stops)
    assert stops[0] < stops[-1] == 400.0
