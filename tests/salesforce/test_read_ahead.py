"""One page ahead, never two; errors come in their turn; leaving early leaves no reading behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest

from connectors.salesforce.reading import bulk
from connectors.salesforce.reading.read_ahead import NotWanted, Wanted, WantedStream, read_ahead

PAGES = 5


class Source:
    """Pages 1 to 5; counts those asked for; page `broken` fails."""

    def __init__(self, broken: int = 0) -> None:
        self.asked = 0
        self.broken = broken

    def pages(self) -> Iterator[int]:
        return read_ahead(self._step(1), lambda page: self._step(page + 1) if page < PAGES else None)

    def _step(self, number: int) -> Callable[[Wanted], int]:
        def read(wanted: Wanted) -> int:
            self.asked = number
            if number == self.broken:
                raise OSError("broke off")
            return number

        return read


def _reading_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("read-ahead")]


def test_pages_come_in_order_and_never_more_than_one_ahead() -> None:
    source = Source()
    taken = []
    for page in source.pages():
        taken.append(page)
        assert source.asked <= page + 1
    assert taken == [1, 2, 3, 4, 5]
    assert not _reading_threads()


def test_an_error_comes_after_the_pages_before_it_were_taken() -> None:
    source = Source(broken=3)
    pages = source.pages()
    assert [next(pages), next(pages)] == [1, 2]
    with pytest.raises(OSError, match="broke off"):
        next(pages)
    assert source.asked == 3
    assert not _reading_threads()


def test_the_next_page_is_read_while_the_caller_works() -> None:
    is_read = threading.Event()

    def second(wanted: Wanted) -> int:
        is_read.set()
        return 2

    pages = read_ahead(lambda wanted: 1, lambda page: second if page == 1 else None)
    assert next(pages) == 1
    assert is_read.wait(10)
    assert list(pages) == [2]


def test_leaving_early_ends_a_page_on_its_way() -> None:
    begun, seen = threading.Event(), []

    def endless(wanted: Wanted) -> int:
        begun.set()
        try:
            while True:
                WantedStream(pa.BufferReader(b"x"), wanted).read(1)
        except NotWanted as error:
            seen.append(error)
            raise

    def leave() -> None:
        for _ in read_ahead(lambda wanted: 1, lambda page: endless):
            assert begun.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert len(seen) == 1
    assert not _reading_threads()


def test_long_rows_make_short_pages() -> None:
    short = pa.table({"Id": ["0" * 18] * 1_000})
    long = pa.table({"Id": ["0" * 18] * 1_000, "Note": ["x" * 32_000] * 1_000})
    assert bulk.rows_that_fit(long) * 32_000 <= bulk.PAGE_BYTES < bulk.rows_that_fit(long) * 33_000
    assert bulk.rows_that_fit(short) > 1_000_000
    assert bulk.rows_that_fit(short.slice(0, 0)) >= 1
