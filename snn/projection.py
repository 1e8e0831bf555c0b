"""Projections: what `Network.connect` makes of a source, a target and a rule, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from snn import checks
from snn.connectivity import Dense, Layer, Listed, MaxPool2d, OneToOne, Rule, SumPool2d
from snn.errors import ValidationError
from snn.neurons import McCullochPitts, StaircaseModel
from snn.population import Neurons, Population, View, view_of
from snn.random import Distribution
from snn.stimuli import Counts, Source
from snn.synapses import TsodyksMarkram


@dataclass(frozen=True, eq=False, kw_only=True)
class Projection:
    """Synapses from one source to one target, or slices of these; made by `Network.connect`, which checks it.

    Attributes
    ----------
    source, target : Population or Source, Population
        The whole of what the synapses lead from and to.
    source_start, source_size, target_start, target_size : int
        The neurons meant are numbers start .. start + size - 1. The rule counts from the first of them.
    rule : Rule, Layer or None
    weight : float, ndarray or distribution
    delay : float, ndarray, distribution or None
        In ms.
    plasticity : TsodyksMarkram or None
    port : str or None
        Where the events arrive, if the target's model leaves a choice.
    """

    source: Population | Source
    source_start: int
    source_size: int
    target: Population
    target_start: int
    target_size: int
    rule: Rule | Layer | None
    weight: float | np.ndarray | Distribution
    delay: float | np.ndarray | Distribution | None
    plasticity: TsodyksMarkram | None
    port: str | None

    @property
    def name(self) -> str:
        """The two ends."""
        return f"{self.source.name} -> {self.target.name}"

    def __repr__(self) -> str:
        rule = "an input of its own for every target" if self.rule is None else type(self.rule).__name__
        return f"<Projection {self.name}: {rule}, weight {_shown(self.weight)}, delay {_shown(self.delay)}>"

    @property
    def same(self) -> bool:
        """Whether source and target are the same neurons, so that a neuron may meet itself."""
        ends = (self.source_start, self.source_size), (self.target_start, self.target_size)
        return self.source is self.target and ends[0] == ends[1]

    @property
    def whole(self) -> bool:
        """Whether both ends are all neurons there are."""
        return (self.source_size, self.target_size) == (self.source.size, self.target.size)

    @property
    def alternating(self) -> bool:
        """Whether every second event of a source takes away what the one before has brought."""
        return isinstance(self.target.model, McCullochPitts) and not self.flows

    @property
    def flows(self) -> bool:
        """Whether what arrives is a current."""
        return _flows(self.source)


def project(
    source: Neurons | Source, target: Neurons, rule: Any, weight: Any, delay: Any, plasticity: Any, port: Any
) -> Projection:
    """Return the projection, or refuse what does not fit; the arguments are those of `snn.Network.connect`."""
    owner = f"connect {source.name!r} to {target.name!r}"
    into = view_of(target)
    own_train = isinstance(source, Source) and source.shape is None
    if own_train != (rule is None):
        expected = "no rule: every target has an input of its own" if own_train else "a rule such as snn.OneToOne()"
        raise ValidationError(owner, "rule", rule, expected)
    for name, value in source.by_target.items() if isinstance(source, Source) else ():
        checks.fits(owner, name, value, into.size)
    flows = _flows(source)
    if flows and isinstance(rule, MaxPool2d):
        raise ValidationError(owner, "rule", "MaxPool2d", "a rule for currents: max-pooling counts spikes")
    synapses = _check_rule(owner, source, target, rule)
    if delay is not None:
        delay = _check_delay(owner, flows, rule, delay, synapses)
    if plasticity is not None:
        _check_plasticity(owner, source, rule, plasticity)
    if not flows:
        _check_binary(owner, source, into, rule, plasticity)
    _check_staircase(owner, source, into, delay, plasticity)
    _check_port(owner, into, port)
    return Projection(
        source=source.population if isinstance(source, View) else source,
        source_start=source.start if isinstance(source, View) else 0,
        source_size=source.size,
        target=into.population,
        target_start=into.start,
        target_size=into.size,
        rule=rule,
        weight=_check_weight(owner, rule, weight, synapses, "1" if flows else into.population.model.weight_unit),
        delay=delay,
        plasticity=plasticity,
        port=port,
    )


def _check_rule(owner: str, source: Neurons | Source, target: Neurons, rule: object) -> int | None:
    """Check that the rule fits the two ends; returns its number of synapses, None where chance decides."""
    if isinstance(rule, Dense):
        (needed,) = rule.target_shape((source.size,))
        if needed != target.size:
            raise ValidationError(owner, "target", f"shape ({target.size},)", f"shape ({needed},)")
        return 0
    if isinstance(rule, Layer):
        source_shape, target_shape = (
            _whole_shape(owner, *end, rule) for end in (("source", source), ("target", target))
        )
        needed = rule.target_shape(source_shape)
        if needed != target_shape:
            raise ValidationError(owner, "target", f"shape {target_shape}", f"shape {needed}")
        return 0
    if isinstance(rule, Rule):
        same = False
        if not isinstance(source, Source):
            same = view_of(source) == view_of(target)
            if not getattr(rule, "autapses", True):
                _refuse_partial_overlap(owner, view_of(source), view_of(target))
        rule.check(source.size, target.size, same)
        return rule.count(source.size, target.size, same)
    if rule is not None:
        raise ValidationError(owner, "rule", rule, "a rule of snn.connectivity")
    return 0


def _whole_shape(owner: str, role: str, end: Neurons | Source, rule: Layer) -> tuple[int, ...]:
    if isinstance(end, View):
        if end.size < end.population.size:
            expected = f"a whole population: {type(rule).__name__} goes by its shape"
            raise ValidationError(owner, role, end.name, expected)
        return end.population.shape
    return end.shape or ()


def _refuse_partial_overlap(owner: str, source: View, target: View) -> None:
    """Refuse different slices with common neurons: rules without autapses know ends that are the same, or apart."""
    apart = source.stop <= target.start or target.stop <= source.start
    if source.population is target.population and source != target and not apart:
        expected = "True, the same slice as source and target, or slices that do not overlap"
        raise ValidationError(owner, "autapses", False, expected)


def _check_weight(owner: str, rule: Any, weight: Any, synapses: int | None, unit: str) -> Any:
    if getattr(rule, "weights", None) is not None:
        if weight is not None:
            raise ValidationError(owner, "weight", weight, f"nothing: {type(rule).__name__} brings its weights")
        if rule.unit not in (None, unit):
            raise ValidationError(owner, "weights", f"weights in {rule.unit}", f"weights in {unit}, or plain numbers")
    weight = checks.parameter(owner, "weight", 1.0 if weight is None else weight, unit=unit)
    if rule is None or isinstance(rule, SumPool2d | MaxPool2d):
        return checks.number(owner, "weight", weight)
    _one_each(owner, "weight", weight, synapses)
    return weight


def _check_delay(owner: str, flows: bool, rule: Any, delay: Any, synapses: int | None) -> Any:
    if flows:
        raise ValidationError(owner, "delay", delay, "nothing: a current has no delay (give it a start)")
    delay = checks.parameter(owner, "delay", delay, minimum=0.0, unit="ms")
    if not isinstance(delay, float) and not isinstance(rule, Listed):
        raise ValidationError(owner, "delay", delay, "one number, or a rule that lists synapses, such as snn.Edges")
    _one_each(owner, "delay", delay, synapses)
    return delay


def _check_plasticity(owner: str, source: Neurons | Source, rule: Any, plasticity: Any) -> None:
    if not isinstance(plasticity, TsodyksMarkram):
        raise ValidationError(owner, "plasticity", plasticity, "a rule such as snn.TsodyksMarkram()")
    if isinstance(source, Source) and (source.shape is None or _flows(source)):
        expected = "nothing: short-term plasticity is of spikes from sources that targets share"
        raise ValidationError(owner, "plasticity", plasticity, expected)
    if not isinstance(rule, Listed | OneToOne | Dense):
        expected = f"nothing: synapses of {type(rule).__name__} are static"
        raise ValidationError(owner, "plasticity", plasticity, expected)
    for field in fields(plasticity):
        checks.fits(owner, f"plasticity.{field.name}", getattr(plasticity, field.name), source.size)


def _check_binary(owner: str, source: Neurons | Source, target: View, rule: Any, plasticity: Any) -> None:
    """Refuse to mix binary units, whose events say that they change, with others, whose events are spikes."""
    binary = isinstance(target.population.model, McCullochPitts)
    if not isinstance(source, Source) and isinstance(view_of(source).population.model, McCullochPitts) != binary:
        expected = "binary units on both ends or on none: events of McCullochPitts are changes, not spikes"
        raise ValidationError(owner, "target", target.name, expected)
    if binary and isinstance(source, Source) and source.shape is None:
        raise ValidationError(owner, "source", source.name, "trains that targets share: give the stimulus a shape")
    if binary and not isinstance(rule, Listed | OneToOne | Dense):
        raise ValidationError(owner, "rule", rule, "a list of synapses, Dense or OneToOne, to binary units")
    if binary and plasticity is not None:
        raise ValidationError(owner, "plasticity", plasticity, "nothing: synapses of binary units are static")


def _check_staircase(owner: str, source: Neurons | Source, target: View, delay: Any, plasticity: Any) -> None:
    """Refuse to mix staircase neurons, whose events have a sign, with others; and what only others have."""
    stairs = isinstance(target.population.model, StaircaseModel)
    if isinstance(source, Source):
        fits = isinstance(source.stimulus, Counts) == stairs
    else:
        fits = isinstance(view_of(source).population.model, StaircaseModel) == stairs
    if not fits:
        expected = "staircase neurons, from such neurons or from Network.counts, or none at either end"
        raise ValidationError(owner, "target", target.name, expected)
    if stairs and plasticity is not None:
        raise ValidationError(owner, "plasticity", plasticity, "nothing: synapses of staircase neurons are static")
    if stairs and not isinstance(source, Source) and delay is not None:
        bounds = delay.bounds if isinstance(delay, Distribution) else (np.min(delay, initial=1.0),)
        if bounds[0] <= 0.0:
            raise ValidationError(owner, "delay", delay, "delays > 0 ms between staircase neurons")


def _check_port(owner: str, target: View, port: Any) -> None:
    """Refuse a port that the target's model does not have, or none where it has several to choose from."""
    ports = target.population.model.open_ports
    if ports and port not in ports:
        raise ValidationError(owner, "port", port, " or ".join(f'"{one}"' for one in ports))
    if not ports and port is not None:
        expected = f"nothing: {type(target.population.model).__name__} leaves no choice"
        raise ValidationError(owner, "port", port, expected)


def _shown(value: Any) -> str:
    return f"array of shape {value.shape}" if isinstance(value, np.ndarray) else str(value)


def _flows(source: Neurons | Source) -> bool:
    return isinstance(source, Source) and source.flows


def _one_each(owner: str, name: str, value: object, synapses: int | None) -> None:
    """Refuse an array that does not have an element a synapse."""
    if isinstance(value, np.ndarray) and value.shape != (synapses,):
        unknown = "a number or distribution: chance decides how many synapses there are"
        expected = unknown if synapses is None else f"shape ({synapses},)"
        raise ValidationError(owner, name, f"array of shape {value.shape}", expected)
