"""The org's rows: stored, checked, saved, deleted, merged, replicated."""
