"""Pulls that are killed (-9) at a write of the log, each followed by one that is left alone.

Run as `python -m tests.salesforce.killing FOLDER URL NOW TEMPLATE`: pulls into logs under FOLDER,
each a copy of the log TEMPLATE, first undisturbed, then killed at the first write, the second, and so on up to
the last. Prints one line per log: its name and the exit codes of its two pulls.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

# Imported by whoever calls the org, and so by each child anew unless it is here already.
import simple_salesforce.api  # noqa: F401

from connectors.event_log import EventLog
from connectors.salesforce.connection.client import connect
from connectors.salesforce.connection.login import Credentials
from connectors.salesforce.reading.pull import PullOptions, pull
from connectors.sandbox.login.access import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET
from tests.salesforce.conftest import nap, only

PAGE_ROWS = 50
KILLED_OBJECT = "Opportunity"

_replace = Path.replace


class Writes:
    """Counts what is renamed into place, and dies in the stead of one of these."""

    def __init__(self, deadly: int | None) -> None:
        self.count = 0
        self.deadly = deadly

    def arm(self) -> None:
        """Stand in the way of every rename."""
        writes = self

        def counted(path: Path, target: Path) -> Path:
            writes.count += 1
            if writes.count == writes.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return _replace(path, target)

        Path.replace = counted  # type: ignore[method-assign,assignment]


def pull_into(root: Path, url: str, now: datetime, run_id: str) -> None:
    """One pull of an object whose Bulk results come in several pages."""
    pull(
        connect(Credentials(url, DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET)),
        EventLog(root),
        run_id=run_id,
        clock=lambda: now,
        objects=only(KILLED_OBJECT),
        options=PullOptions(lag=timedelta(0), bulk_page_rows=PAGE_ROWS, sleep=nap),
    )


def in_child(work: Callable[[], None]) -> int:
    """The exit code of a forked process that does this work; negative when a signal ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: str, url: str, now_text: str, template: str) -> None:
    """The undisturbed pull tells how many writes there are to die at."""
    now, counts = datetime.fromisoformat(now_text), Path(folder) / "writes.txt"

    def new_log(name: str) -> Path:
        root = Path(folder) / name
        shutil.copytree(template, root)
        return root

    def undisturbed() -> None:
        writes = Writes(None)
        writes.arm()
        pull_into(root, url, now, "undisturbed")
        counts.write_text(str(writes.count))

    root = new_log("undisturbed")
    sys.stdout.write(f"undisturbed {in_child(undisturbed)} 0\n")
    for deadly in range(1, int(counts.read_text()) + 1):
        root = new_log(f"killed at {deadly:02d}".replace(" ", "_"))

        def killed(root: Path = root, deadly: int = deadly) -> None:
            Writes(deadly).arm()
            pull_into(root, url, now, "killed")

        def again(root: Path = root) -> None:
            pull_into(root, url, now, "again")

        sys.stdout.write(f"{root.name} {in_child(killed)} {in_child(again)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
