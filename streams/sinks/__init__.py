"""Sinks: from the output streams to the warehouse, exactly once by contiguous sequence."""
