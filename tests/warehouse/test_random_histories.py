"""Spells of random histories against a few lines of plain Python (method section 1)."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from tests.warehouse import cases, helpers
from tests.warehouse.conftest import NewWarehouse

STAGES = [name for name, *_ in cases.STAGES]
OPEN = STAGES[:3]
START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 7, 1, tzinfo=UTC)
Entry = tuple[str, datetime]


def expected_spells(history: list[Entry]) -> list[tuple[str, datetime, datetime | None, str]]:
    """Stays in open stages, by walking the history row by row."""
    entries: list[Entry] = []
    for stage, at in history:
        if at >= END or (entries and entries[-1][0] == stage):
            continue
        if entries and stage not in OPEN and entries[-1][0] not in OPEN:
            entries[-1] = (stage, entries[-1][1])
        else:
            entries.append((stage, at))
    following: list[Entry | None] = [*entries[1:], None]
    return [
        (stage, at, after[1] if after else None, exit_of(stage, after[0] if after else None))
        for (stage, at), after in zip(entries, following, strict=True)
        if stage in OPEN
    ]


def exit_of(stage: str, following: str | None) -> str:
    if following is None:
        return "open"
    if following not in OPEN:
        return "won" if following == "Closed Won" else "lost"
    step = OPEN.index(following) - OPEN.index(stage)
    return "moved_back" if step < 0 else "advanced" if step == 1 else "skipped_ahead"


def random_history(draw: random.Random) -> list[Entry]:
    """One to nine changes, some in the same second, some in the same stage, some after the end."""
    at, rows = START + timedelta(hours=draw.randrange(2000)), []
    for _ in range(draw.randint(1, 9)):
        rows.append((draw.choice(STAGES), at))
        at += draw.choice([timedelta(0), timedelta(seconds=1), timedelta(hours=draw.randrange(1, 1500))])
    return rows


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_random_histories(new_warehouse: NewWarehouse) -> None:
    draw = random.Random(20260701)
    histories = {f"{number:04}": random_history(draw) for number in range(500)}
    warehouse = new_warehouse("random")
    deals = [
        cases.deal(name, rows[-1][0], text(rows[0][1]), modified=text(rows[-1][1]))
        for name, rows in histories.items()
    ]
    changes = [
        change
        for name, rows in histories.items()
        for change in cases.changes(name, *[(stage, text(at)) for stage, at in rows])
    ]
    helpers.land(
        warehouse,
        {
            "OpportunityStage": cases.stages(),
            "Opportunity": deals,
            "OpportunityHistory": changes,
            **cases.people(),
        },
    )
    helpers.write_run(warehouse, END.date() - timedelta(days=1))
    helpers.build(warehouse)
    built: dict[str, list[object]] = {name: [] for name in histories}
    for row in warehouse.rows("from fct_stage_spells order by opportunity_id, spell_number"):
        spell = (row["stage_name"], row["entered_at"], row["left_at"], row["exit"])
        built[row["opportunity_id"][3:]].append(spell)
    assert built == {name: expected_spells(rows) for name, rows in histories.items()}
