"""SQL that turns rows into the facts that differ from what the log knows (design decision 1).

All statements read the registered table `landed` and give `event_id, record_id, kind, occurred_at,
values_hash` in the order the facts are to be numbered. Those on whole records of the source give beside them
where the row stands in `landed`, whose wide columns need not pass through SQL; the others `uncast` and the typed
columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from connectors.event_log.canonical import canonical_text, identifier, identity, literal, values_hash
from connectors.event_log.contract import INSTANT, SYSTEM_NAMES, volatile_fields
from connectors.event_log.landing import POSITION, Landing
from connectors.event_log.query import instant_sql

# Rows without an Id are told apart by their values, so that each is one fact however often it is read.
_RECORD_KEY = "case when record_id = '' then '#' || values_hash else record_id end"
_GONE = "('deleted', 'purged')"
_OCCURRED_FROM = ("SystemModstamp", "LastModifiedDate", "CreatedDate")


@dataclass(frozen=True)
class Reading:
    """One look at a stream: what is known so far (FROM items), and when and in which window we looked."""

    stream: str
    known: str
    erased: str | None
    observed_at: datetime
    window: str = ""

    def discriminator(self) -> str:
        """Tells apart states that share a SystemModstamp: the window and the instant of observation."""
        return f"{literal(self.window)} || '@' || epoch_us({instant_sql(self.observed_at)})::varchar"


def changed_sql(reading: Reading, contract: pa.Schema, rows: Landing) -> str:
    """Facts that differ from the record's state before them; `landed` holds the typed rows.

    A row is compared with the one before it of the same record (by occurred_at, ties in landing order), the
    first with the last fact of the log. A state no newer than the one before carries the window in its
    identity, so that A → B → A under one SystemModstamp stays three facts.
    """
    return f"""
    with {_hashed_ctes(reading, contract, rows)}, {_compared_ctes(reading)}, changed as (
      select *,
        case when is_gone then 'deleted' when prior_is_gone then 'undeleted' else 'observed' end as kind,
        case when occurred_at <= prior_occurred_at
          then {reading.discriminator()} || '/' || place::varchar end as discriminator
      from compared
      where prior_hash is null or prior_hash <> values_hash or prior_is_gone <> is_gone
    )
    select {_event_id(reading.stream, "discriminator")} as event_id, record_id, kind, occurred_at,
      values_hash, {POSITION}
    from changed order by occurred_at, {POSITION}"""


def gone_sql(reading: Reading, contract: pa.Schema, kind: str) -> str:
    """Facts of records of which only the id is known to be gone: the last known values with the new kind.

    `landed` holds record_id and occurred_at. A record never seen, or gone already, gives nothing; purged
    outdoes deleted.
    """
    known_gone = "('purged')" if kind == "purged" else _GONE
    own = [field.name for field in contract if field.name not in SYSTEM_NAMES]
    shown = "".join(f", {_gone_value(name)}" for name in own)
    return f"""
    with landed_once as (
      select record_id, max(occurred_at) as gone_at, max({POSITION}) as {POSITION}
      from landed {_not_erased(reading.erased)} group by record_id
    ), last_known as (
      select * from {reading.known} where record_id in (select record_id from landed_once)
      qualify row_number() over (partition by record_id order by sequence desc) = 1
    ), gone as (
      select * replace ({literal(kind)} as kind,
        coalesce(gone_at, {instant_sql(reading.observed_at)}) as occurred_at)
      from landed_once join last_known using (record_id) where last_known.kind not in {known_gone}
    )
    select {_event_id(reading.stream, reading.discriminator())} as event_id, record_id, kind, occurred_at,
      values_hash, uncast{shown}
    from gone order by occurred_at, {POSITION}"""


def facts_sql(reading: Reading, contract: pa.Schema, rows: Landing, key: Sequence[str]) -> str:
    """Facts of the system itself whose key the stream does not hold yet; the first wins within the rows."""
    types = {field.name: field.type for field in contract}
    keyed = [
        part
        for name in sorted(key)
        for part in (literal(name), canonical_text(identifier(name), types[name]))
    ]
    own = "".join(f", {identifier(name)}" for name in rows.names() if name not in SYSTEM_NAMES)
    return f"""
    with identified as (
      select *, {identity([literal(reading.stream), *keyed])} as event_id,
        {values_hash(rows.canonical(SYSTEM_NAMES))} as values_hash
      from ({rows.typed_sql()}) {_not_erased(reading.erased)}
    ), first_of_key as (
      select * from identified qualify row_number() over (partition by event_id order by {POSITION}) = 1
    )
    select event_id, record_id, kind, occurred_at, values_hash, uncast{own}
    from first_of_key anti join {reading.known} as known using (event_id) order by {POSITION}"""


def _hashed_ctes(reading: Reading, contract: pa.Schema, rows: Landing) -> str:
    instants = {field.name for field in contract if field.type == INSTANT}
    filled = {name.lower(): identifier(name) for name in rows.names()}
    times = [filled[name.lower()] for name in _OCCURRED_FROM if name in instants and name.lower() in filled]
    return f"""hashed as (
      select {POSITION},
        coalesce({filled["id"]}, '') as record_id,
        coalesce({", ".join([*times, instant_sql(reading.observed_at)])}) as occurred_at,
        coalesce({filled.get("isdeleted", "false")}, false) as is_gone,
        {values_hash(rows.canonical(volatile_fields(reading.stream)))} as values_hash
      from landed
    ), keyed as materialized (
      select *, {_RECORD_KEY} as record_key from hashed {_not_erased(reading.erased)}
    )"""


def _compared_ctes(reading: Reading) -> str:
    return f"""last_known as (
      select {_RECORD_KEY} as record_key, max_by(values_hash, sequence) as known_hash,
        max_by(kind, sequence) in {_GONE} as known_is_gone, max_by(occurred_at, sequence) as known_occurred_at
      from {reading.known} where record_id in (select record_id from keyed) group by all
    ), chained as (
      select *, row_number() over chain as place, lag(values_hash) over chain as batch_hash,
        lag(is_gone) over chain as batch_is_gone, lag(occurred_at) over chain as batch_occurred_at
      from keyed window chain as (partition by record_key order by occurred_at, {POSITION})
    ), compared as (
      select *, if(place = 1, known_hash, batch_hash) as prior_hash,
        if(place = 1, known_is_gone, batch_is_gone) as prior_is_gone,
        if(place = 1, known_occurred_at, batch_occurred_at) as prior_occurred_at
      from chained left join last_known using (record_key)
    )"""


def _event_id(stream: str, discriminator: str) -> str:
    parts = [
        literal(stream),
        "record_id",
        "kind",
        "epoch_us(occurred_at)::varchar",
        "values_hash",
        discriminator,
    ]
    return identity(parts)


def _gone_value(name: str) -> str:
    return f"true as {identifier(name)}" if name == "IsDeleted" else identifier(name)


def _not_erased(erased: str | None) -> str:
    return f"where record_id not in (select record_id from {erased})" if erased else ""
