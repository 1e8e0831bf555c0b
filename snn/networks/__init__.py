"""Networks of the literature, each a function that returns an `snn.Network`.

``snn.Simulation(snn.networks.brunel(g=6.0, eta=4.0)).run(500.0)``, for example, simulates one. All are meant for a step
of 0.1 ms. `scale` makes a network smaller or larger; what stays the same then, each function says.
"""

from snn.networks.brunel import brunel
from snn.networks.fly import fly
from snn.networks.potjans_diesmann import potjans_diesmann
from snn.networks.sparse import sparse
from snn.networks.vogels_abbott import coba, cuba

__all__ = ["brunel", "coba", "cuba", "fly", "potjans_diesmann", "sparse"]
