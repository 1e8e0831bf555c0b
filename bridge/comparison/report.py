"""A comparison as one HTML page that needs nothing else: no script, no network, no other file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from bridge import figures, table
from bridge.comparison import curves, findings
from bridge.comparison.glossary import DEFINITIONS, SOURCES
from bridge.pages.elements import figure, grid, listed, page, section, terms
from bridge.table import NAMES, count, interval, machine, percent, representatives, runs

if TYPE_CHECKING:
    from bridge.comparison.compare import Comparison


def render(comparison: Comparison) -> str:
    """Return the report of a comparison as an HTML page.

    Parameters
    ----------
    comparison : Comparison
    """
    title = f"Artificial and spiking networks on {comparison.results['data']['name']}"
    sections = (
        _accuracy,
        _tests,
        _seeds,
        _robustness,
        _spikes,
        _energy,
        _fronts,
        _latency,
        _neurobench,
        _raster,
        _f_i,
        _speed,
    )
    body = "\n".join([_summary(comparison.results), *(make(comparison) for make in sections), _method()])
    return page(title, body)


def _summary(results: dict[str, Any]) -> str:
    ann, data, surrogate = results["ann"], results["data"], results["surrogate"]
    chosen, own = representatives(results).values()
    last = results["converted"][-1]
    near = f"within {100 * table.NEAR:.1f} points of that, or above"
    reached = f"comes {near}, with" if table.is_near(chosen, results) else f"does not come {near}, and is best with"
    more = "" if chosen is last else f", and {percent(last['accuracy'])} at T = {last['steps']}"
    words = (
        f"On {count(data['test'], 'test image')} of {data['name']}, the artificial network ({ann['model']}) is right "
        f"in {percent(ann['accuracy'])} of the cases (95 % interval {interval(ann)}), and makes {ann['macs']:,} "
        f"multiply-accumulates an image. Converted into spiking neurons, it {reached} T = {chosen['steps']} time "
        f"steps: {percent(chosen['accuracy'])}{more}. A network trained as a spiking one, with surrogate gradients "
        f"({surrogate['model']}), reaches {percent(own['accuracy'])} at the T = {own['steps']} it was trained with. "
        f"{_work('The converted network', chosen, ann)} {_work('The surrogate-trained one', own, ann)} "
        f"{_verdict(results)}"
    )
    shape, classes = " × ".join(map(str, data["shape"])), ", ".join(data["classes"])
    facts = {
        "Data": f"{data['name']}: {data['train']:,} images for training, {data['validation']:,} for validation and "
        f"{data['test']:,} for this test, {shape}, classes {classes}",
        "Artificial network": f"{ann['model']}, {ann['parameters']:,} parameters{_training(ann)}",
        "Spiking network": f"{surrogate['model']}, {surrogate['parameters']:,} parameters{_training(surrogate)}; in "
        f"PyTorch, where it was trained, {percent(surrogate['torch_accuracy'])} right",
        "Settings": ", ".join(f"{name} {value}" for name, value in results["settings"].items() if value is not None),
        "Machine": f"{machine(results)}, Python {results['machine']['python']}",
        "Version": f"allornone {results['version']}",
    }
    known = {name: fact for name, fact in facts.items() if fact}
    return f'<p class="summary">{escape(words)}</p>\n{terms(known, "facts")}'


def _work(who: str, entry: dict[str, Any], ann: dict[str, Any]) -> str:
    operations, share = entry["synaptic_operations"], entry["synaptic_operations"] / ann["macs"]
    return (
        f"{who} fires {entry['spikes']:,.0f} spikes an image at T = {entry['steps']}, {entry['spikes_per_neuron']:.2f} "
        f"a neuron; they make {operations:,.0f} synaptic operations, {share:.2f} times the artificial "
        "network's multiply-accumulates."
    )


def _verdict(results: dict[str, Any]) -> str:
    """Say what both networks cost under every cost model, and where that is less than the artificial network."""
    chosen, ratios, told = representatives(results), [], []
    for cost in results["energy"]:
        rows = [next(r for r in cost[who] if r["steps"] == entry["steps"]) for who, entry in chosen.items()]
        ratios += [row["spiking"] / row["artificial"] for row in rows]
        times = f"{ratios[-2]:.2f} and {ratios[-1]:.2f} times"
        told.append(f"{times}{'' if told else ' the artificial network’s energy'} under “{cost['title']}”")
    less = sum(ratio < 1 for ratio in ratios)
    return (
        f"By stated cost models these two spend {', '.join(told)}: spiking costs less in {less} of these {len(ratios)} "
        f"cases and does not in {len(ratios) - less}."
    )


def _training(network: dict[str, Any]) -> str:
    training = network["training"]
    told = f"; {count(training['epochs'], 'epoch')} in {training['seconds']:.1f} s" if "epochs" in training else ""
    return told + ("; weights of an earlier run" if "loaded" in training else "")


def _accuracy(comparison: Comparison) -> str:
    results = comparison.results
    alt = "Accuracy against T, with 95 % intervals: " + "; ".join(
        f"{NAMES[who]} {percent(entry['accuracy'])} at T = {entry['steps']}"
        for who, entry in representatives(results).items()
    )
    caption = (
        "Accuracy on the test images. Bars, and the band around the artificial network's line, are 95 % intervals. "
        "Points at the same T are drawn side by side."
    )
    plot = figure(figures.draw(figures.accuracy, comparison, 4.2), alt, caption)
    return section("Accuracy against T", plot, grid(table.accuracy_table(results)))


def _tests(comparison: Comparison) -> str:
    tests, images = comparison.results["tests"], comparison.results["data"]["test"]
    points = f"{100 * tests['margin']:g} points"
    told = [f"{NAMES[who]}: {_tested(tests[who])}" for who in ("twin", "converted", "surrogate")]
    caption = (
        "Difference from the artificial network's accuracy on the same images, with 95 % intervals (Tango 1998), and "
        f"the margin of {points} within which networks count as equally good. {'; '.join(told)}."
    )
    if images < tests["images_needed"]:
        caption += (
            f" With {count(images, 'image')} no equivalence to within {points} can be shown, were all answers the "
            f"same: that takes {tests['images_needed']:,}."
        )
    alt = f"Differences of accuracy from the artificial network against T. {'; '.join(told)}."
    plot = figure(figures.draw(curves.differences, comparison, 4.2), alt, caption)
    return section("Different, or equally good?", plot, grid(findings.tests_table(comparison.results)))


def _tested(rows: list[dict[str, Any]]) -> str:
    """Say at which T's a network was shown to differ, and at which to be equally good."""
    differ, equal = (
        ", ".join(str(row["steps"]) for row in rows if row[key] < 0.05)
        for key in ("p_difference_holm", "p_equivalence_holm")
    )
    return (
        f"shown to differ at {f'T = {differ}' if differ else 'no T'}, shown to be equally good at "
        f"{f'T = {equal}' if equal else 'no T'}"
    )


def _seeds(comparison: Comparison) -> str:
    if "seeds" not in comparison.results:
        return ""
    found = comparison.results["seeds"]
    trained = count(len(found["seeds"]), "training")
    told = [f"{NAMES[who]}: {_tested(found['networks'][who])}" for who in ("twin", "converted", "surrogate")]
    caption = (
        f"Difference from the accuracy of the artificial network of the same seed: means over {trained} with 95 % "
        f"intervals (Student's t), and every training as a dot. {'; '.join(told)}."
    )
    alt = f"Differences of accuracy over {trained}, against T. {'; '.join(told)}."
    parts = [figure(figures.draw(curves.seeds, comparison, 4.2), alt, caption)]
    if found["robustness"]:
        caption = f"Accuracy when it gets harder: means over {trained}, with the 95 % intervals of the means."
        parts.append(figure(figures.draw(curves.robustness_over_seeds, comparison, 6.4), caption, caption))
    return section(f"Over {trained}", *parts, grid(findings.seeds_table(comparison.results)))


def _robustness(comparison: Comparison) -> str:
    if "robustness" not in comparison.results:
        return ""
    found = comparison.results["robustness"]
    caption = (
        f"Accuracy on the same images when it gets harder, with 95 % intervals: the twin and the converted network at "
        f"T = {found['steps']['converted']}, the surrogate-trained at T = {found['steps']['surrogate']}. All networks "
        "see the same noise and lose the same units. Points at the same strength are drawn side by side."
    )
    alt = "Accuracy of four networks against the strength of five perturbations. " + "; ".join(
        f"{test['title']} {test['strengths'][-1]:g}: "
        + ", ".join(f"{NAMES[who]} {percent(shares[-1])}" for who, shares in test["accuracy"].items())
        for test in found["tests"]
    )
    plot = figure(figures.draw(curves.robustness, comparison, 6.4), alt, caption)
    return section("Robustness", plot, grid(findings.robustness_table(comparison.results)))


def _fronts(comparison: Comparison) -> str:
    results = comparison.results
    caption = (
        "Every network at every T (the numbers): lower left is better. Filled points lie on the front: no other "
        "network is at least as right and as cheap, and better in one of both. The duration is that of a whole "
        "inference, and of spiking networks only. With an upright stroke: early exits from the largest T, at three "
        "margins. Energy of the twin: as the artificial network's where numbers have "
        "32 bits, by its bits where they are integers."
    )
    alt = "Wrong answers against duration and against energy under three cost models."
    plot = figure(figures.draw(curves.fronts, comparison, 7.2), alt, caption)
    return section("Accuracy, latency and energy at once", plot, grid(findings.fronts_table(results)))


def _neurobench(comparison: Comparison) -> str:
    return section("NeuroBench's metrics", grid(findings.neurobench_table(comparison.results)))


def _spikes(comparison: Comparison) -> str:
    results = comparison.results
    alt = "Spikes, spikes per neuron and synaptic operations of an inference against T. " + " ".join(
        _work(f"The {NAMES[who]} network", entry, results["ann"]) for who, entry in representatives(results).items()
    )
    caption = (
        "Means over the test images. Work grows with T, as each spike is paid for; the artificial network makes its "
        f"{results['ann']['macs']:,} multiply-accumulates (MACs) once, whatever the image. The points leave out the "
        f"MACs of a spiking network's first layer, once an image: {results['converted'][0]['input_macs']:,} of the "
        f"converted network, {results['surrogate']['by_steps'][0]['input_macs']:,} of the surrogate-trained."
    )
    plot = figure(figures.draw(figures.spikes, comparison, 3.9), alt, caption)
    return section("Spikes and operations", plot, grid(table.layers_table(results)))


def _energy(comparison: Comparison) -> str:
    results, cards = comparison.results, []
    for cost in results["energy"]:
        found = (_where_cheaper(NAMES[who], entries, cost[who]) for who, entries in runs(results).items())
        points = listed([*cost["assumptions"], *found])
        cards.append(f"<div><h3>{escape(cost['title'])}</h3>{points}</div>")
    alt = f"Energy of an inference against T under {len(cards)} cost models. {_verdict(results)}"
    caption = (
        "Energy of one inference, from counted operations and the assumptions below. The models rank operations; none "
        "predicts a chip's power, as control, clocks, communication between cores and leakage are left out."
    )
    plot = figure(figures.draw(figures.energy, comparison, 3.9), alt, caption)
    columns = f'<div class="columns">{"".join(cards)}</div>'
    return section("Energy under stated cost models", plot, columns, grid(table.energy_table(results)))


def _where_cheaper(who: str, entries: list[dict[str, Any]], rows: list[dict[str, Any]]) -> str:
    pairs = zip(entries, rows, strict=True)
    cheaper = [entry for entry, row in pairs if row["spiking"] < row["artificial"]]
    if not cheaper:
        return f"result: {who} costs less than artificial at no T"
    ts = ", ".join(str(entry["steps"]) for entry in cheaper)
    best = percent(max(entry["accuracy"] for entry in cheaper))
    return f"result: {who} costs less than artificial at T = {ts}, where its accuracy is at most {best}"


def _latency(comparison: Comparison) -> str:
    alt = "Cumulative share of the images whose decision is final, against steps from the image's onset; medians: "
    alt += "; ".join(
        f"{NAMES[who]} {entry['latency_median']:g} at T = {entry['steps']}"
        for who, entry in representatives(comparison.results).items()
    )
    caption = (
        "The share of images whose decision, right or wrong, does not change any more. Steps count from the image's "
        "onset; none comes before the first spikes have passed all layers. A curve ends with the last image decided."
    )
    plot = figure(figures.draw(figures.latency, comparison, 3.9), alt, caption)
    return section("Latency to decision", plot, grid(table.latency_table(comparison)))


def _raster(comparison: Comparison) -> str:
    results, shown = comparison.results, comparison.results["raster"]
    classes, said = results["data"]["classes"], []
    for who in runs(results):
        answer = comparison.arrays[f"{who}/T={shown[f'{who}_steps']}/predictions"][0]
        said.append(f"the {NAMES[who]} network answers {classes[answer]}")
    label = classes[shown["label"]]
    caption = (
        f"The first test image, of class {label}; {' and '.join(said)}. Each dot is a spike. Layers follow each other "
        "from top to bottom; a layer is as high as it has neurons, a small one higher, to be seen."
    )
    layers = max(len(entry["layers"]) for entries in runs(results).values() for entry in entries)
    plot = figures.draw(figures.raster, comparison, max(5.0, 0.6 * layers))
    alt = f"Rasters of the spikes of one image, of class {label}, in every layer of both spiking networks."
    return section("One image, spike by spike", figure(plot, alt, caption))


def _f_i(comparison: Comparison) -> str:
    alt = "Firing rate against constant input: an integrate-and-fire neuron and a leaky one, beside ReLU."
    caption = (
        "All or none: below its threshold a neuron is silent, above it fires whole spikes, and a stronger stimulus "
        "raises their frequency, never their amplitude. Of the integrate-and-fire neuron that frequency is ReLU, "
        "clipped at one spike a step. The leaky neuron needs input above its leak, its refractory period bounds its "
        "rate, and as it fires in whole steps, its curve has stairs."
    )
    return section("The all-or-none law, and ReLU", figure(figures.draw(figures.f_i, comparison, 4.2), alt, caption))


def _speed(comparison: Comparison) -> str:
    caption = (
        f"Measured once, on {machine(comparison.results)}; short runs vary. The artificial network runs in PyTorch "
        "as dense products, for which such processors are made; nothing here was measured on neuromorphic hardware."
    )
    alt = "Images per second and synaptic events per second of the simulations, against T."
    plot = figure(figures.draw(figures.speed, comparison, 3.9), alt, caption)
    return section("Speed of the simulation", plot, grid(table.speed_table(comparison.results)))


def _method() -> str:
    return section("How it was done", terms(DEFINITIONS), f"<h3>Sources</h3>{listed(list(SOURCES))}")
