"""One function a path."""
