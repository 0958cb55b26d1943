"""OpportunityContactRole as the CRM would hold it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from connectors.sandbox.generator.accounts import CONTACTS_PER_ACCOUNT_LIMIT, contacts_per_account
from connectors.sandbox.generator.crm_opportunities import Ledger, first_contacts
from connectors.sandbox.generator.draws import IntArray, uniform
from connectors.sandbox.generator.identifiers import record_ids
from connectors.sandbox.generator.intake import NEVER
from connectors.sandbox.generator.opportunities import first_ends
from connectors.sandbox.generator.pipeline import Pipeline, action_days
from connectors.sandbox.generator.spells import owners_on
from connectors.sandbox.generator.tables import audit, booleans, seller_user_numbers, table, take


def contact_roles_table(book: Ledger, now: int) -> pa.Table:
    """One row per person on a deal: the first at creation (not always entered), a second and the decision-maker later."""
    pipeline, spec, deals = book.pipeline, book.pipeline.spec, book.pipeline.deals
    first = first_contacts(pipeline)
    base = deals.account * CONTACTS_PER_ACCOUNT_LIMIT
    second = base + np.where(first - base == 1, contacts_per_account(spec, deals.account) - 1, 1)
    entered = uniform(spec.seed, "role/entered", deals.key) < 0.92
    candidates = (
        (first, np.where(entered, deals.created_day, NEVER), "Business User", True),
        (second, _business_action_days(pipeline, "widen_the_contacts"), "Influencer", False),
        (base, _business_action_days(pipeline, "reach_the_decision_maker"), "Decision Maker", False),
    )
    parts = []
    for number, (person, day, role, primary) in enumerate(candidates):
        fits = (day < NEVER) & ((person != first) | primary)
        parts.append(_role_rows(book, np.flatnonzero(fits), person, day, role, primary, number, now))
    return pa.concat_tables(parts)


def _business_action_days(pipeline: Pipeline, action_type: str) -> IntArray:
    """Business day of each deal's action of a type; NEVER if there is none."""
    days = action_days(pipeline.spec, pipeline.deals, action_type, pipeline.prompted)
    return np.where(days < NEVER, pipeline.calendar.on_or_after(np.minimum(days, 10**6)), NEVER)


def _role_rows(
    book: Ledger,
    deal: IntArray,
    person: IntArray,
    day: IntArray,
    role: str,
    primary: bool,
    number: int,
    now: int,
) -> pa.Table:
    pipeline = book.pipeline
    second = pipeline.deals.created_second[deal] + 60 if primary else 18 * 3600 + 600
    at = pipeline.calendar.instants(day[deal], second)
    open_then = primary | (day[deal] < first_ends(pipeline)[deal])
    keep = (book.last[deal] >= 0) & (at <= now) & open_then & (at < book.deleted_at[deal])
    deal, at = deal[keep], at[keep]
    key, zero = pipeline.deals.key[deal], np.zeros(len(deal), dtype=np.int64)
    owner = seller_user_numbers(owners_on(pipeline, deal, day[deal]))
    deleted = book.deleted_at[deal] < NEVER
    return table(
        {
            "Id": record_ids("OpportunityContactRole", key * 4 + number),
            "IsDeleted": booleans(deleted),
            "OpportunityId": record_ids("Opportunity", key),
            "ContactId": record_ids("Contact", person[deal]),
            "Role": take([role], zero),
            "IsPrimary": booleans(np.full(len(deal), primary)),
            **audit(at, owner, np.where(deleted, book.deleted_at[deal], at)),
        }
    )
