"""Errors a person can act on: what happened, where, what to do; each with an exit code of its own."""

from __future__ import annotations


class GyakusanError(Exception):
    """Base of the errors that end a command with one line.

    Attributes:
        exit_code: what the shell sees; see the table in ``docs/operations.md``.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} ({self.where}); {self.remedy}"


class SettingsError(GyakusanError):
    """A setting is missing or malformed."""

    exit_code = 2


class Incomplete(GyakusanError):
    """Not everything could be read; what landed is kept and the next run goes on from there."""

    exit_code = 3


class GateStopped(GyakusanError):
    """What landed would falsify every mart; yesterday's stay published."""

    exit_code = 4


class WriteRefused(GyakusanError):
    """Writing to the org is not allowed, or too many rows were rejected."""

    exit_code = 5


class AlreadyRunning(GyakusanError):
    """Another run holds the lock."""

    exit_code = 6


def explain(error: BaseException) -> tuple[str, int]:
    """One line for a person, and the exit code.

    Errors of the connector and the log carry the same three parts; a full disk is named as such wherever it strikes.
    """
    import errno

    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"no space left on the disk ({error.filename}); free some and run again, everything landed is kept", 1
    exit_code = getattr(error, "exit_code", None)
    if isinstance(exit_code, int):
        return " ".join(str(error).split()), exit_code
    name = type(error).__name__
    return f"unexpected {name}: {' '.join(str(error).split())[:300]}; set GYAKUSAN_TRACEBACK=1 to see where", 1
