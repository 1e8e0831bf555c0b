import base64
import copy
import re

import numpy as np
import pytest
from pages import HOSTILE, Page

from bridge.comparison import energy
from bridge.comparison.compare import Comparison
from bridge.comparison.findings import NETWORKS, p_value
from bridge.comparison.fronts import fronts
from bridge.comparison.perturbations import PERTURBATIONS
from bridge.comparison.portrait import describe_twin, price
from bridge.comparison.report import render
from bridge.comparison.seeds import summarise
from bridge.comparison.statistics import images_needed, paired_tests, wilson
from bridge.comparison.terminal import _brief, print_table


def entry(t, names, *, samples, right, spikes=2.0, neurons=100):
    rate = spikes * t
    return {
        "steps": t,
        "duration": t + 3,
        "accuracy": right / samples,
        "interval": wilson(right, samples),
        "spikes": rate * neurons * len(names),
        "neurons": neurons * len(names),
        "spikes_per_neuron": rate,
        "synaptic_operations": 50.0 * rate * neurons,
        "input_macs": 640,
        "neuron_updates": neurons * len(names) * t,
        "latency_median": 3.0,
        "latency_90": 3.5,
        "images_per_second": 1000.0 / t,
        "events_per_second": 1.5e6 * rate,
        "layers": [
            {"name": n, "kind": "neurons", "neurons": neurons, "spikes": rate * neurons, "spikes_per_neuron": rate}
            for n in names
        ],
    }


def perturbed(right, samples):
    """Make what `robustness.measure` returns: less and less is right."""
    tests = []
    for perturbation in PERTURBATIONS:
        strengths = [None, *perturbation.strengths]
        counts = [right // (i + 1) for i in range(len(strengths))]
        told = {key: getattr(perturbation, key) for key in ("name", "title", "strength", "unit", "draws")}
        shares = {
            "accuracy": {who: [n / samples for n in counts] for who in NETWORKS},
            "interval": {who: [wilson(n, samples) for n in counts] for who in NETWORKS},
        }
        tests.append(told | {"strengths": strengths} | shares)
    return tests


def made(
    steps=(1, 4, 16), own=8, samples=10, right=9, spikes=0.25, names=("relu1", "relu2"), label="digits", **options
):
    """Make a comparison as `compare` does, without any network."""
    robustness, seeds = options.get("robustness", True), options.get("seeds", 1)
    taken = sorted({*steps, own})
    converted = [entry(t, names, samples=samples, right=right, spikes=spikes) for t in steps]
    converted = [e | {"agreement": 1.0} for e in converted]
    surrogate = [entry(t, ["leaky"], samples=samples, right=right, spikes=spikes) for t in taken]
    early = [entry(steps[-1], names, samples=samples, right=right, spikes=spikes / 2)]
    early = [e | {"margin": 1.5, "duration": 4.25, "neuron_updates": 12.5} for e in early]
    work = energy.Work(macs=12_345)
    middle = steps[len(steps) // 2]
    y, answers = np.zeros(samples, np.int64), np.where(np.arange(samples) < right, 0, 1)
    given = {"twin": steps, "converted": steps, "surrogate": taken}
    accuracy = {"accuracy": right / samples, "interval": wilson(right, samples)}
    training = {"epochs": 3, "seconds": 1.25}
    data = {"name": label, "train": 100, "validation": 20, "test": samples, "shape": [1, 8, 8]}
    results = {
        "schema": 1,
        "version": "9.8.7",
        "settings": {"seed": 77, "epochs": None},
        "machine": {"platform": "Test-OS", "python": "3.99", "threads": 2},
        "data": data | {"classes": ["cat", label]},
        "ann": accuracy
        | {"model": "cnn", "training": training, "parameters": 678, "macs": work.macs, "images_per_second": 4321.0},
        "twin": [describe_twin(t, answers, answers, y) for t in steps],
        "converted": converted,
        "surrogate": {
            "model": "spiking-cnn",
            "training": {"loaded": "/somewhere/else.pt"},
            "steps": own,
            "torch_accuracy": right / samples,
            "parameters": 679,
            "by_steps": surrogate,
        },
        "early_exit": early,
        "energy": [price(model, work, converted, surrogate, early) for model in energy.MODELS],
        "raster": {"label": 1, "converted_steps": middle, "surrogate_steps": own},
    }
    tests = {who: paired_tests(dict.fromkeys(ts, answers), y, y, 0.005) for who, ts in given.items()}
    results["tests"] = {"margin": 0.005, "images_needed": images_needed(0.005)} | tests
    results["fronts"] = fronts(results)
    metrics = {"footprint": 5_000, "connection_sparsity": 0.25, "activation_sparsity": 0.5, "effective_macs": 100.0}
    metrics |= {"effective_acs": 200.0, "dense": 300.0, "membrane_updates": 400.0}
    results["neurobench"] = {"steps": {"converted": steps[0], "surrogate": own}} | dict.fromkeys(NETWORKS, metrics)
    if robustness:
        results["robustness"] = {"steps": results["neurobench"]["steps"], "seed": 0, "tests": perturbed(right, samples)}
    if seeds > 1:
        results["seeds"] = summarise([copy.deepcopy(results) for _ in range(seeds)], list(range(seeds)), 0.005)
    arrays = {"f_i/input": np.linspace(-0.5, 1.5, 5)} | {
        f"f_i/{k}": np.linspace(0.0, 1.0, 5) for k in ("if", "lif", "relu")
    }
    for who, ts in (("converted", steps), ("surrogate", taken)):
        for t in ts:
            arrays[f"{who}/T={t}/latency"] = np.full(samples, 3)
            arrays[f"{who}/T={t}/predictions"] = np.ones(samples, dtype=np.int64)
    some = np.array([[1, 0], [2, 99]] if spikes else np.empty((0, 2)), dtype=np.int64)
    arrays |= {f"raster/converted/{name}": some for name in names} | {"raster/surrogate/leaky": some}
    return Comparison(results, arrays)


@pytest.fixture(scope="module")
def text():
    return render(made())


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_frame(text, page):
    assert text.startswith("<!DOCTYPE html>")
    assert page.all("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in page.all("meta")
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))
    assert "Artificial and spiking networks on digits" in page.text


def test_holds_every_figure(page):
    results = made().results
    expected = ["90.00 %", "59.6 to 98.2", "12,345", "9.8.7", "seed 77", "Test-OS, 2 threads", "Python 3.99", "4,321"]
    expected += ["678 parameters", "3 epochs in 1.2 s", "679 parameters; weights of an earlier run", "of class digits"]
    for cost in results["energy"]:
        expected += [cost["title"], *cost["assumptions"]]
        for row in (*cost["converted"], *cost["surrogate"]):
            for value in (1e9 * row["artificial"], 1e9 * row["spiking"]):
                expected.append(f"{value:,.0f}" if value >= 1000 else f"{value:.1f}")
            expected.append(f"{row['break_even_spikes_per_neuron']:.2f}")
    for run in (*results["converted"], *results["surrogate"]["by_steps"]):
        expected += [f"{run['images_per_second']:,.0f}", f"{run['events_per_second']:,.0f}", f"{run['duration']}"]
    assert [text for text in expected if text not in page.text] == []
    assert "earlier run" in page.text
    assert "/somewhere" not in page.text
    assert "None" not in page.text


def test_marks_where_spiking_costs_less(page):
    results = made().results
    rows = [row for cost in results["energy"] for who in ("converted", "surrogate") for row in cost[who]]
    cheaper = sum(row["spiking"] < row["artificial"] for row in rows)
    assert 0 < cheaper < len(rows)
    on_fronts = sum(front.endswith("+latency") for point in results["fronts"] for front in point["fronts"])
    found = [row for who in NETWORKS[1:] for row in results["tests"][who]]
    shown = sum(row[key] < 0.05 for row in found for key in ("p_difference_holm", "p_equivalence_holm"))
    marked = [cell for cell in page.all("td") if cell.get("class") == "cheaper"]
    assert len(marked) == cheaper + on_fronts + shown


def test_needs_nothing_else(text, page):
    assert not page.all("script")
    assert not page.all("link")
    for _, attrs in page.tags:
        for name in ("src", "href"):
            assert attrs.get(name, "data:").startswith("data:")
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]


def test_figures(page):
    assert len(page.all("img")) == len(page.all("figcaption")) == 10
    for image in page.all("img"):
        assert len(image["alt"]) > 20
        kind, data = image["src"].split(",")
        assert kind == "data:image/svg+xml;base64"
        assert b"<svg" in base64.b64decode(data)


def test_tables(page):
    assert len(page.all("caption")) == len(page.all("table")) == 9
    assert {cell["scope"] for cell in page.all("th")} == {"col", "row", "colgroup"}


@pytest.mark.parametrize(
    "options",
    [
        {"steps": (16,), "own": 16},
        {"steps": (3,), "own": 500},
        {"samples": 1, "right": 1},
        {"samples": 1, "right": 0},
        {"seeds": 2, "robustness": False, "steps": (4,)},
        {"spikes": 0.0},
        {"names": [f"a.very.long.name.of.a.layer.that.goes.on.{i}" for i in range(9)]},
        {"steps": tuple(range(1, 40))},
        {"names": [HOSTILE], "label": HOSTILE},
    ],
)
def test_edges(options):
    comparison = made(**options)
    page = Page(render(comparison))
    assert not page.all("script")
    assert not re.search(r"\b(nan|inf)\b", page.text)
    if "label" in options:
        assert page.text.count(HOSTILE) > 2


def test_neither_changes_nor_heeds_settings_of_matplotlib(text):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 3.0, "text.usetex": True, "figure.facecolor": "black"}):
        again = render(made())
        assert mpl.rcParams["font.size"] == 3.0
    assert again == text


def test_robustness_and_trainings_are_shown_where_they_were_measured(page):
    trained = Page(render(made(seeds=4)))
    for text in ("Robustness", "eyes covered", "coarse weights"):
        assert text in page.text
    assert "Over 4 trainings" in trained.text
    assert "seeds 0 to 3" in trained.text
    assert len(trained.all("img")) == len(page.all("img")) + 2


def test_too_few_images_for_equivalence_are_told(page, capsys):
    assert "With 10 images no equivalence to within 0.5 points can be shown" in page.text
    for samples in (538, 539):
        print_table(made(samples=samples, right=samples).results)
        assert ("cannot show equivalence" in capsys.readouterr().out) == (samples == 538)


@pytest.mark.parametrize(("p", "text"), [(1.0, "1.00"), (0.123, "0.12"), (0.0456, "0.046"), (1e-9, "< 0.001")])
def test_p_values(p, text):
    assert p_value(p) == text


@pytest.mark.parametrize("columns", [80, 100])
def test_terminal_table_fits(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    comparison = made(steps=(1, 16, 256), own=1024, samples=10_000, right=10_000, label="a [bold]set[/bold]", seeds=2)
    comparison.results["converted"][-1] |= {"spikes": 999_940.0, "synaptic_operations": 1.2345e9}
    print_table(comparison.results)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= columns
    assert "…" not in printed
    assert "\x1b" not in printed
    assert [
        word
        for word in ("1024*", "100.00", "1.23G", "1.00M", "[bold]set", "eyes covered", "Over 2")
        if word not in printed
    ] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (0.0693, "0.0693"), (5.0, "5.00"), (548, "548"), (999.9, "1.00k"), (3.2e6, "3.20M")],
)
def test_brief_numbers(value, text):
    assert _brief(value) == text
