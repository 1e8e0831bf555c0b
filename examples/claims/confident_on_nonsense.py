"""Claim: a network is confident on nonsense, an artificial one and a spiking one alike.

Both learn digits; then they are shown noise, and digits cut into four parts and put together in another order.
Neither has an answer for "none of these" (A. Nguyen, J. Yosinski and J. Clune, "Deep neural networks are easily
fooled", CVPR 2015).

Run: python examples/claims/confident_on_nonsense.py [PICTURE.png]
"""

import sys
from dataclasses import asdict, replace

import numpy as np

import ann


def cut_up(images: np.ndarray) -> np.ndarray:
    """Put the quarters of each image together in another order."""
    top, bottom = np.split(images, 2, axis=2)
    (a, b), (c, d) = np.split(top, 2, axis=3), np.split(bottom, 2, axis=3)
    return np.concatenate([np.concatenate([d, c], axis=3), np.concatenate([b, a], axis=3)], axis=2)


def confidence(model, images: np.ndarray) -> np.ndarray:
    """Return the probability that each image's answer is given, by softmax of the scores."""
    scores = ann.evaluate(model, images)
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (scores / scores.sum(axis=1, keepdims=True)).max(axis=1)


def main(picture: str = "confident_on_nonsense.png", epochs: int | None = None) -> dict[str, dict[str, float]]:
    """Train both networks; returns how many answers of each are given with more than 90 % confidence."""
    import matplotlib.pyplot as plt

    data, rng = ann.load("digits", seed=0), np.random.default_rng(0)
    shown = {
        "digits": data.x_test,
        "noise": rng.random(data.x_test.shape, np.float32),
        "cut up": cut_up(data.x_test),
    }
    figure, axes = plt.subplots(2, 3, figsize=(9, 5), layout="constrained")
    for ax, (name, images) in zip(axes[0], shown.items(), strict=True):
        ax.imshow(images[3, 0], cmap="gray_r", vmin=0, vmax=1)
        ax.set(title=name, xticks=[], yticks=[])
    found: dict[str, dict[str, float]] = {}
    for kind, name in (("artificial", "mlp"), ("spiking", "spiking-mlp")):
        model, recipe = ann.build(name, data.shape, data.n_classes, seed=0), ann.RECIPES[name, "digits"]
        ann.fit(model, data, **asdict(replace(recipe, epochs=epochs or recipe.epochs)))
        found[kind] = {}
        for ax, (what, images) in zip(axes[1], shown.items(), strict=True):
            sure = confidence(model, images)
            found[kind][what] = float((sure > 0.9).mean())
            print(f"{kind:10} {what:7} {found[kind][what]:.0%} of the answers given with more than 90 % confidence")
            ax.hist(sure, np.linspace(0, 1, 21), alpha=0.5, label=kind)
    axes[1, 0].set(ylabel="images")
    axes[1, 0].legend(loc="upper left")
    for ax in axes[1]:
        ax.set(xlabel="confidence")
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
