import numpy as np
import pytest

from bridge.comparison.fronts import fronts, pareto


def test_pareto_by_hand():
    #        best of both, first only, second only, beaten by the second point, twice the same
    points = [[2, 2], [1, 4], [4, 1], [1, 5], [3, 3], [2, 2]]
    assert pareto(np.array(points)).tolist() == [True, True, True, False, False, True]


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_pareto_is_what_pairs_say(columns):
    points = np.random.default_rng(columns).integers(0, 6, (40, columns))
    expected = [not any((other <= point).all() and (other < point).any() for other in points) for point in points]
    assert pareto(points).tolist() == expected


def test_fronts_of_networks():
    def priced(*energies):
        return [{"artificial": 9.0, "spiking": energy} for energy in energies]

    results = {
        "ann": {"accuracy": 0.9},
        "twin": [{"steps": 1, "accuracy": 0.8}, {"steps": 2, "accuracy": 0.9}],
        "converted": [
            {"steps": 1, "accuracy": 0.7, "duration": 4},
            {"steps": 2, "accuracy": 0.9, "duration": 5},
        ],
        "surrogate": {"by_steps": [{"steps": 2, "accuracy": 0.6, "duration": 3}]},
        "early_exit": [
            {"steps": 2, "margin": 0.5, "accuracy": 0.8, "duration": 4.5},
            {"steps": 2, "margin": 0.1, "accuracy": 0.6, "duration": 4.25},
        ],
        "energy": [
            {
                "model": "a",
                "ann": 9.0,
                "converted": priced(3.0, 10.0),
                "surrogate": priced(4.0),
                "early_exit": priced(8.0, 7.0),
            },
            {
                "model": "b",
                "ann": None,
                "converted": priced(1.0, 2.0),
                "surrogate": priced(0.5),
                "early_exit": priced(1.5, 1.25),
            },
        ],
    }
    found = {(point["network"], point["margin"] or point["steps"]): set(point["fronts"]) for point in fronts(results)}
    assert found == {
        ("ann", None): {"a"},
        ("twin", 1): set(),
        ("twin", 2): {"a"},
        ("converted", 1): {"latency", "a", "a+latency", "b", "b+latency"},
        ("converted", 2): {"latency", "a+latency", "b", "b+latency"},
        ("converted", 0.5): {"latency", "a", "a+latency", "b", "b+latency"},
        ("converted", 0.1): set(),
        ("surrogate", 2): {"latency", "a+latency", "b", "b+latency"},
    }
