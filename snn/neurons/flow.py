"""Between events: what every model with a solution in closed form provides.

`Model.flow` gives, like `Model.lower` but without a step, NamedTuples for one neuron:

- ``parameters`` (p): numbers computed from the user's, once, on the host. Fields that all classes have: ``origin``, the
  v in mV from which u counts; ``threshold``, the u at which the neuron fires; ``t_ref`` in ms, any length;
- ``state`` (s): first ``u = v - origin`` in mV, which keeps more digits than v; then ``current`` in pA, the constant
  current that stimuli now let flow, without i_e; then the model's own;
- ``arrivals`` (x): one field a port, and ``current``, by how much that current changes.

The functions below are found by the class of p, in compiled code as in plain Python, take and return plain numbers, and
make no arrays. Times are in ms and counted from the state's own. Where v reaches the threshold, `crossing` tells when;
who calls does the rest::

    t = crossing(p, s, until)                    # inf: not in (0, until]
    s = fire(p, advance(p, s, t))                # then `hold` and `receive_held` for t_ref
    s = receive(p, advance(p, s, until), x)      # if above(p, s): a spike at once

`earliest` says cheaply that there is no need to look.
"""

from __future__ import annotations

from snn.jit import by_class, inlined


@by_class(forceinline=True)
def advance(p, s, t):
    """Return the state t >= 0 ms later, if nothing arrives and nothing fires."""


@by_class(forceinline=True)
def hold(p, s, t):
    """Return the state t >= 0 ms later in a refractory neuron: v stays, synaptic currents go on."""


@by_class(forceinline=True)
def receive(p, s, x):
    """Add what arrives to the state."""


@by_class(forceinline=True)
def receive_held(p, s, x):
    """As `receive`, in a refractory neuron, which drops what would be added to v."""


@by_class(forceinline=True)
def fire(p, s):
    """Return the state after a spike."""


@by_class(forceinline=True)
def earliest(p, s):
    """Return a time in ms that is not after v's reaching the threshold if nothing arrives; inf if it never does.

    v is below the threshold now. The time may be too early, also where v never gets there: it is what a few operations
    can tell.
    """


@by_class()
def crossing(p, s, t):
    """Return the first time in (0, t] at which v reaches the threshold, or inf; v is below it at 0, t finite."""


@by_class(forceinline=True)
def update(p, s):
    """Return the state after an update of a binary unit, and whether the unit changed.

    Such a unit never fires by itself. Whoever calls draws the times of updates, on average `tau` ms apart, and sends an
    event where the unit changed; a unit is active where ``n`` is 1.
    """


@inlined
def above(p, s):
    """Return whether v has reached the threshold."""
    return s.u >= p.threshold


@inlined
def voltage(p, s):
    """Return v in mV."""
    return s.u + p.origin
