"""Reading one page ahead: the next page comes in while the caller lands the one before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Page = TypeVar("Page")


class NotWanted(Exception):
    """The caller has stopped taking pages; nobody sees this error."""


class Wanted:
    """Whether the pages read ahead still have a taker."""

    def __init__(self) -> None:
        self._ended = threading.Event()

    def end(self) -> None:
        """Have the reading stop at its next check."""
        self._ended.set()

    def check(self) -> None:
        """Raises NotWanted once the caller has stopped."""
        if self._ended.is_set():
            raise NotWanted


class WantedStream:
    """A stream of bytes that ends in NotWanted when its reader has no taker any more."""

    def __init__(self, stream: Any, wanted: Wanted) -> None:
        self._stream = stream
        self._wanted = wanted

    @property
    def closed(self) -> bool:
        return bool(self._stream.closed)

    def readable(self) -> bool:
        """Bytes come out of it."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""
        self._wanted.check()
        return bytes(self._stream.read(size))

    def close(self) -> None:
        """Nothing: whoever opened the stream closes it."""


def read_ahead(
    first: Callable[[Wanted], Page], following: Callable[[Page], Callable[[Wanted], Page] | None]
) -> Iterator[Page]:
    """Pages in order, each read in a thread of its own while the caller works on the one before.

    `following` tells from a page how to read the next one, None after the last. An error of reading is raised
    where its page would have come, after all pages before it were taken. Leaving early waits until the page on
    its way notices, so that no two threads use one session.
    """
    wanted = Wanted()
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        try:
            coming: Future[Page] | None = reader.submit(first, wanted)
            while coming is not None:
                page = coming.result()
                step = following(page)
                coming = reader.submit(step, wanted) if step else None
                yield page
                del page
        finally:
            wanted.end()
