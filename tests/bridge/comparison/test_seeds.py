import math

import pytest
from scipy import stats

from bridge.comparison.seeds import describe, summarise
from bridge.comparison.statistics import holm

ANN, CONVERTED = [0.99, 0.97, 0.98], {2: [0.95, 0.96, 0.94], 4: [0.99, 0.97, 0.97]}


def comparison(i):
    entries = [{"steps": t, "accuracy": values[i], "spikes": 100.0 * t + i} for t, values in CONVERTED.items()]
    test = {"name": "noise", "title": "n", "strength": "s", "unit": "u", "strengths": [None, 0.1]}
    return {
        "ann": {"accuracy": ANN[i]},
        "twin": [{key: entry[key] for key in ("steps", "accuracy")} for entry in entries],
        "converted": entries,
        "surrogate": {"by_steps": entries[:1]},
        "robustness": {"tests": [test | {"accuracy": {"ann": [ANN[i], 0.5 + 0.1 * i]}}]},
    }


def test_means_and_deviations_by_hand():
    found = describe([1.0, 2.0, 3.0])
    assert (found["mean"], found["sd"]) == (2.0, 1.0)
    reach = 4.302652729911275 / math.sqrt(3)  # Student's t of 2 degrees of freedom
    assert found["interval"] == pytest.approx([2 - reach, 2 + reach])


def test_trainings_are_paired_with_the_artificial_network_of_their_seed():
    found = summarise([comparison(i) for i in range(3)], [5, 6, 7], 0.01)
    assert found["seeds"] == [5, 6, 7]
    assert found["ann"]["mean"] == pytest.approx(0.98)
    first, second = found["networks"]["converted"]
    assert (first["steps"], second["steps"]) == (2, 4)
    assert first["values"] == CONVERTED[2]
    assert second["difference"]["mean"] == pytest.approx(-0.01 / 3)
    assert first["spikes"]["mean"] == pytest.approx(201.0)
    expected = [stats.ttest_rel(values, ANN).pvalue for values in CONVERTED.values()]
    assert [row["p_difference"] for row in (first, second)] == pytest.approx(expected)
    assert [row["p_difference_holm"] for row in (first, second)] == pytest.approx(holm(expected))
    assert first["p_equivalence"] > 0.5 > second["p_equivalence"]
    assert "spikes" not in found["networks"]["twin"][0]
    assert len(found["networks"]["surrogate"]) == 1
    (noise,) = found["robustness"]
    assert noise["accuracy"]["ann"][1]["mean"] == pytest.approx(0.6)


def test_robustness_is_left_out_where_it_was_not_measured():
    runs = [comparison(i) for i in range(2)]
    del runs[1]["robustness"]
    assert summarise(runs, [0, 1], 0.01)["robustness"] == []
