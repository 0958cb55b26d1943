"""Next actions: from the facts in the marts to at most five cards per rep and day (method §6)."""
