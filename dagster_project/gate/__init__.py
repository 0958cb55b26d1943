"""The gate: what landed is judged before anything is built on it; every verdict is a fact."""
