"""Checks of an org and what to do about each finding."""
