"""NIR's neurons, which are differential equations, as steps of dt.

Input is held for a step, and a spike is an input of 1 for the step that it arrives in: this is what r and w_in of the
files of today's tools mean. Potentials count from v_leak. NIR fires where v > v_threshold, the engine where
v >= v_threshold, so thresholds come over as the next number up.

With a = dt / tau, b = dt / tau_syn and input x:

                     I, IF        LI, LIF                    CubaLI, CubaLIF
    "exact"          v + dt r x   e^-a v + (1 - e^-a) r x    the solution for x held during the step
    "euler"          the same     (1 - a) v + a r x          (1 - a) v + a r i, then (1 - b) i + b w_in x
    "semi-implicit"  the same     as "euler"                 (1 - b) i + b w_in x, then (1 - a) v + a r i

"semi-implicit" is what snnTorch and Lava compute, "euler" what Norse does; the input of a current-based neuron acts on
v in the same step with the former, one step later with the latter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import snn
from bridge.errors import ConversionError
from bridge.nir.linear import Shape
from bridge.nir.reading import Node

Method = Literal["exact", "euler", "semi-implicit"]
Reset = Literal["hard", "soft", "delayed", "retested"]

FIRING, GRADED = ("IF", "LIF", "CubaLIF", "Threshold"), ("I", "LI", "CubaLI")
NEURONS = FIRING + GRADED
_ROUNDED = 1e-6  # how far a factor may be below 0: files keep time constants in 32 bits


@dataclass(frozen=True, eq=False)
class Stepped:
    """A node's neurons in steps.

    Attributes
    ----------
    model : snn.DiscreteLIF or snn.DiscreteCubaLIF
        Its v is that of NIR less `rest`. Its parameters are arrays, also where all neurons share them, so that the
        engine compiles once for all files.
    gain, rest, start : ndarray
        What multiplies the input, v_leak, and v - rest in the beginning; they broadcast to the node's shape.
    fires : bool
    """

    model: snn.DiscreteLIF | snn.DiscreteCubaLIF
    gain: np.ndarray
    rest: np.ndarray
    start: np.ndarray
    fires: bool


def laid_out(value: np.ndarray | float, shape: Shape) -> np.ndarray:
    """Return what broadcasts to a shape of NIR, channels first, in the order of a population, channels last."""
    value = np.broadcast_to(np.asarray(value, np.float64), shape)
    return np.moveaxis(value, 0, -1).ravel() if len(shape) > 1 else value.ravel()


def parameters_shape(node: Node) -> Shape:
    """Return the shape that a neuron's parameters have; () where all are single numbers."""
    return np.broadcast_shapes(*(value.shape for value in node.values.values()))


def stepped(
    node: Node,
    shape: Shape,
    dt: float,
    method: Method,
    reset: Reset,
    start: float | np.ndarray,
    threshold: Node | None = None,
) -> Stepped:
    """Return a node's neurons in steps of dt.

    Parameters
    ----------
    node : Node
        Of a type in `NEURONS`.
    shape : tuple of int
        Of its neurons.
    dt : float
        In the file's unit of time.
    method : {"exact", "euler", "semi-implicit"}
        See the module's text.
    reset : {"hard", "soft", "delayed", "retested"}
        Of IF, LIF and CubaLIF; see `bridge.from_nir`.
    start : float or ndarray
        v in the beginning.
    threshold : Node, optional
        A Threshold that tests this node's v, without a reset.

    Raises
    ------
    ConversionError
        If dt is too large for the method, naming the node.
    """
    values, rest = node.values, node.values.get("v_leak", np.zeros(()))
    if node.type in ("CubaLI", "CubaLIF"):
        made, factors, gain = snn.DiscreteCubaLIF, *_cuba(node, dt, method)
    elif node.type == "Threshold":
        made, factors, gain, threshold = snn.DiscreteLIF, {"beta": np.zeros(())}, np.ones(()), node
    elif "tau" in values:
        beta, share = _decay(node, "tau", dt, method)
        made, factors, gain = snn.DiscreteLIF, {"beta": beta}, share * values["r"]
    else:
        made, factors, gain = snn.DiscreteLIF, {"beta": np.ones(())}, dt * values["r"]
    firing, kind = {}, "hard" if reset == "hard" else "soft"
    if node.type in ("IF", "LIF", "CubaLIF"):
        v_reset = values["v_reset"]
        above = np.nextafter(values["v_threshold"] - rest, np.inf)
        firing = {"v_threshold": above, "v_reset": v_reset - rest}
        if reset != "hard":
            firing["v_reset"] = above - _drop(node, factors["beta"], reset)
        if reset == "retested":
            kind = reset
    elif threshold is not None:  # tests v and leaves it as it is
        above, kind = np.nextafter(threshold["threshold"] - rest, np.inf), "soft"
        firing = {"v_threshold": above, "v_reset": above}
    parameters: dict[str, Any] = {name: laid_out(value, shape) for name, value in (factors | firing).items()}
    model = made(**parameters, reset=kind)  # pyright: ignore[reportArgumentType]
    return Stepped(model, gain, rest, np.asarray(start, np.float64) - rest, bool(firing))


def _drop(node: Node, beta: np.ndarray, reset: Reset) -> np.ndarray:
    """Return what a spike takes away from v."""
    drop = node["v_threshold"] - node["v_reset"]
    if reset == "retested" and node.type == "CubaLIF":
        raise ConversionError(str(node), "is current-based and has no retested reset", 'Use reset="soft" or "delayed"')
    if reset != "delayed":
        return drop
    if (beta == 0).any():
        reason = "keeps nothing of v for a step, and so nothing that a delayed reset could be taken from"
        raise ConversionError(str(node), reason, 'Use reset="soft"')
    return drop / beta  # of which, a step later, the drop is left


def _decay(node: Node, field: str, dt: float, method: Method) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor of a leaky variable over a step, and 1 less it."""
    part = dt / node[field]
    if method == "exact":
        return np.exp(-part), -np.expm1(-part)
    if (1.0 - part < -_ROUNDED).any():
        reason = f"has {field} = {node[field].min():g}, below dt = {dt:g}"
        raise ConversionError(str(node), reason, f'Use dt <= {node[field].min():g}, or method="exact"')
    return np.maximum(1.0 - part, 0.0), part


def _cuba(node: Node, dt: float, method: Method) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the factors of a current-based model, and what multiplies its input."""
    beta, share = _decay(node, "tau_mem", dt, method)
    alpha, share_syn = _decay(node, "tau_syn", dt, method)
    r = node["r"]
    if method == "exact":
        # So much of a current at the step's start is in v / r at its end; nothing is singular at equal taus.
        apart = dt / node["tau_mem"] - dt / node["tau_syn"]
        safe = np.where(apart == 0, 1.0, apart)
        left = dt / node["tau_mem"] * beta * np.where(apart == 0, 1.0, np.expm1(safe) / safe)
        gain, feed = r * left, r * (share - left) / share_syn
    elif method == "euler":
        gain, feed = share * r, np.zeros(())
    else:
        gain, feed = share * r * alpha, share * r
    return {"alpha": alpha, "beta": beta, "gain": gain, "feed": feed}, share_syn * node["w_in"]
