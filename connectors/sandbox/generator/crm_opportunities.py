"""Opportunity, OpportunityHistory and OpportunityFieldHistory as the CRM would hold them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.generator.accounts import (
    CONTACTS_PER_ACCOUNT_LIMIT,
    account_names,
    contacts_per_account,
)
from connectors.sandbox.generator.columns import Column
from connectors.sandbox.generator.days import dates, day_of, money, months_of, timestamps
from connectors.sandbox.generator.draws import BoolArray, FloatArray, IntArray, categories, integers, uniform
from connectors.sandbox.generator.identifiers import record_ids
from connectors.sandbox.generator.intake import NEVER
from connectors.sandbox.generator.opportunities import (
    CREATED,
    DELETED,
    OWNER,
    PUSHED,
    STAGE,
    Changes,
    all_changes,
)
from connectors.sandbox.generator.pipeline import Pipeline
from connectors.sandbox.generator.spec import DEAL_TYPES, OrganizationSpec
from connectors.sandbox.generator.tables import (
    audit,
    booleans,
    join,
    numerals,
    percents,
    seller_user_numbers,
    table,
    take,
    user_ids,
)
from connectors.sandbox.generator.words import LEAD_SOURCE_SHARES, LEAD_SOURCES, NEXT_STEPS, PRODUCTS

ROWS_PER_DEAL_LIMIT = 256
FORECAST_LABELS = {"BestCase": "Best Case", "Forecast": "Commit", "MostLikely": "Most Likely"}


@dataclass(frozen=True)
class Ledger:
    """What is known by the clock: the changes up to `now` and, per deal, its last change.

    `last` and `ended` have one element per deal of the pipeline: −1 / NEVER where unknown or not ended.
    """

    pipeline: Pipeline
    changes: Changes
    previous: IntArray
    sequence: IntArray
    last: IntArray
    deleted_at: IntArray

    @property
    def visible(self) -> IntArray:
        """Deals that exist by now."""
        return np.flatnonzero(self.last >= 0)


def ledger(pipeline: Pipeline, now: int) -> Ledger:
    """Folds the changes known at `now` (UTC seconds)."""
    changes = all_changes(pipeline)
    changes = changes.keep(changes.instant <= now)
    position = np.arange(len(changes))
    start = np.maximum.accumulate(np.where(changes.is_first, position, 0)) if len(changes) else position
    last = np.full(len(pipeline.deals), -1)
    last[changes.deal] = position
    deleted_at = np.full(len(pipeline.deals), NEVER)
    gone = changes.kind == DELETED
    deleted_at[changes.deal[gone]] = changes.instant[gone]
    return Ledger(pipeline, changes, np.maximum(position - 1, start), position - start, last, deleted_at)


def stage_labels(spec: OrganizationSpec) -> tuple[str, ...]:
    """Open stages, Closed Won, Closed Lost."""
    return (*spec.stage_names, "Closed Won", "Closed Lost")


def probabilities(spec: OrganizationSpec, stage: IntArray) -> FloatArray:
    """Default probability of each stage in percent."""
    return np.array([*(each.probability for each in spec.stages), 100.0, 0.0])[stage]


def _expected(spec: OrganizationSpec, amount: IntArray, stage: IntArray) -> Column:
    whole = np.round(np.maximum(amount, 0) * probabilities(spec, stage) / 100).astype(np.int64)
    return money(whole, amount < 0)


def _categories(spec: OrganizationSpec) -> tuple[str, ...]:
    return (*(stage.forecast_category for stage in spec.stages), "Closed", "Omitted")


def _fiscal(spec: OrganizationSpec, days: IntArray) -> tuple[IntArray, IntArray]:
    """Fiscal year (named by its first calendar year) and quarter of each day."""
    shifted = months_of(days) - (spec.fiscal_year_start_month - 1)
    return shifted // 12 + 1970, shifted % 12 // 3 + 1


def _last_where(book: Ledger, mask: BoolArray) -> IntArray:
    """Instant of each deal's last change with the mask; −1 where none."""
    result = np.full(len(book.pipeline.deals), -1)
    result[book.changes.deal[mask]] = book.changes.instant[mask]
    return result


def opportunities_table(
    book: Ledger, last_activity_day: IntArray, has_open: BoolArray, has_overdue: BoolArray
) -> pa.Table:
    """One row per opportunity as it stands now; the activity figures come per deal of the pipeline."""
    spec, deals, shown = book.pipeline.spec, book.pipeline.deals, book.visible
    state = book.changes.keep(book.last[shown])
    key = deals.key[shown]
    is_deleted = book.deleted_at[shown] < NEVER
    stage_changed = _last_where(book, book.changes.kind == STAGE)[shown]
    created = book.changes.instant[book.changes.kind == CREATED]
    step = integers(spec.seed, "deal/next step", len(NEXT_STEPS), key, state.stage)
    modified_by = seller_user_numbers(state.owner)
    return table(
        {
            "Id": record_ids("Opportunity", key),
            "IsDeleted": booleans(is_deleted),
            "AccountId": record_ids("Account", deals.account[shown]),
            "IsPrivate": booleans(np.zeros(len(shown), dtype=bool)),
            "Name": deal_names(book.pipeline, shown),
            **_stage_columns(spec, state),
            "Type": take(DEAL_TYPES, deals.deal_type[shown]),
            "NextStep": take([text or None for text in NEXT_STEPS], step),
            "LeadSource": take(LEAD_SOURCES, lead_sources(spec, key), deals.deal_type[shown] > 0),
            "HasOpportunityLineItem": booleans(np.zeros(len(shown), dtype=bool)),
            "OwnerId": user_ids(seller_user_numbers(state.owner)),
            "LastActivityDate": dates(last_activity_day[shown], last_activity_day[shown] < 0),
            "PushCount": pa.array(_push_counts(book)[shown]),
            "LastStageChangeDate": timestamps(stage_changed, stage_changed < 0),
            "ContactId": record_ids("Contact", first_contacts(book.pipeline)[shown]),
            "HasOpenActivity": booleans(has_open[shown]),
            "HasOverdueTask": booleans(has_overdue[shown]),
            **audit(created, seller_user_numbers(deals.seller[shown]), state.instant, modified_by),
        }
    )


def _stage_columns(spec: OrganizationSpec, state: Changes) -> dict[str, Column]:
    """The columns that follow from stage, amount and close date."""
    year, quarter = _fiscal(spec, state.close_day)
    categories_of_stages = _categories(spec)
    labels = [FORECAST_LABELS.get(each, each) for each in categories_of_stages]
    return {
        "StageName": take(stage_labels(spec), state.stage),
        "Amount": money(state.amount, state.amount < 0),
        "Probability": percents(probabilities(spec, state.stage)),
        "ExpectedRevenue": _expected(spec, state.amount, state.stage),
        "CloseDate": dates(state.close_day),
        "IsClosed": booleans(state.stage >= len(spec.stages)),
        "IsWon": booleans(state.stage == len(spec.stages)),
        "ForecastCategory": take(categories_of_stages, state.stage),
        "ForecastCategoryName": take(labels, state.stage),
        "FiscalQuarter": pa.array(quarter),
        "FiscalYear": pa.array(year),
        "Fiscal": join(numerals(year), " ", numerals(quarter)),
    }


def lead_sources(spec: OrganizationSpec, key: IntArray) -> IntArray:
    """Index of the lead source of each deal."""
    return categories(spec.seed, "deal/source", LEAD_SOURCE_SHARES, key)


def deal_names(pipeline: Pipeline, deal: IntArray) -> Column:
    """Account, product, and for later business what kind."""
    spec, deals = pipeline.spec, pipeline.deals
    product = take(PRODUCTS, integers(spec.seed, "deal/product", len(PRODUCTS), deals.key[deal]))
    kind = take(("", " 追加", " 更新"), deals.deal_type[deal])
    return join(account_names(spec, deals.account[deal]), " - ", product, kind)


def _push_counts(book: Ledger) -> IntArray:
    """How often each deal's close date moved to a later month."""
    changes = book.changes
    month = months_of(changes.close_day)
    later = (changes.kind == PUSHED) & (month > month[book.previous])
    return np.bincount(changes.deal[later], minlength=len(book.pipeline.deals))


def _history_rows(book: Ledger) -> BoolArray:
    """Changes that make an OpportunityHistory row: creation, and a change of stage, amount or close date."""
    changes, before = book.changes, book.previous
    differs = (changes.amount != changes.amount[before]) | (changes.close_day != changes.close_day[before])
    differs |= changes.stage != changes.stage[before]
    makes_row: BoolArray = (changes.kind == CREATED) | (
        differs & (changes.kind != OWNER) & (changes.kind != DELETED)
    )
    return makes_row


def history_table(book: Ledger) -> pa.Table:
    """One row per creation or change of stage, amount, probability or close date."""
    spec, deals, changes = book.pipeline.spec, book.pipeline.deals, book.changes
    rows = np.flatnonzero(_history_rows(book))
    kept, before = changes.keep(rows), book.previous[rows]
    key = deals.key[kept.deal]
    is_new = kept.kind == CREATED
    category = take(_categories(spec), kept.stage)
    return table(
        {
            "Id": record_ids("OpportunityHistory", key * ROWS_PER_DEAL_LIMIT + book.sequence[rows]),
            "OpportunityId": record_ids("Opportunity", key),
            "CreatedById": user_ids(seller_user_numbers(kept.owner)),
            "CreatedDate": timestamps(kept.instant),
            "StageName": take(stage_labels(spec), kept.stage),
            "Amount": money(kept.amount, kept.amount < 0),
            "ExpectedRevenue": _expected(spec, kept.amount, kept.stage),
            "CloseDate": dates(kept.close_day),
            "Probability": percents(probabilities(spec, kept.stage)),
            "ForecastCategory": category,
            "FromForecastCategory": take(_categories(spec), changes.stage[before], is_new),
            "FromOpportunityStageName": take(stage_labels(spec), changes.stage[before], is_new),
            "PrevAmount": money(changes.amount[before], is_new | (changes.amount[before] < 0)),
            "PrevCloseDate": dates(changes.close_day[before], is_new),
            "SystemModstamp": timestamps(kept.instant),
            "IsDeleted": booleans(book.deleted_at[kept.deal] < NEVER),
        }
    )


def _day_texts(days: IntArray) -> Column:
    known, inverse = np.unique(days, return_inverse=True)
    return take([day_of(int(day)).isoformat() for day in known], inverse)


def field_history_table(book: Ledger) -> pa.Table:
    """One row per creation and per tracked change: Owner, CloseDate, Amount, StageName."""
    spec, changes, before = book.pipeline.spec, book.changes, book.previous
    labels = stage_labels(spec)
    columns: dict[str, tuple[IntArray, Callable[[IntArray], Column]]] = {
        "Owner": (changes.owner, lambda rows: user_ids(seller_user_numbers(changes.owner[rows]))),
        "CloseDate": (changes.close_day, lambda rows: _day_texts(changes.close_day[rows])),
        "StageName": (changes.stage, lambda rows: take(labels, changes.stage[rows])),
        "Amount": (
            changes.amount,
            lambda rows: pc.if_else(pa.array(changes.amount[rows] < 0), None, numerals(changes.amount[rows])),
        ),
    }
    parts = [_field_rows(book, np.flatnonzero(changes.kind == CREATED), "created", None, None, 0)]
    for number, (name, (values, text)) in enumerate(columns.items(), start=1):
        rows = np.flatnonzero((values != values[before]) & (changes.kind != CREATED))
        parts.append(_field_rows(book, rows, name, text(before[rows]), text(rows), number))
    return pa.concat_tables(parts)


def _field_rows(
    book: Ledger, rows: IntArray, name: str, old: Column | None, new: Column | None, number: int
) -> pa.Table:
    changes = book.changes
    key = book.pipeline.deals.key[changes.deal[rows]]
    nothing = pa.nulls(len(rows), pa.string())
    kinds = {"Owner": "EntityId", "CloseDate": "DateOnly", "Amount": "Currency"}
    return table(
        {
            "Id": record_ids(
                "OpportunityFieldHistory", (key * ROWS_PER_DEAL_LIMIT + book.sequence[rows]) * 8 + number
            ),
            "IsDeleted": booleans(book.deleted_at[changes.deal[rows]] < NEVER),
            "OpportunityId": record_ids("Opportunity", key),
            "CreatedById": user_ids(seller_user_numbers(changes.owner[rows])),
            "CreatedDate": timestamps(changes.instant[rows]),
            "Field": take([name], np.zeros(len(rows), dtype=np.int64)),
            "DataType": take([kinds.get(name, "Text")], np.zeros(len(rows), dtype=np.int64)),
            "OldValue": nothing if old is None else old,
            "NewValue": nothing if new is None else new,
        }
    )


def first_contacts(pipeline: Pipeline) -> IntArray:
    """The person each deal began with."""
    spec, deals = pipeline.spec, pipeline.deals
    number = integers(spec.seed, "deal/contact", contacts_per_account(spec, deals.account), deals.key)
    decides = uniform(spec.seed, "deal/first decides", deals.key) < 0.2
    number = np.where((number == 0) & ~decides, 1, number)
    return deals.account * CONTACTS_PER_ACCOUNT_LIMIT + number
