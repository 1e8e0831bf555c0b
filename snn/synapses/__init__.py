"""Plastic synapses, one file a rule; a synapse without one is static."""

from snn.synapses.tsodyks_markram import TsodyksMarkram

__all__ = ["TsodyksMarkram"]
