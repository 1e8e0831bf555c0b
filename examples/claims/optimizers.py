"""Claim: on the way to the same place, momentum and adaptive steps take fewer epochs than plain gradient descent.

Run: python examples/claims/optimizers.py [PICTURE.png]
"""

import sys

import ann

RATES = {"gradient-descent": 0.5, "sgd": 0.1, "momentum": 0.05, "adam": 3e-3, "nadam": 3e-3}


def main(picture: str = "optimizers.png", epochs: int = 20) -> dict[str, float]:
    """Train the same network by each; returns the last training loss."""
    import matplotlib.pyplot as plt

    data = ann.load("digits", seed=0)
    figure, ax = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    found = {}
    for name, rate in RATES.items():
        model = ann.build("mlp", data.shape, data.n_classes, seed=0)
        record = ann.fit(
            model, data, epochs=epochs, optimizer=name, learning_rate=rate, schedule="constant", keep="last"
        )
        found[name] = record.train_loss[-1]
        accuracy = ann.accuracy(model, data.x_test, data.y_test)
        print(f"{name:17} loss {found[name]:.4f} after {epochs} epochs, test accuracy {accuracy:.1%}")
        ax.semilogy(range(1, epochs + 1), record.train_loss, label=f"{name} ({rate:g})")
    ax.set(xlabel="epoch", ylabel="training loss (nats)", title="An MLP on digits, by optimizer (learning rate)")
    ax.legend()
    figure.savefig(picture, dpi=120)
    plt.close(figure)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
