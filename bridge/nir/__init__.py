"""Networks from and to files of the Neuromorphic Intermediate Representation (NIR)."""

from bridge.nir.exporting import to_nir
from bridge.nir.imported import Activity, Imported
from bridge.nir.importing import from_nir

__all__ = ["Activity", "Imported", "from_nir", "to_nir"]
