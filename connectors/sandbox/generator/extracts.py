"""What only tests and benches see: hidden parameters per record, and the pipeline as bare numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from connectors.sandbox.generator.crm_opportunities import Ledger
from connectors.sandbox.generator.days import dates
from connectors.sandbox.generator.identifiers import record_ids
from connectors.sandbox.generator.intake import NEVER
from connectors.sandbox.generator.pipeline import Pipeline
from connectors.sandbox.generator.spells import owners_on, stage_spells
from connectors.sandbox.generator.tables import booleans, seller_user_numbers, table, take, user_ids
from connectors.sandbox.generator.truth import end_days, win_days

EXITS = ("open", "advanced", "skipped_ahead", "moved_back", "won", "lost", "deleted")


def hidden_deals(book: Ledger) -> pa.Table:
    """One row per opportunity: level of the customer's own words, segment, neglect, log factor of the forward hazard."""
    spec, deals, shown = book.pipeline.spec, book.pipeline.deals, book.visible
    return table(
        {
            "opportunity_id": record_ids("Opportunity", deals.key[shown]),
            "words_level": pa.array(deals.words_level[shown]),
            "segment": take([segment.name for segment in spec.segments], deals.segment[shown]),
            "is_neglected": booleans(deals.neglected[shown]),
            "log_factor": pa.array(deals.log_factor[shown]),
        }
    )


def bare_deals(pipeline: Pipeline) -> pa.Table:
    """One row per opportunity: opportunity_key, rep_number, created_date, closed_date (null while open), status, amount."""
    deals = pipeline.deals
    end, won = end_days(pipeline), win_days(pipeline)
    moves, status = pipeline.moves, np.zeros(len(deals), dtype=np.int64)
    status[moves.deal] = np.maximum(moves.to_stage - len(pipeline.spec.stages) + 1, 0)
    status = np.where(won < NEVER, 1, status)
    return table(
        {
            "opportunity_key": pa.array(deals.key),
            "rep_number": pa.array(deals.seller),
            "segment_number": pa.array(deals.segment),
            "created_date": dates(deals.created_day),
            "closed_date": dates(np.minimum(end, 10**6), end == NEVER),
            "status": take(("open", "won", "lost", "deleted"), status),
            "amount": pa.array(deals.base_amount),
        }
    )


def bare_spells(pipeline: Pipeline) -> pa.Table:
    """One row per stay in an open stage: opportunity_key, stage_name, stage_order, entered_date, left_date, exit, rep_id."""
    spec, spells = pipeline.spec, stage_spells(pipeline)
    step, count = spells.exit_stage - spells.stage, len(spec.stages)
    cases = [
        spells.exit_stage < 0,
        spells.exit_stage == count,
        spells.exit_stage == count + 1,
        spells.exit_stage > count + 1,
    ]
    reason = np.select([*cases, step == 1, step > 1], [0, 4, 5, 6, 1, 2], 3)
    owner = owners_on(pipeline, spells.deal, spells.entered_day)
    return table(
        {
            "opportunity_key": pa.array(pipeline.deals.key[spells.deal]),
            "stage_name": take(spec.stage_names, spells.stage),
            "stage_order": pa.array(spells.stage + 1),
            "entered_date": dates(spells.entered_day),
            "left_date": dates(np.minimum(spells.left_day, 10**6), spells.left_day == NEVER),
            "exit": take(EXITS, reason),
            "rep_id": user_ids(seller_user_numbers(owner)),
        }
    )
