"""How sure a share of right answers is, and whether two networks differ or are as good as each other.

Two networks that answer the same images are paired: what counts are the images that only one of them gets right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution
Z90 = 1.6448536269514722  # two-sided 90 %, one-sided 95 %


def wilson(right: float, total: float) -> tuple[float, float]:
    """Return the 95 % interval of a proportion (Wilson, J. Am. Stat. Assoc. 22, 1927).

    Parameters
    ----------
    right, total : float
        Successes and trials, total > 0; not whole where trials are effective ones.
    """
    share, z2 = right / total, Z95**2 / total
    centre = (share + z2 / 2) / (1 + z2)
    half = Z95 / (1 + z2) * math.sqrt(share * (1 - share) / total + z2 / (4 * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def interval_over_draws(shares: Sequence[float], total: int) -> tuple[float, float]:
    """Return the 95 % interval of a mean share that varies with images and with draws, of lesions for instance.

    Wilson's interval with an effective number of images n_e (Korn & Graubard, Survey Methodology 24, 1998)::

        p (1 - p) / n_e = p (1 - p) / n + s^2 / d

    with the mean p and the variance s^2 of the shares of d draws, all on the same n images.

    Parameters
    ----------
    shares : sequence of float
        Share of right answers of each draw, at least one.
    total : int
        n, at least 1.
    """
    mean, spread = float(np.mean(shares)), mean_variance(shares)
    alone = mean * (1 - mean) / total
    effective = total * alone / (alone + spread) if spread > 0 else total
    return wilson(mean * effective, effective)


def mean_variance(values: Sequence[float]) -> float:
    """Return the variance of the mean of some values, s^2 / n; 0 of a single one."""
    return float(np.var(values, ddof=1)) / len(values) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class Paired:
    """What two networks got right on the same images.

    Attributes
    ----------
    gained, lost : int
        Images that only the first, and only the second, gets right.
    total : int
        All images, at least 1.
    """

    gained: int
    lost: int
    total: int

    @classmethod
    def of(cls, first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> Paired:
        """Count from answers and labels, (images,) each."""
        mine, other = first == labels, second == labels
        return cls(int((mine & ~other).sum()), int((~mine & other).sum()), len(labels))

    @property
    def difference(self) -> float:
        """Accuracy of the first less that of the second."""
        return (self.gained - self.lost) / self.total

    def mcnemar(self) -> float:
        """Return the p of both being equally often right, exact and two-sided (McNemar, Psychometrika 12, 1947).

        Given that gained + lost images differ, gained is binomial with probability 1/2.
        """
        from scipy import stats

        differing = self.gained + self.lost
        return float(stats.binomtest(self.gained, differing).pvalue) if differing else 1.0

    def score(self, difference: float) -> float:
        """Return the score statistic of a true difference d (Tango, Statistics in Medicine 17, 1998).

        z = (b - c - n d) / sqrt(n (2 q + d (1 - d))), with b gained, c lost, and q the most likely probability of a
        loss under d, the larger root of 2 n q^2 - (b + c - (2 n - b + c) d) q - c d (1 - d) = 0.

        It is standard normal if d is true; infinite, or 0 at d itself, where the data leave no variance.
        """
        b, c, n, d = self.gained, self.lost, self.total, difference
        linear = -(b + c) + (2 * n - b + c) * d
        q = (math.sqrt(max(0.0, linear**2 + 8 * n * c * d * (1 - d))) - linear) / (4 * n)
        excess, variance = b - c - n * d, n * (2 * q + d * (1 - d))
        if variance > 1e-12 * n:
            return excess / math.sqrt(variance)
        return math.copysign(math.inf, excess) if abs(excess) > 1e-9 else 0.0

    def interval(self, z: float = Z95) -> tuple[float, float]:
        """Return the differences that the score test does not refuse, 95 % of them by default (Tango 1998)."""
        from scipy.optimize import root_scalar

        edge, best = 1 - 1e-9, self.difference

        def end(sign: int) -> float:
            def room(d: float) -> float:
                return sign * self.score(d) + z

            if (abs(best) > edge and best == sign) or room(sign * edge) >= 0:
                return float(sign)
            return float(root_scalar(room, bracket=(best, sign * edge)).root)

        return end(-1), end(1)

    def equivalence(self, margin: float) -> float:
        """Return the p of the difference being as large as a margin: two one-sided score tests (TOST).

        The larger p of both (Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15, 1987). Below 0.05 the 90 %
        interval of the difference lies within the margin: the networks are equally good to that precision.

        Parameters
        ----------
        margin : float
            Of accuracy, above 0 and below 1.
        """
        from scipy import stats

        return float(max(stats.norm.sf(self.score(-margin)), stats.norm.cdf(self.score(margin))))


def images_needed(margin: float) -> int:
    """Return how many images a test of equivalence needs at least: as many as it takes if no answer differs.

    Then z = sqrt(n m / (1 - m)) in `Paired.score`, which must reach the one-sided 95 % point.
    """
    return math.ceil(Z90**2 * (1 - margin) / margin)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm, Scandinavian Journal of Statistics 6, 1979).

    The k-th smallest of m becomes max over j <= k of min(1, (m - j + 1) p_j). Adjusted so, all may be compared with
    0.05 and the probability of any false alarm is at most that.
    """
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, dtype=np.float64)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted.tolist()


def paired_t(differences: Sequence[float]) -> float:
    """Return the p of a mean difference of 0 over trainings (Student's paired t, two-sided); 1 if all are 0."""
    from scipy import stats

    deviation = math.sqrt(mean_variance(differences))
    mean = float(np.mean(differences))
    if deviation <= 1e-12:
        return 1.0 if abs(mean) <= 1e-12 else 0.0
    return float(2 * stats.t.sf(abs(mean) / deviation, len(differences) - 1))


def paired_t_equivalence(differences: Sequence[float], margin: float) -> float:
    """Return the p of the mean difference over trainings being as large as a margin: two one-sided t-tests."""
    from scipy import stats

    deviation = math.sqrt(mean_variance(differences))
    room = margin - abs(float(np.mean(differences)))
    if deviation <= 1e-12:
        return 0.0 if room > 0 else 1.0
    return float(stats.t.sf(room / deviation, len(differences) - 1))


def paired_tests(
    answers: Mapping[int, np.ndarray], reference: np.ndarray, labels: np.ndarray, margin: float
) -> list[dict[str, Any]]:
    """Test a network at every T against another on the same images; p-values also adjusted for the number of T's.

    Parameters
    ----------
    answers : dict of int to ndarray of int (images,)
        The classes named at every T.
    reference, labels : ndarray of int (images,)
        Those that the other network names, and the true ones.
    margin : float
        Of accuracy, for the test of equivalence.
    """
    rows = []
    for steps, given in answers.items():
        paired = Paired.of(given, reference, labels)
        rows.append(
            {
                "steps": steps,
                "gained": paired.gained,
                "lost": paired.lost,
                "difference": paired.difference,
                "interval": paired.interval(),
                "p_difference": paired.mcnemar(),
                "p_equivalence": paired.equivalence(margin),
            }
        )
    adjust(rows, "p_difference")
    adjust(rows, "p_equivalence")
    return rows


def adjust(rows: list[dict[str, Any]], key: str) -> None:
    """Add to rows with p-values the same adjusted by `holm`, as <key>_holm."""
    for row, adjusted in zip(rows, holm([row[key] for row in rows]), strict=True):
        row[f"{key}_holm"] = adjusted
