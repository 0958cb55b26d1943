"""The weekly reset, what was promised before, and what came of it."""
