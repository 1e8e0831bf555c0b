"""Claim: a conditional generative adversarial network draws the digit that it is asked for.

Generator and discriminator are both told the class (M. Mirza and S. Osindero, "Conditional generative adversarial
nets", 2014). What is drawn is shown to a classifier that was trained apart.

Run: python examples/claims/conditional_gan.py [PICTURE.png]
"""

import sys
from dataclasses import asdict, replace

import numpy as np

import ann


def trained(name: str, data: ann.Dataset, epochs: int | None):
    """Return a model trained by its recipe, or for fewer epochs."""
    model, recipe = ann.build(name, data.shape, data.n_classes, seed=0), ann.find_recipe(name, data)
    ann.fit(model, data, **asdict(replace(recipe, epochs=epochs or recipe.epochs)))
    return model


def main(picture: str = "conditional_gan.png", epochs: int | None = None) -> float:
    """Train both; returns the share of drawn digits that the classifier takes for what was asked."""
    import matplotlib.pyplot as plt

    data = ann.load("digits", seed=0)
    artist, judge = trained("conditional-gan", data, epochs), trained("mlp", data, epochs)
    asked = np.tile(np.arange(10), 50)
    drawn = artist.sample(asked.tolist(), seed=0).detach().numpy()
    share = float((ann.predict(judge, drawn) == asked).mean())
    print(f"{share:.1%} of the drawn digits are what was asked for")
    figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    rows = [np.concatenate(list(drawn[10 * i : 10 * i + 10, 0]), axis=1) for i in range(5)]
    ax.imshow(np.concatenate(rows), cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=np.arange(4, 80, 8), xticklabels=list(range(10)), yticks=[], xlabel="asked for")
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return share


if __name__ == "__main__":
    main(*sys.argv[1:2])
