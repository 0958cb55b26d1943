"""Logins, tokens, and who acts."""
