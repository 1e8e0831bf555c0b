"""``allornone bench``: what it measures, and that its checksum tells spikes apart."""

import hashlib
import itertools
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import snn
from bridge.bench import DT, NETWORKS, checksum, measure
from bridge.cli import app
from bridge.cli.bench import bench
from bridge.errors import ValidationError

KEYS = {
    *("simulator", "network", "neurons", "synapses", "threads", "build_s", "compile_s", "sim_s", "simulated_ms", "rtf"),
    *("mean_rate_hz", "rates_hz", "spikes", "synaptic_events", "events_per_s", "peak_rss_mb", "bytes_per_synapse"),
    *("spikes_sha256", "scale", "seed", "engine"),
}
SMALL = {"brunel": 0.05, "pd14": 0.05}
SAME_SPIKES = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "same_spikes.py"))


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, ["bench", *arguments])


def quick(name, **options):
    return measure(name, **{"scale": SMALL.get(name, 0.1), "warm_ms": 20.0, "sim_ms": 50.0, **options})


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_measured_with_the_same_spikes_on_any_number_of_threads(name, threads_meet):
    results = [quick(name, threads=threads) for threads in (1, 2, 3)]
    assert set(results[0]) >= KEYS
    assert results[0]["spikes"] > 10
    for key in ("spikes_sha256", "spikes", "synaptic_events", "rates_hz", "synapses"):
        assert results[0][key] == results[1][key] == results[2][key]
    assert quick(name, seed=2)["spikes_sha256"] != results[0]["spikes_sha256"]


def test_the_line_of_json_says_what_was_run(run):
    result = run(
        "brunel", "--scale", "0.05", "--warm-ms", "10", "--sim-ms", "40", "--seed", "5", "--threads", "2", "--json"
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    line = json.loads(result.stdout)
    assert set(line) >= KEYS
    net = snn.networks.brunel(0.05, v_reset=0.0, seed=5)
    simulation = snn.Simulation(net, dt=DT)
    simulation.run(10.0)
    recording = simulation.run(40.0)
    assert (line["neurons"], line["synapses"]) == (625, 625 * 62)
    assert line["spikes"] == sum(len(record) for record in recording.spikes.values())
    assert line["synaptic_events"] == recording.synaptic_events()[0]
    assert line["mean_rate_hz"] == pytest.approx(line["spikes"] / 625 / 0.04, abs=1e-3)
    assert line["rates_hz"]["inh"] == pytest.approx(recording.spikes["inh"].rate(), abs=1e-3)
    assert line["rtf"] == pytest.approx(line["sim_s"] / 0.04, rel=1e-2, abs=1e-3)
    assert line["bytes_per_synapse"] > 2.0
    pairs = sorted(
        (step, neuron + first)
        for name, first in (("exc", 0), ("inh", 500))
        for step, neuron in zip(
            recording.spikes[name].steps.tolist(), recording.spikes[name].neurons.tolist(), strict=True
        )
    )
    assert pairs[0][0] > 100  # steps are counted from the start
    assert line["spikes_sha256"] == hashlib.sha256(np.array(pairs, "<i8").tobytes()).hexdigest()


def test_the_checksum_counts_time_and_neuron():
    def of(steps, neurons):
        count = len(steps)
        columns = np.zeros(count, np.int32), np.array(steps, np.int64), np.array(neurons, np.int32)
        return checksum([snn.recording.SpikeRecord(*columns, (4,), 1, 0.1, 0.0, 1.0, np.arange(4))])

    assert of([1, 2], [3, 0]) == of([2, 1], [0, 3])
    assert len({of([1, 2], [3, 0]), of([1, 2], [0, 3]), of([1, 1], [3, 0]), of([], [])}) == 4


def test_same_spikes_compares_runs_in_every_way(threads_meet):
    line = SAME_SPIKES["examine"]("brunel", 0.1, 30.0, 5)
    network = NETWORKS["brunel"](scale=0.1, seed=5)
    recording = snn.Simulation(network, dt=DT).run(30.0)
    records = [recording.spikes[name] for name in network.populations]
    assert line["spikes"] == sum(map(len, records)) > 100
    assert (line["blocks"], line["runs"], line["equal"]) == ([1, 2, 3, 4], 12, True)
    assert line["spikes_sha256"] == checksum(records)


def test_same_spikes_tells_of_runs_that_differ(monkeypatch, capsys):
    numbers = itertools.count()
    monkeypatch.setitem(SAME_SPIKES["main"].__globals__, "checksum", lambda records: str(next(numbers) // 11))
    monkeypatch.setattr("sys.argv", ["same_spikes", "--networks", "sparse", "--scale", "0.05", "--sim-ms", "1"])
    with pytest.raises(SystemExit) as told:
        SAME_SPIKES["main"]()
    line = json.loads(capsys.readouterr().out)
    assert (told.value.code, line["equal"], line["runs"]) == (1, False, 12)
    assert line["spikes_sha256"]["4 threads, again"] == "1"


@pytest.mark.parametrize("steps", [1, 7, 12, 2_000])
def test_uneven_pieces_are_the_whole(steps):
    pieces = SAME_SPIKES["uneven"](steps * DT)
    assert sum(round(piece / DT) for piece in pieces) == steps
    assert pieces[0] == DT


def test_the_table_has_the_same_figures(run):
    result = run("sparse", "--scale", "0.05", "--warm-ms", "1", "--sim-ms", "20")
    assert result.exit_code == 0, result.output
    for words in ("500, 50,000", "real-time factor", "grid, 1 thread", "SHA-256", "rates in Hz"):
        assert words in result.output


def test_the_microcircuit_has_two_kinds_of_input():
    poisson, constant = quick("pd14"), quick("pd14", drive="dc")
    assert (poisson["drive"], constant["drive"]) == ("poisson", "dc")
    assert poisson["spikes_sha256"] == quick("pd14", drive="poisson")["spikes_sha256"] != constant["spikes_sha256"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["brunnel"], 2, "'brunnel' is not one of brunel, coba, cuba"),
        (["cuba", "--drive", "dc"], 2, "cuba has no choice of input"),
        (["pd14", "--drive", "ac"], 2, "drive = 'ac'"),
        (["cuba", "--scale", "0"], 2, "scale = 0.0"),
        (["cuba", "--sim-ms", "0.25"], 2, "sim_ms = 0.25"),
        (["cuba", "--sim-ms", "nan"], 2, "sim_ms = nan"),
        (["cuba", "--sim-ms", "inf"], 2, "sim_ms = inf"),
        (["cuba", "--warm-ms", "0"], 2, "warm_ms = 0.0"),
        (["cuba", "--threads", "0"], 2, "--threads"),
        (["cuba", "--scale", "0.1", "--engine", "none"], 2, "engine = 'none'"),
    ],
)
def test_wrong_usage_is_told_in_one_error(run, arguments, code, message):
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_the_help_names_every_network(run):
    for name in NETWORKS:
        assert name in run("--help").output
    with pytest.raises(ValidationError, match="is not one of"):
        measure(bench.__name__)
