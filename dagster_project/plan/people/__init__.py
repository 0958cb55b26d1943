"""Who works when, and as what."""
