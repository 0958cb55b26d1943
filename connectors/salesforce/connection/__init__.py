"""One login, one session, one budget of calls, and errors in words."""
