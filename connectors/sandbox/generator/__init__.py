"""The generator of whole sales organisations with known true parameters (method §8)."""
