"""The one error of the log: what happened, where, and what to do about it."""

from __future__ import annotations

import errno
from pathlib import Path

_REMEDIES = {
    errno.ENOSPC: "free some space on that disk and run again",
    errno.EDQUOT: "raise the disk quota or free some space and run again",
    errno.EFBIG: "raise the file size limit (ulimit -f) and run again",
    errno.EROFS: "make the file system writable or choose another data folder",
    errno.EACCES: "give this user write permission on the folder",
    errno.EPERM: "give this user write permission on the folder",
}


class LogError(Exception):
    """The log could not do what was asked; nothing landed is lost. One line: what, where, what to do."""

    exit_code = 1

    def __init__(self, what: str, where: object, remedy: str) -> None:
        super().__init__(f"{what} ({where}): {remedy}")
        self.what = what
        self.where = str(where)
        self.remedy = remedy


def from_os_error(doing: str, path: Path, error: OSError) -> LogError:
    """Put an operating-system error into words; everything written before it is still there."""
    remedy = _REMEDIES.get(error.errno or 0, "check that the disk is present and healthy, then run again")
    return LogError(
        f"{doing} failed: {error.strerror or error}", path, f"{remedy}; what landed before is kept"
    )
