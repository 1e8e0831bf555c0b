"""What a simulation has recorded: spikes and traces, in memory, as files, and as other packages' objects."""

from snn.recording.collector import Collector
from snn.recording.recording import Recording
from snn.recording.settled import ByName, Changes, Settled
from snn.recording.spikes import SpikeRecord
from snn.recording.trace import Trace

__all__ = ["ByName", "Changes", "Collector", "Recording", "Settled", "SpikeRecord", "Trace"]
