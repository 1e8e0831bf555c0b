"""Claim: a deep stack of sigmoids that is first taught layer by layer learns what it does not learn at once.

A deep autoencoder, its layers taught one by one as restricted Boltzmann machines, or not; then both are trained as a
whole, the same way (G. Hinton and R. Salakhutdinov, "Reducing the dimensionality of data with neural networks",
Science 313, 2006).

Run: python examples/claims/stacked_pretraining.py [PICTURE.png]
"""

import sys

import numpy as np

import ann


def main(picture: str = "stacked_pretraining.png", epochs: int = 30, pretraining: int = 20) -> dict[str, float]:
    """Train both; returns the mean squared error of the test images, as a share of their variance."""
    import matplotlib.pyplot as plt

    data = ann.load("digits", seed=0)
    variance = ((data.x_test - data.x_train.mean(axis=0)) ** 2).mean()
    figure, (curves, images) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    rows, found = [data.x_test[:8, 0]], {}
    for name, passes in (("pretrained", pretraining), ("not pretrained", 0)):
        model = ann.build(
            "stacked", data.shape, data.n_classes, seed=0, hidden=(128, 64, 32), code=8, pretraining=passes
        )
        record = ann.fit(model, data, epochs=epochs, learning_rate=3e-3)
        answer = ann.evaluate(model, data.x_test).reshape(data.x_test.shape)
        found[name] = float(((answer - data.x_test) ** 2).mean() / variance)
        print(f"{name}: {found[name]:.0%} of the variance is lost")
        curves.plot(range(1, epochs + 1), record.validation_loss, label=name)
        rows.append(answer[:8, 0])
    curves.set(xlabel="epoch of the whole network", ylabel="validation loss", title="64 - 128 - 64 - 32 - 8 and back")
    curves.legend()
    images.imshow(np.concatenate([np.concatenate(list(row), axis=1) for row in rows]), cmap="gray_r", vmin=0, vmax=1)
    images.set(yticks=[4, 12, 20], yticklabels=["image", *found], xticks=[])
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
