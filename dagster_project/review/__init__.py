"""The three-minute review of the evening: what was done, what was left, what comes first tomorrow."""
