"""What a simulation has recorded: spikes and traces, in memory, as files, and as other packages' objects."""

from snn.recording.recording import Recording, join
from snn.recording.settled import ByName, Changes, Settled
from snn.recording.spikes import SpikeRecord, rising
from snn.recording.trace import Trace

__all__ = ["ByName", "Changes", "Recording", "Settled", "SpikeRecord", "Trace", "join", "rising"]
