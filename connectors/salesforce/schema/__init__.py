"""The objects and fields that are read, what the org shows of them, and how that changes."""
