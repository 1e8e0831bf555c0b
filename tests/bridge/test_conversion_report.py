import json
from dataclasses import replace

import numpy as np
import pytest
from pages import HOSTILE, Page
from torch import nn

import bridge
from bridge.conversion_report import ConversionReport, suggest
from bridge.errors import OutputError
from bridge.measurement import PARTS, LayerError, Measurement
from bridge.plan import Verdict

POINTS = np.array([[0.5, 0.5], [1.0, 0.75]])


def layer(name, *, total=0.1, influence=0.05, clipped=0.1, dead=0, silent=0, neurons=100, points=POINTS, **parts):
    every = dict.fromkeys(PARTS, 0.0) | {name.replace("_", " "): value for name, value in parts.items()}
    return LayerError(name, neurons, 1.25, every, total, influence, clipped, dead, silent, points)


def measurement(*layers, accuracy=None, gain=1.5):
    firing = [layer.name for layer in layers[:-1]]
    work = {name: 10.0 * (i + 1) for i, name in enumerate(firing)}
    return Measurement(50, layers, work, {name: 7 * n for name, n in work.items()}, 0.98, 0.96, accuracy or {}, gain)


def report(*layers, name="relu1", **options):
    nodes = (
        Verdict("x", "Input", "exact", "flows as a current"),
        Verdict(name, "ReLU", "quantised", "says it in 9 levels"),
        Verdict("norm", "BatchNorm", "merged", "taken into the weights of out"),
    )
    measured = measurement(*layers, **options) if layers else None
    return ConversionReport("rate", {"T": 8}, nodes, (f"{name} has silent channels",), measured)


USUAL = layer("relu1", quantisation=0.04, clipping=0.01), layer("out", inherited=0.09, unevenness=0.02, influence=0.0)


def test_the_text_has_every_node_and_every_layer():
    text = str(report(*USUAL, accuracy={"network": 0.99, "twin": 0.97, "spiking": 0.98}))
    for word in ("rate, T = 8", "3 nodes", "1 quantised", "says it in 9 levels", "taken into the weights of out"):
        assert word in text
    assert "network 99 %, twin 97 %, spiking 98 %" in text
    row = next(line for line in text.splitlines() if line.split()[:2] == ["relu1", "100"])
    assert row.split()[2:] == ["10.00", "1.00", "4.00", "0.00", "0.00", "0.00", "5.00", "10.0", "70.0"]
    assert "- relu1 has silent channels" in text
    assert "Errors" not in str(report())


def test_json_has_it_all_and_nothing_that_json_lacks():
    told = json.loads(json.dumps(report(*USUAL).to_json(), allow_nan=False))
    assert [node["node"] for node in told["nodes"]] == ["x", "relu1", "norm"]
    assert told["settings"] == {"T": 8}
    assert told["measurement"]["layers"][0]["quantisation"] == 0.04
    assert told["measurement"]["operations"] == {"relu1": 70.0}
    assert told["notes"] == ["relu1 has silent channels"]
    assert told["measurement"]["gain"] == 1.5
    assert report(*USUAL, gain=np.nan).to_json()["measurement"]["gain"] is None
    assert report().to_json()["measurement"] is None


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ([layer("a"), layer("out", total=0.001)], "nothing needs to be done"),
        ([layer("a", influence=0.2), layer("b"), layer("out", inherited=0.1)], "first of all to a"),
        ([layer("a"), layer("b", influence=0.3), layer("out", inherited=0.1)], "first of all to b"),
        ([layer("a"), layer("out", inherited=0.1, unevenness=0.2)], "come unevenly"),
        ([layer("a"), layer("out", inherited=0.1, input_coding=0.2)], "input's code"),
        (
            [layer("a", clipping=0.3, clipped=0.125), layer("out")],
            "a clips 12.5 % of its activations, which costs 30 %",
        ),
        ([layer("a", dead=20), layer("out")], "20 of the 100 neurons of a are 0 for all 50 samples"),
        ([layer("a", silent=6), layer("out")], "6 of the 100 neurons of a never spike"),
        ([layer("2", silent=6), layer("4")], "6 of the 100 neurons of layer 2 never spike"),
    ],
)
def test_suggestions(layers, says):
    assert says in " ".join(suggest(measurement(*layers)))


def test_a_network_that_magnifies_its_input_is_told_of():
    layers = layer("a"), layer("out", inherited=0.1)
    assert "215 times as much as a small change of its input" in " ".join(suggest(measurement(*layers, gain=215.0)))
    assert "small change" not in " ".join(suggest(measurement(*layers, gain=np.nan)))
    assert "The network's own gain: 1.5" in str(report(*layers))
    assert "own gain" not in str(report(*layers, gain=np.nan))


def test_no_word_of_what_is_small():
    layers = [layer("a", clipping=0.01, quantisation=0.02, dead=3, silent=3), layer("out", total=0.001)]
    assert suggest(measurement(*layers)) == ["The output is within 1 % of the network's: nothing needs to be done."]


@pytest.mark.parametrize(
    "made",
    [
        report(),
        report(*USUAL, accuracy={"network": 1.0, "twin": 1.0, "spiking": 0.5}),
        report(*[layer(f"a.very.long.name.of.layer.{i}", quantisation=0.1) for i in range(60)], layer("out")),
        report(layer(HOSTILE), layer("out"), name=HOSTILE),
        report(layer("out", points=np.empty((0, 2)))),
        report(layer("relu1", points=np.empty((0, 2)), unevenness=np.inf, total=np.inf), layer("out")),
    ],
    ids=["unmeasured", "usual", "deep", "hostile", "linear", "dead"],
)
def test_the_page_holds_the_report_and_needs_nothing_else(made, tmp_path):
    made.save_html(tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not page.all("script")
    assert not page.all("link")
    assert all(image["src"].startswith("data:image/svg+xml;base64") for image in page.all("img"))
    assert [node for node in made.nodes if node.node not in page.text or node.reason not in page.text] == []
    for sentence in (*made.suggestions(), *made.notes):
        assert sentence in page.text
    figures = 0 if made.measurement is None else 2 + bool(made.measurement.spikes)
    assert len(page.all("img")) == figures
    assert "nan" not in page.text.split()


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match=r"cannot write to the folder .*taken"):
        report().save_html(tmp_path / "taken" / "report.html")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        report().save_html(tmp_path / "report.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "taken"]


def test_verdicts_of_a_network_with_everything_that_is_merged():
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(5, 3),
    )
    x = np.random.default_rng(0).normal(size=(5, 2, 8, 10))
    made = bridge.convert(module.eval(), x, steps=8).report
    found = {node.node: (node.verdict, node.reason) for node in made.nodes}
    assert {name: verdict for name, (verdict, _) in found.items()} == {
        "input": "exact",
        "0": "merged",
        "1": "merged",
        "2": "quantised",
        "3": "exact",
        "4": "exact",
        "5": "quantised",
        "6": "merged",
        "7": "merged",
        "9": "exact",
    }
    assert found["0"][1] == "taken into the weights of 1"
    assert found["6"][1] == "taken into the weights of 9"
    assert "9 levels" in found["2"][1]
    assert made.measurement is None
    assert replace(made, measurement=measurement(*USUAL)).suggestions()
