"""Errors a person can act on: what happened, where, what to do; each with an exit code of its own."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator


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
    """Not everything could be read; what landed is kept and the next run goes on from there.

    Attributes:
        may_pass: whether trying again within the night may help.
    """

    exit_code = 3

    def __init__(self, what: str, *, where: str, remedy: str, may_pass: bool = True) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.may_pass = may_pass


class GateStopped(GyakusanError):
    """What landed would falsify every mart; yesterday's stay published."""

    exit_code = 4


class WriteRefused(GyakusanError):
    """Writing to the org is not allowed, or too many rows were rejected."""

    exit_code = 5


class AlreadyRunning(GyakusanError):
    """Another run holds the lock."""

    exit_code = 6


class NeedsAttention(GyakusanError):
    """The night is complete, but something in the org or the settings keeps it from being whole."""

    exit_code = 7


def explain(error: BaseException) -> tuple[str, int]:
    """One line for a person, and the exit code, from the first error in the chain that is meant for a person."""
    for each in _chain(error):
        if isinstance(each, GyakusanError):
            return str(each), each.exit_code
        if isinstance(each, _errors_of_connectors()):
            return " ".join(str(each).split()), 1
        if is_disk_full(each):
            return f"no space left to write ({each}); free some and run again, everything landed is kept", 1
    name = type(error).__name__
    return (
        f"unexpected {name}: {' '.join(str(error).split())[:300]}; set GYAKUSAN_TRACEBACK=1 to see where",
        1,
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether the disk, or the space a file may take, ran out; DuckDB says so in words only."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return any(os.strerror(code) in str(error) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    # An error raised again from one of its own followers makes the chain a ring.
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _errors_of_connectors() -> tuple[type[BaseException], ...]:
    from connectors.event_log.errors import LogError
    from connectors.salesforce.connection.errors import SalesforceProblem
    from connectors.sandbox.errors import SandboxError
    from connectors.sandbox.process import SandboxStartError

    return LogError, SalesforceProblem, SandboxError, SandboxStartError
