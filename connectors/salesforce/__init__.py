"""Reading an org completely into the log, and writing actions back to it."""
