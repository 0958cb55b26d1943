"""The figures a summary shows, each read by SQL from the published file, so that anyone can read them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

# Goals in won deals are no money.
REPS_WITH_MONEY = "where scope_kind = 'rep' and goal_measure is distinct from 'won_deals'"
FIGURES = {
    "as_of_date": "select as_of_date from run_parameters",
    "currency": "select currency from run_parameters",
    "time_zone": "select time_zone from run_parameters",
    "opportunities": "select count(*) from fct_opportunity",
    "open_opportunities": "select count(*) from fct_opportunity where status = 'open'",
    "activities": "select count(*) from fct_activity",
    "reps": "select count(*) from dim_rep where is_active",
    "refused_rows": "select count(*) from refused_rows",
    "rv_realised": "select rv_realised from fct_revenue_velocity, run_parameters {latest} and window_name = '90d'",
    "rv_flow": "select rv_flow from fct_revenue_velocity, run_parameters {latest} and window_name = '90d'",
    "rv_snapshot": "select rv_snapshot from fct_revenue_velocity, run_parameters {latest} and window_name = '90d'",
    "win_rate": "select win_rate from fct_revenue_velocity, run_parameters {latest} and window_name = '90d'",
    "zombie_deals": "select zombie_deals from fct_revenue_velocity, run_parameters {latest} and window_name = '90d'",
    "bottleneck": "select max(stage_name) filter (where verdict = 'bottleneck') from fct_bottleneck, run_parameters "
    "{latest} and window_name = '365d'",
    "plan_date": "select max(plan_date) from plan_today",
    "planned_reps": "select count(*) from plan_today where scope_kind = 'rep'",
    "quota_amount": f"select sum(quota_amount) from plan_today {REPS_WITH_MONEY}",
    "won_amount_to_date": f"select sum(won_amount_to_date) from plan_today {REPS_WITH_MONEY}",
    "probability_of_quota": "select probability_of_quota from plan_today where scope_kind = 'organization'",
    "least_likely_probability": "select min(probability_of_quota) from plan_today where scope_kind = 'team'",
    "least_likely_team": "select min_by(coalesce(team_name, scope_id), probability_of_quota) from plan_today "
    "left join (select distinct team_id, team_name from dim_rep) as teams on team_id = scope_id where scope_kind = 'team'",
    "candidates": "select count(*) from candidates",
    "chosen_actions": "select count(*) from actions_planned",
    "carried_over": "select count(*) from sync_next_actions "
    "where GyakusanActionKey__c not in (select action_key from actions_planned)",
    "held_out": "select count(*) from candidates where left_out_reason = 'held_out'",
}
LATEST_ORGANIZATION = "where scope_kind = 'organization' and {table}.as_of_date = run_parameters.as_of_date"


def figure_sql(name: str) -> str:
    """The SQL of one figure, as anyone may run it on the published file."""
    sql = FIGURES[name]
    table = sql.split(" from ", 1)[1].split(",", 1)[0].strip()
    return sql.replace("{latest}", LATEST_ORGANIZATION.format(table=table))


def read_figures(published: Path) -> dict[str, Any]:
    """Every figure by name; null where there is nothing to show."""
    with duckdb.connect(str(published), read_only=True) as connection:
        found = {name: connection.execute(figure_sql(name)).fetchone() for name in FIGURES}
    return {name: row[0] if row else None for name, row in found.items()}
