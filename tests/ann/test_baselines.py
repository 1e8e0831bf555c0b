import numpy as np
import pytest

import ann


def test_principal_components_lose_least_and_come_in_order():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2, 3)) * np.array([4.0, 2.0, 1.0]) + 5.0
    found = ann.principal_components(x, 2)
    np.testing.assert_allclose(found.components @ found.components.T, np.eye(2), atol=1e-12)
    variance = found.encode(x).var(axis=0)
    assert variance[0] > variance[1]
    # What is lost is the variance along the directions left out.
    values = np.linalg.eigvalsh(np.cov(x.reshape(50, -1).T, bias=True))
    assert ((found.reconstruct(x) - x) ** 2).sum() / 50 == pytest.approx(values[:-2].sum())
    np.testing.assert_allclose(ann.principal_components(x, 6).reconstruct(x), x)
    with pytest.raises(ann.ValidationError, match=r"count = 7"):
        ann.principal_components(x, 7)


def test_clusters_are_found_and_judged():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 30)
    x = rng.normal(size=(90, 2)) * 0.1 + np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])[y]
    for told in (ann.k_means(x, 3), ann.dbscan(x, 0.5)):
        assert ann.purity(told, y) == 1.0
        assert set(told) == {0, 1, 2}
    alone = ann.dbscan(np.concatenate([x, [[9.0, 9.0]]]), 0.5)
    assert alone[-1] == -1
    assert ann.purity(alone, np.append(y, 0)) == 90 / 91
    assert ann.purity(np.zeros(90, int), y) == pytest.approx(1 / 3)


def test_rings_are_told_apart_by_density_and_not_by_means():
    angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    x = np.concatenate([r * np.stack([np.cos(angle), np.sin(angle)], axis=1) for r in (1.0, 3.0)])
    y = np.repeat([0, 1], 100)
    assert ann.purity(ann.dbscan(x, 0.5), y) == 1.0
    assert ann.purity(ann.k_means(x, 2), y) < 0.8


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: ann.k_means(x, 0), "clusters = 0"),
        (lambda x: ann.k_means(x, 9), "clusters = 9"),
        (lambda x: ann.dbscan(x, 0.0), "distance = 0"),
        (lambda x: ann.dbscan(x, 1.0, 0), "neighbours = 0"),
        (lambda x: ann.k_means(x * np.nan, 2), "finite samples"),
        (lambda x: ann.k_means(x[:, 0], 2), "finite samples"),
        (lambda x: ann.purity(np.zeros(3, int), np.zeros(4, int)), "as many as there are classes"),
    ],
)
def test_bad_arguments_are_refused(call, says):
    with pytest.raises(ann.ValidationError, match=says):
        call(np.ones((8, 2)))
