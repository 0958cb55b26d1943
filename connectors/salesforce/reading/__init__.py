"""From the org into the log, complete by proof: windows, Bulk and REST, deletions, sweeps."""
