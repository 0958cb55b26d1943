"""From episodes to candidates: what still holds tonight, whose it is, and whether it may be offered at all."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from dagster_project.recommend.episodes import EPISODE_SCHEMA
from dagster_project.recommend.facts import Facts
from dagster_project.recommend.keys import with_action_key
from dagster_project.recommend.loggers import quiet_reps
from dagster_project.recommend.rules import ActionType


def all_episodes(facts: Facts, types: Sequence[ActionType]) -> pl.DataFrame:
    """One row per (action_type, opportunity, episode), past and present."""
    found = [rule.episodes(facts).with_columns(action_type=pl.lit(rule.name)) for rule in types]
    schema = pl.Schema({**EPISODE_SCHEMA, "action_type": pl.String()})
    return pl.concat(found) if found else pl.DataFrame(schema=schema)


def standing_candidates(
    facts: Facts, types: Sequence[ActionType], episodes: pl.DataFrame, reps: pl.DataFrame
) -> pl.DataFrame:
    """One row per episode still on and not acted on, with the deal's names, its owner, key and declared effort.

    `owner_reason` says why nobody can be asked (no owner, an inactive one), `quiet_reason` why a lack of records
    proves nothing here; both are null for most rows.
    """
    rows = _still_on(facts, types, episodes)
    rows = rows.join(_deals(facts), on="opportunity_id", how="inner", maintain_order="left")
    rows = rows.join(_last_contacts(facts), on="opportunity_id", how="left", maintain_order="left")
    rows = rows.join(_declared(types), on="action_type", how="left", maintain_order="left")
    rows = rows.join(_owners(reps), on="rep_id", how="left", maintain_order="left")
    rows = rows.join(
        quiet_reps(facts).select("rep_id", "is_quiet"), on="rep_id", how="left", maintain_order="left"
    )
    return with_action_key(
        rows.with_columns(
            language=pl.when(pl.col("language") == "en").then(pl.lit("en")).otherwise(pl.lit("ja")),
            owner_reason=_owner_reason(),
            quiet_reason=pl.when(pl.col("rests_on_absence") & pl.col("is_quiet").fill_null(True)).then(
                pl.lit("rep_logs_little")
            ),
        )
    ).drop("is_active", "is_quiet", "rests_on_absence")


def _still_on(facts: Facts, types: Sequence[ActionType], episodes: pl.DataFrame) -> pl.DataFrame:
    ahead = [rule.name for rule in types if rule.looks_ahead]
    latest = (
        pl.when(pl.col("action_type").is_in(ahead))
        .then(pl.lit(facts.plan_date))
        .otherwise(pl.lit(facts.as_of_date))
    )
    goes_on = pl.col("ended_date").is_null() | (pl.col("ended_date") > facts.plan_date)
    on = episodes.filter(pl.col("acted_date").is_null() & goes_on & (pl.col("onset_date") <= latest))
    # The stage and owner of tonight come with the deal; those of the episode were for the estimate.
    return on.drop("rep_id", "team_id", "stage_name", "stage_order")


def _deals(facts: Facts) -> pl.DataFrame:
    return facts.open_opportunities().select(
        "opportunity_id",
        "opportunity_name",
        "account_id",
        "account_name",
        "rep_id",
        "stage_name",
        "currency",
    )


def _last_contacts(facts: Facts) -> pl.DataFrame:
    """One row per opportunity: the person (`who_id`) of its latest activity that names one."""
    return (
        facts.activities.filter(pl.col("who_id").is_not_null() & ~pl.col("is_own_write"))
        .sort("opportunity_id", "activity_date", "activity_id")
        .unique("opportunity_id", keep="last", maintain_order=True)
        .select("opportunity_id", "who_id")
    )


def _declared(types: Sequence[ActionType]) -> pl.DataFrame:
    columns = ("lever", "minutes", "block", "rests_on_absence", "is_data_card")
    table = {column: [getattr(rule, column) for rule in types] for column in columns}
    schema = {
        "action_type": pl.String,
        "lever": pl.String,
        "minutes": pl.Int64,
        "block": pl.String,
        "rests_on_absence": pl.Boolean,
        "is_data_card": pl.Boolean,
    }
    return pl.DataFrame({"action_type": [rule.name for rule in types], **table}, schema=schema)


def _owners(reps: pl.DataFrame) -> pl.DataFrame:
    return reps.select("rep_id", "language", "is_active").unique("rep_id", keep="first", maintain_order=True)


def _owner_reason() -> pl.Expr:
    return (
        pl.when(pl.col("rep_id").is_null() | (pl.col("rep_id") == ""))
        .then(pl.lit("no_owner"))
        .when(pl.col("is_active").is_null())
        .then(pl.lit("owner_unknown"))
        .when(~pl.col("is_active"))
        .then(pl.lit("owner_inactive"))
    )
