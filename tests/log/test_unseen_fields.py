"""A field that can no longer be seen is unknown, not null: the last known value stays."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from connectors.event_log import EventLog
from tests.log.opportunities import SECOND_ID, append, column, deal

MOVED = "2024-01-02T00:00:00.000Z"
FULL = {"Amount": "5.5", "Probability": "10", "PushCount": "2", "CloseDate": "2024-02-01"}


def last(log: EventLog, *names: str) -> dict[str, object]:
    return log.latest("opportunity", list(names)).to_pylist()[0]


@pytest.mark.parametrize("hidden", list(FULL))
def test_a_field_that_is_hidden_makes_no_change(log: EventLog, hidden: str) -> None:
    append(log, deal(**FULL))
    shown = {name: value for name, value in FULL.items() if name != hidden}
    assert append(log, deal(**shown), day=1).appended == 0


def test_a_change_beside_a_hidden_field_keeps_its_last_known_value(log: EventLog) -> None:
    append(log, deal(**FULL), deal(Id=SECOND_ID, **FULL | {"Amount": "7"}))
    assert append(log, deal(StageName="Won", SystemModstamp=MOVED), day=1).appended == 1
    assert last(log, "StageName", "Amount", "PushCount") == {
        "StageName": "Prospecting",
        "Amount": Decimal(7),
        "PushCount": 2,
    }
    assert column(log, "Amount") == [Decimal("5.5"), Decimal(7), Decimal("5.5")]
    assert column(log, "StageName")[-1] == "Won"


def test_what_did_not_cast_before_it_was_hidden_stays_beside(log: EventLog) -> None:
    append(log, deal(Amount='12 "yen"', PushCount="many"))
    assert append(log, deal(PushCount="many"), day=1).appended == 0
    append(log, deal(PushCount="many", SystemModstamp=MOVED, StageName="Won"), day=2)
    assert column(log, "uncast")[0] == column(log, "uncast")[1]


def test_shown_again_with_nothing_in_it_is_a_change_to_null(log: EventLog) -> None:
    append(log, deal(**FULL))
    append(log, deal(), day=1)
    assert append(log, deal(**FULL | {"Amount": ""}), day=2).appended == 1
    assert column(log, "Amount") == [Decimal("5.5"), None]


def test_hidden_and_shown_in_turns_by_one_log(log: EventLog) -> None:
    for day in range(4):
        shown = FULL if day % 2 == 0 else {}
        assert append(log, deal(**shown), day=day).appended == (1 if day == 0 else 0)


def test_a_field_hidden_while_another_process_wrote(log: EventLog) -> None:
    append(log, deal())
    append(EventLog(log.root), deal(**FULL), day=1)
    assert append(log, deal(), day=2).appended == 0


def test_the_column_a_retyped_field_left_is_over_not_unknown(log: EventLog) -> None:
    append(log, deal(Amount="5"))
    log.evolve("opportunity", pa.schema([("Amount", pa.string())]))
    append(log, deal(Amount="five"), day=1)
    assert column(log, "Amount") == [Decimal(5), None]
    assert column(log, "Amount__string") == [None, "five"]
    append(log, deal(StageName="Won", SystemModstamp=MOVED), day=2)
    assert column(log, "Amount__string")[-1] == "five"


def test_the_column_a_retyped_field_left_does_not_come_back_when_it_is_hidden(log: EventLog) -> None:
    append(log, deal(Amount="5"))
    log.evolve("opportunity", pa.schema([("Amount", pa.string())]))
    append(log, deal(Amount="five"), day=1)
    assert append(log, deal(), day=2).appended == 0


def test_records_without_an_id_and_unknown_records_get_nothing(log: EventLog) -> None:
    append(log, deal(**FULL))
    append(log, deal(Id=""), deal(Id=SECOND_ID), day=1)
    assert column(log, "Amount") == [Decimal("5.5"), None, None]
