"""Claim: too large a learning rate diverges, too small a one crawls, and where the border lies can be computed.

On a quadratic loss each direction of curvature c goes by (1 - rate c) a step, so gradient descent converges just
where rate < 2 / (largest curvature). The loss here: mean squared error of a linear model of the progression of
diabetes.

Run: python examples/claims/learning_rate.py [PICTURE.png]
"""

import sys

import numpy as np

import ann


def descend(x: np.ndarray, y: np.ndarray, rate: float, steps: int) -> np.ndarray:
    """Return the loss before every step of gradient descent from 0."""
    w, losses = np.zeros(x.shape[1]), []
    for _ in range(steps):
        error = x @ w - y
        losses.append((error**2).mean())
        w = w - rate * 2 * x.T @ error / len(x)
    return np.array(losses)


def main(picture: str = "learning_rate.png", steps: int = 200) -> dict[float, float]:
    """Descend at several rates; returns the loss left, as a share of what could be gone, by rate over the border."""
    import matplotlib.pyplot as plt

    data = ann.load("diabetes", seed=0)
    x = np.column_stack([data.x_train, np.ones(len(data.x_train))]).astype(np.float64)
    y = data.y_train[:, 0].astype(np.float64)
    y /= y.std()
    border = 2 / np.linalg.eigvalsh(2 * x.T @ x / len(x))[-1]
    best = ((x @ np.linalg.lstsq(x, y, rcond=None)[0] - y) ** 2).mean()
    figure, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    found = {}
    for share in (0.001, 0.1, 0.9, 1.02):
        losses = descend(x, y, share * border, steps)
        found[share] = float((losses[-1] - best) / (losses[0] - best))
        print(f"rate {share * border:.4f} = {share:5} of the border: {found[share]:.2g} of the loss left to lose")
        ax.semilogy(losses, label=f"{share:g} of the border")
    ax.axhline(best, color="grey", linestyle=":", label="the least there is")
    ax.set(xlabel="steps", ylabel="mean squared error (variances)", title=f"the border: 2 / curvature = {border:.3f}")
    ax.legend()
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
