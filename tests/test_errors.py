"""What a person reads when something ends a command."""

from __future__ import annotations

import errno
import os

import duckdb
import pytest

from dagster_project.errors import Incomplete, explain


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/log"),
        OSError(errno.EFBIG, os.strerror(errno.EFBIG)),
        duckdb.IOException(f"Could not write file: {os.strerror(errno.ENOSPC)}"),
    ],
)
def test_a_full_disk_is_said_wherever_it_strikes(error: Exception) -> None:
    wrapped = RuntimeError("a step failed")
    wrapped.__cause__ = error
    message, exit_code = explain(wrapped)
    assert "no space left" in message
    assert "kept" in message
    assert exit_code == 1


def test_the_error_meant_for_a_person_is_found_beneath_its_wrappers() -> None:
    wrapped = RuntimeError("a step failed")
    wrapped.__cause__ = Incomplete("half a page", where="Task", remedy="run again")
    assert explain(wrapped) == ("half a page (Task); run again", 3)


def test_anything_else_is_one_line_that_says_how_to_see_more() -> None:
    message, exit_code = explain(ValueError("first\nsecond"))
    assert (message.count("\n"), exit_code) == (0, 1)
    assert "GYAKUSAN_TRACEBACK" in message


def test_errors_that_follow_from_each_other_in_a_ring_come_to_an_end() -> None:
    first, second = KeyError("first"), KeyError("second")
    first.__context__, second.__context__ = second, first
    message, _ = explain(first)
    assert "unexpected KeyError: 'first'" in message
