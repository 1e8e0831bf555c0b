"""Train a network on handwritten digits, convert it into spikes, and compare the two.

Run: python examples/train_convert_compare.py
"""

from dataclasses import asdict, replace

import ann
import bridge


def main(epochs: int | None = None, samples: int | None = None) -> dict[int, float]:
    """Print the accuracy of the network and of its spiking counterpart; returns the latter by T."""
    data = ann.load("digits", seed=0)
    model = ann.build("cnn", data.shape, data.n_classes, seed=0)
    recipe = ann.RECIPES["cnn", "digits"]
    ann.fit(model, data, **asdict(replace(recipe, epochs=epochs or recipe.epochs)))
    x, y = data.x_test[:samples], data.y_test[:samples]
    print(f"artificial network: {ann.accuracy(model, x, y):.1%}")

    accuracies = {}
    for steps in (1, 4, 32):
        converted = bridge.convert(model, data.x_train, steps=steps)
        answer = converted.run(x)
        accuracies[steps] = float((answer.classes == y).mean())
        spikes = answer.spikes.sum(axis=1).mean()
        print(f"spiking, T = {steps:2}: {accuracies[steps]:.1%} with {spikes:,.0f} spikes an image")
    return accuracies


if __name__ == "__main__":
    main()
