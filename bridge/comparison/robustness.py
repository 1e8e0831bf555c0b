"""How right networks stay when images get worse, neurons die and weights get coarse: all on the same images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

import snn
from bridge.comparison.perturbations import IMAGES, PERTURBATIONS, Perturbation, coarse, lesions
from bridge.comparison.statistics import interval_over_draws
from bridge.convert import convert, take_over
from bridge.rate import Converted

_BATCH = 256  # images whose values are held at once
_NEVER = 1e30  # a threshold that no potential reaches
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Lesioned(Converted):
    """A spiking network some of whose neurons never fire.

    Attributes
    ----------
    silenced : dict of str to ndarray of bool (neurons,)
        By layer, true where a neuron is silent; in the graph's order, channels first.
    """

    silenced: Mapping[str, np.ndarray]

    def _simulation(
        self, batch: int, threads: int, device: str, spikes: Literal["listed", "counted"]
    ) -> snn.Simulation:
        # As without lesions, but the silent neurons' thresholds are out of reach.
        simulation = super()._simulation(batch, threads, device, spikes)
        for layer in self.layers:
            if layer.name in self.silenced:
                population = self.network.populations[layer.name]
                model: Any = population.model
                dead = self.silenced[layer.name][layer.layout.order]
                simulation.set(population, v_threshold=np.where(dead, _NEVER, model.v_threshold))
        return simulation


def lesion(converted: Converted, silenced: Mapping[str, np.ndarray]) -> Lesioned:
    """Return a converted network with some of its neurons silenced; see `Lesioned`."""
    kept: dict[str, Any] = {part.name: getattr(converted, part.name) for part in fields(converted) if part.init}
    return Lesioned(**{**kept, "silenced": silenced})


@dataclass(frozen=True, eq=False)
class Contestants:
    """The networks that are put to the test, all from the same two trained modules.

    Attributes
    ----------
    artificial, spiking : torch.nn.Module
        The ReLU network, and what a spiking network does in one step.
    converted, taken : Converted
        The first converted, and the second as it is.
    """

    artificial: Any
    spiking: Any
    converted: Converted
    taken: Converted

    def answers(self, x: np.ndarray, threads: int) -> dict[str, np.ndarray]:
        """Return the classes that each network names, (images,) by the network's name."""
        import ann

        return {
            "ann": ann.predict(self.artificial, x),
            "twin": self._graph(x, {}, self.converted.quantise),
            "converted": self.converted.run(x, threads=threads).classes,
            "surrogate": self.taken.run(x, threads=threads).classes,
        }

    def lesioned(self, x: np.ndarray, strength: float, seed: tuple[int, ...], threads: int) -> dict[str, np.ndarray]:
        """Return the same with a share (%) of all hidden units silenced."""
        mine, theirs = (_chosen(network, strength, seed) for network in (self.converted, self.taken))
        return {
            "ann": self._graph(x, mine, lambda name, value: value),
            "twin": self._graph(x, mine, self.converted.quantise),
            "converted": lesion(self.converted, mine).run(x, threads=threads).classes,
            "surrogate": lesion(self.taken, theirs).run(x, threads=threads).classes,
        }

    def coarse(self, bits: int, samples: np.ndarray) -> Contestants:
        """Return the networks with weights of so many bits; the first is converted anew, on the same samples."""
        artificial, spiking = coarse(self.artificial, bits), coarse(self.spiking, bits)
        return Contestants(
            artificial,
            spiking,
            convert(artificial, samples, steps=self.converted.steps),
            take_over(spiking, samples[:2], steps=self.taken.steps),
        )

    def _graph(
        self, x: np.ndarray, silenced: Mapping[str, np.ndarray], said: Callable[[str, np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Return the classes named by the graph when its units say `said` of their values, and the silent ones 0."""
        graph = self.converted.graph

        def replaced(name: str, value: np.ndarray) -> np.ndarray:
            value = said(name, value)
            return value * ~silenced[name].reshape(value.shape[1:]) if name in silenced else value

        batches = (x[start : start + _BATCH] for start in range(0, len(x), _BATCH))
        outputs = [graph.evaluate(batch, replaced)[graph.output] for batch in batches]
        return np.concatenate(outputs).reshape(len(x), -1).argmax(axis=1)


def hidden(converted: Converted) -> dict[str, int]:
    """Return how many neurons stand for the hidden units of each layer: not pooling's relays, not the output."""
    *layers, last = converted.layers
    layers = [*layers, last] if last.kind == "readout" else layers
    return {layer.name: int(np.prod(layer.shape)) for layer in layers if layer.kind == "neurons"}


def _chosen(converted: Converted, strength: float, seed: tuple[int, ...]) -> dict[str, np.ndarray]:
    sizes = hidden(converted)
    return dict(zip(sizes, lesions(list(sizes.values()), strength, seed), strict=True))


def measure(
    contestants: Contestants,
    x: np.ndarray,
    y: np.ndarray,
    samples: np.ndarray,
    *,
    seed: int = 0,
    threads: int = 1,
    perturbations: tuple[Perturbation, ...] = PERTURBATIONS,
    report: Report | None = None,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Put networks to the test.

    Parameters
    ----------
    contestants : Contestants
    x : ndarray (images, channels, height, width)
        Test images, 0 ... 1.
    y : ndarray of int (images,)
        Their classes.
    samples : ndarray (samples, channels, height, width)
        What networks with coarse weights are converted with.
    seed : int
        Fixes all that is random.
    threads : int
        It changes no result but speed.
    perturbations : tuple of Perturbation
    report : callable, optional
        Called as ``report(what, done, total)``.

    Returns
    -------
    dict
        Accuracies with their 95 % intervals, ready for JSON: the first strength is none.
    dict of str to ndarray of int64 (draws, images)
        The classes named, by ``<perturbation>/<strength>/<network>``.
    """
    plain = contestants.answers(x, threads)
    total, done, tests, arrays = sum(len(p.strengths) * p.draws for p in perturbations), 0, [], {}
    for place, perturbation in enumerate(perturbations):
        columns = {name: [[answers]] for name, answers in plain.items()}
        for strength in perturbation.strengths:
            drawn = []
            for stream in _streams(seed, place, strength, perturbation.draws):
                drawn.append(_answers(contestants, perturbation, strength, stream, x, samples, threads))
                done += 1
                if report is not None:
                    report("robustness", done, total)
            for name, column in columns.items():
                column.append([answers[name] for answers in drawn])
                arrays[f"{perturbation.name}/{strength:g}/{name}"] = np.array(column[-1])
        shares = {name: [[float((a == y).mean()) for a in draws] for draws in c] for name, c in columns.items()}
        tests.append(
            {
                "name": perturbation.name,
                "title": perturbation.title,
                "strength": perturbation.strength,
                "unit": perturbation.unit,
                "strengths": [None, *perturbation.strengths],
                "draws": perturbation.draws,
                "accuracy": {name: [float(np.mean(draws)) for draws in s] for name, s in shares.items()},
                "interval": {name: [interval_over_draws(draws, len(y)) for draws in s] for name, s in shares.items()},
            }
        )
    steps = {"converted": contestants.converted.steps, "surrogate": contestants.taken.steps}
    return {"steps": steps, "seed": seed, "tests": tests}, arrays


def _streams(seed: int, place: int, strength: float, draws: int) -> Iterator[tuple[int, ...]]:
    """Give a seed for every draw: it depends on nothing but what is drawn."""
    for draw in range(draws):
        yield seed, place, round(1000 * strength), draw


def _answers(
    contestants: Contestants,
    perturbation: Perturbation,
    strength: float,
    stream: tuple[int, ...],
    x: np.ndarray,
    samples: np.ndarray,
    threads: int,
) -> dict[str, np.ndarray]:
    if perturbation.of == "images":
        return contestants.answers(IMAGES[perturbation.name](x, strength, np.random.default_rng(stream)), threads)
    if perturbation.of == "neurons":
        return contestants.lesioned(x, strength, stream, threads)
    return contestants.coarse(int(strength), samples).answers(x, threads)
