"""Claim: on data that a plane with margin parts, the perceptron rule makes a bounded number of mistakes.

If all |x| <= R and some unit vector u has y (u x) >= gamma for every sample, there are at most (R / gamma)^2
mistakes, in whatever order and number of dimensions (A. Novikoff, "On convergence proofs for perceptrons", 1962).

Run: python examples/claims/perceptron_convergence.py [PICTURE.png]
"""

import sys

import numpy as np


def separable(margin: float, samples: int, features: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return points of the unit ball with labels -1 and 1, none nearer than `margin` to a plane through 0."""
    u = rng.normal(size=features)
    u /= np.linalg.norm(u)
    x = rng.normal(size=(samples, features))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = np.where(x @ u >= 0, 1, -1)
    # Along u as far from the plane as the margin asks, across it so that |x| = 1.
    along = np.maximum(np.abs(x @ u), margin)
    across = x - np.outer(x @ u, u)
    across *= (np.sqrt(1 - along**2) / np.linalg.norm(across, axis=1))[:, None]
    return across + np.outer(y * along, u), y


def mistakes(x: np.ndarray, y: np.ndarray) -> int:
    """Return how many mistakes the rule makes until it makes none any more."""
    w, total, wrong = np.zeros(x.shape[1]), 0, True
    while wrong:
        wrong = False
        for sample, label in zip(x, y, strict=True):
            if label * (w @ sample) <= 0:
                w += label * sample
                total += 1
                wrong = True
    return total


def main(
    picture: str = "perceptron_convergence.png", samples: int = 500, features: int = 20
) -> dict[float, tuple[int, float]]:
    """Count mistakes for several margins; returns them and their bound by margin."""
    import matplotlib.pyplot as plt

    rng, found = np.random.default_rng(0), {}
    for margin in (0.3, 0.2, 0.1, 0.05, 0.03, 0.02):
        x, y = separable(margin, samples, features, rng)
        found[margin] = mistakes(x, y), (np.linalg.norm(x, axis=1).max() / margin) ** 2
        print(f"margin {margin:4}: {found[margin][0]:5} mistakes, bound {found[margin][1]:7.0f}")
    figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
    ax.loglog(list(found), [bound for _, bound in found.values()], "k--", label="bound (R / margin)²")
    ax.loglog(list(found), [count for count, _ in found.values()], "o-", label="mistakes until there are none")
    ax.set_xticks(list(found), [f"{margin:g}" for margin in found], minor=False)
    ax.minorticks_off()
    ax.set(xlabel="margin (in units of the largest |x|)", ylabel="mistakes", title="Perceptron rule")
    ax.legend()
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
