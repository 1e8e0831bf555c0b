"""Speed of rate-converted networks against dense time loops that run the same networks; a JSON line a case.

Two networks of random weights, at most a tenth of whose neurons fire in a step: a CNN (5 x 5 x 16, pooling, 5 x 5 x 32,
pooling, dense) and an MLP (784-1200-1200-10). They are converted, and the peers get the weights of the converted
network, in units of its thresholds, and its initial charge: the same neurons, so the same activity. All peers run
alternately in one process, each as long as the others wait; the input is constant in time, nothing else is recorded
than what the answer needs. The peers are

- a plain loop over steps in torch, the first layer's current computed once;
- snnTorch's `Leaky` with beta = 1 and reset by subtraction;
- SpikingJelly's `IFNode` with soft reset, step by step and all steps of a layer at once (the faster of the two).

SpikingJelly 2.0 also needs `loguru`, as it declares; where it cannot be imported it is left out, and "notes" say why.

Ratios are of medians; times of the processor are beside those of the wall clock, for machines that do other things
meanwhile. Run: python benchmarks/conversion_speed.py --threads 2
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import bridge

STEPS = 32
QUIET = 0.75  # of a layer's activations are zero


def network(name: str) -> tuple[nn.Sequential, np.ndarray]:
    """Return a module of random weights, and 100 samples."""
    torch.manual_seed(0)
    if name == "mlp":
        samples = torch.rand(100, 784)
        wide, last = nn.Linear(1200, 1200), nn.Linear(1200, 10)
        module = nn.Sequential(nn.Linear(784, 1200), nn.ReLU(), wide, nn.ReLU(), last)
    else:
        samples = torch.rand(100, 1, 28, 28)
        first, second = nn.Conv2d(1, 16, 5), nn.Conv2d(16, 32, 5)
        pools = nn.AvgPool2d(2), nn.AvgPool2d(2)
        module = nn.Sequential(
            first, nn.ReLU(), pools[0], second, nn.ReLU(), pools[1], nn.Flatten(), nn.Linear(512, 10)
        )
    with torch.no_grad():
        x = samples[:20]
        for layer in module[:-1]:
            if hasattr(layer, "weight"):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
                layer.bias.fill_(-torch.quantile(layer(x).flatten(), QUIET))
            x = layer(x)
    return module.eval(), samples.numpy()


class Peer:
    """The converted network as dense layers of torch: weights in thresholds, pooling in front of what reads it."""

    def __init__(self, module: nn.Sequential, thresholds: list[np.ndarray]):
        self.layers = [layer for layer in module if hasattr(layer, "weight")]
        self.images = isinstance(self.layers[0], nn.Conv2d)
        unit = torch.ones(1)
        with torch.no_grad():
            for layer, threshold in zip(self.layers, [*thresholds, None], strict=True):
                said = torch.ones(len(layer.bias)) if threshold is None else torch.tensor(threshold).float()
                each = unit if layer.weight.dim() == 4 else unit.repeat_interleave(layer.weight.shape[1] // len(unit))
                each = each.reshape(1, -1, 1, 1) if layer.weight.dim() == 4 else each
                layer.weight.mul_(each / said.reshape(-1, *[1] * (layer.weight.dim() - 1)))
                layer.bias.div_(said)
                unit = said

    def current(self, i: int, spikes: torch.Tensor) -> torch.Tensor:
        """Return what layer i receives."""
        if self.images and i:
            spikes = functional.avg_pool2d(spikes, 2)
            spikes = spikes.flatten(1) if i == 2 else spikes
        return self.layers[i](spikes)

    def torch_loop(self, x: torch.Tensor) -> torch.Tensor:
        """Run all steps, nothing but tensors; returns the sum of the output."""
        first, v, out = self.current(0, x), [None, None], 0.0
        for _ in range(STEPS):
            spikes = first
            for i in range(2):
                current = first if i == 0 else self.current(i, spikes)
                v[i] = current + 0.5 if v[i] is None else v[i].add_(current)
                spikes = (v[i] >= 1.0).to(current.dtype)
                v[i].sub_(spikes)
            out = out + self.current(2, spikes)
        return out

    def snntorch(self, device: torch.device | str = "cpu") -> Callable[[torch.Tensor], torch.Tensor]:
        """Return the loop over steps with snnTorch's neurons."""
        import snntorch

        neurons = [snntorch.Leaky(beta=1.0, threshold=1.0, reset_mechanism="subtract").to(device) for _ in range(2)]

        def run(x):
            first, out = self.current(0, x), 0.0
            v = [torch.full_like(first, 0.5), torch.tensor(0.5, device=device)]
            for _ in range(STEPS):
                spikes = first
                for i, neuron in enumerate(neurons):
                    spikes, v[i] = neuron(first if i == 0 else self.current(i, spikes), v[i])
                out = out + self.current(2, spikes)
            return out

        return run

    def spikingjelly(self, mode: str) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return the loop over steps ("s"), or over layers ("m"), with SpikingJelly's neurons."""
        from spikingjelly.activation_based import neuron

        neurons = [neuron.IFNode(v_threshold=1.0, v_reset=None, step_mode=mode).eval() for _ in range(2)]

        def run(x):
            for one in neurons:
                one.reset()
                one.v = 0.5
            first, out = self.current(0, x), 0.0
            if mode == "s":
                for _ in range(STEPS):
                    spikes = neurons[1](self.current(1, neurons[0](first)))
                    out = out + self.current(2, spikes)
                return out
            spikes = neurons[0](first.expand(STEPS, *first.shape).contiguous())
            currents = self.current(1, spikes.flatten(0, 1))
            spikes = neurons[1](currents.view(STEPS, -1, *currents.shape[1:]))
            return self.current(2, spikes.flatten(0, 1)).view(STEPS, -1, 10).sum(0)

        return run


def alternate(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, np.ndarray]:
    """Return wall-clock and processor times of each run, (repeats, 2), taken in turns after one that is not counted."""
    times = {name: np.zeros((repeats, 2)) for name in runs}
    for i in range(-1, repeats):
        for name, run in runs.items():
            wall, processor = time.perf_counter(), time.process_time()
            run()
            if i >= 0:
                times[name][i] = time.perf_counter() - wall, time.process_time() - processor
    return times


def measure(name: str, batch: int, threads: int, repeats: int) -> list[dict]:
    """Time a network against all peers."""
    module, samples = network(name)
    converted = bridge.convert(module, samples, steps=STEPS)
    sizes = [layer.layout.size for layer in converted.layers[:-1]]
    activity = converted.run(samples[:20]).spikes.mean(axis=0) / sizes / STEPS
    peer = Peer(module, list(converted.thresholds.values()))
    x, chosen = torch.tensor(samples[:batch]), samples[:batch]
    runs: dict[str, Callable[[], object]] = {
        "allornone": lambda: converted.run(chosen, threads=threads, batch=batch),
        "torch loop": lambda: peer.torch_loop(x),
        "snntorch": (lambda run: lambda: run(x))(peer.snntorch()),
    }
    missing = []
    try:
        runs["spikingjelly"] = (lambda run: lambda: run(x))(peer.spikingjelly("s"))
        runs["spikingjelly, layer by layer"] = (lambda run: lambda: run(x))(peer.spikingjelly("m"))
    except ImportError as error:
        missing = [f"without spikingjelly: {error}"]
    with torch.no_grad():
        times = alternate(runs, repeats)
    mine = np.median(times["allornone"], axis=0)
    lines = []
    for other, taken in times.items():
        wall, processor = np.median(taken, axis=0)
        lines.append(
            {
                "benchmark": "conversion speed",
                "network": name,
                "T": STEPS,
                "batch": batch,
                "threads": threads,
                "activity": [round(float(a), 4) for a in activity],
                "peer": other,
                "images_per_s": round(batch / wall, 1),
                "images_per_s_best": round(batch / taken[:, 0].min(), 1),
                "ms_an_image": round(1e3 * wall / batch, 4),
                "cpu_ms_an_image": round(1e3 * processor / batch, 4),
                "ratio": round(wall / mine[0], 2),
                "cpu_ratio": round(processor / mine[1], 2),
                "notes": missing,
            }
        )
    return lines


def main() -> None:
    """Print a JSON line for every network, batch and peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="cnn,mlp")
    parser.add_argument("--batches", default="1,100")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5, help="of a batch; single images ten times as often")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.networks.split(","):
        for batch in map(int, options.batches.split(",")):
            repeats = options.repeats * (10 if batch == 1 else 1)
            for line in measure(name, batch, options.threads, repeats):
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
