"""What a person sees while a night runs: one line per step, rows as they come.

The reporter is set by whoever starts the run; under the scheduler nobody looks, and nothing is printed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from connectors.salesforce.writing.apply_actions import WriteOutcome


@dataclass
class Progress:
    """Times the steps of one run, in seconds by step name, and tells of them on ``stream`` when it is given.

    ``outcome``: what became of the tasks, for the summary; tonight's writes reach the marts the next night.
    """

    stream: TextIO | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    outcome: WriteOutcome | None = None
    dry_run: bool = False
    _last_shown: float = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce and time one step."""
        started = time.perf_counter()
        self._show(f"  {name} …")
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
            self._show(f"  {name}: {spent:.1f} s", end="\n")

    def note(self, text: str) -> None:
        """Tell something worth a line of its own."""
        self._show(f"  {text}", end="\n")

    def rows(self, stream: str, rows: int, total: int) -> None:
        """Tell how far a long read has come; at most ten times a second."""
        now = time.perf_counter()
        if now - self._last_shown >= 0.1:
            self._last_shown = now
            of_total = f" of {total:,}" if total else ""
            self._show(f"  {stream}: {rows:,}{of_total} rows …")

    def _show(self, text: str, end: str = "") -> None:
        if self.stream is None:
            return
        if self.stream.isatty():
            self.stream.write(f"\r\x1b[K{text}{end}")
        elif end:
            self.stream.write(text + end)
        self.stream.flush()


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


def current() -> Progress:
    """The reporter of this run; a silent one where none was set."""
    found = _current.get()
    if found is None:
        found = Progress()
        _current.set(found)
    return found


@contextmanager
def reporting(stream: TextIO | None = sys.stderr) -> Iterator[Progress]:
    """Make a reporter the current one while a run lasts."""
    token = _current.set(Progress(stream))
    try:
        yield current()
    finally:
        _current.reset(token)
