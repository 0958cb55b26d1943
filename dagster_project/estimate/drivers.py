"""What won deals had at a landmark that lost ones had not (method §6, "Won against lost").

Every row is one two-by-two table: closed deals with and without a trait, as they stood 14 days after they began, against
won and lost. Associations, not effects: what good deals attract is not what makes them good.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dagster_project.estimate.arrays import BoolArray, FloatArray, IntArray
from dagster_project.estimate.detectable import detectable_odds_ratio
from dagster_project.estimate.special import log_gamma, normal_quantile

FALSE_DISCOVERY_RATE = 0.10
# Added to every count, so that an empty cell gives a finite ratio (Haldane 1956, Anscombe 1956).
_ADDED = 0.5
# A value that fewer deals have is shown with the others of its kind.
_FEWEST_DEALS = 5
_SAME_CHANCE = 1 + 1e-7
OTHER = "other"
ASSOCIATION, WITHIN_CHANCE = "association", "within chance"
_SCHEMA: dict[str, type[pl.DataType]] = {
    "as_of_date": pl.Date,
    "window_months": pl.Int32,
    "feature": pl.String,
    "level": pl.String,
    "is_action": pl.Boolean,
    "basis": pl.String,
    "deals": pl.Int64,
    "won": pl.Int64,
    "closed_before_landmark": pl.Int64,
    "won_with": pl.Int64,
    "lost_with": pl.Int64,
    "won_without": pl.Int64,
    "lost_without": pl.Int64,
    "odds_ratio": pl.Float64,
    "odds_ratio_lower_80": pl.Float64,
    "odds_ratio_upper_80": pl.Float64,
    "odds_ratio_lower_95": pl.Float64,
    "odds_ratio_upper_95": pl.Float64,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
    "is_distinguishable": pl.Boolean,
    "information_value": pl.Float64,
    "detectable_odds_ratio": pl.Float64,
    "is_suggestion": pl.Boolean,
    "suggestion_evidence": pl.String,
}


@dataclass(frozen=True)
class Feature:
    """A trait of a deal.

    Attributes:
        name: column of the deals.
        is_action: a rep can do it, so that it may be suggested.
        is_dated: what it was at the landmark is known; otherwise what the record says as of as_of_date.
    """

    name: str
    is_action: bool = False
    is_dated: bool = True


FEATURES = (
    Feature("touches", is_action=True),
    Feature("has_touch_within_a_day", is_action=True),
    Feature("meetings_held", is_action=True),
    Feature("has_next_meeting", is_action=True),
    Feature("contacts", is_action=True),
    Feature("has_decision_maker", is_action=True),
    Feature("has_amount", is_action=True),
    Feature("has_advanced"),
    Feature("has_pushed_close_date"),
    Feature("has_inbound"),
    Feature("size_band"),
    Feature("deal_type", is_dated=False),
    Feature("lead_source", is_dated=False),
    Feature("business_kind", is_dated=False),
)


def driver_table(deals: pl.DataFrame, parameters: pl.DataFrame) -> pl.DataFrame:
    """One row per feature × level: its two-by-two table and what follows from it.

    `deals`: one row per deal closed in the last 12 months: is_won, is_in_last_three_months, was_open_at_landmark and a
    column per feature (flags, numbers, or text; null where unknown). `parameters`: as_of_date, minimum_at_risk. Deals
    closed before their landmark are left out. The last three months where at least minimum_at_risk were won and as many
    lost in them, else twelve.
    """
    as_of_date, least = parameters.select("as_of_date", "minimum_at_risk").row(0)
    months, closed = _window(deals, int(least))
    chosen = closed.filter(pl.col("was_open_at_landmark"))
    rows = [row for feature in _tested(chosen) for row in _feature_rows(chosen, feature)]
    if not rows:
        return pl.DataFrame(schema=_SCHEMA)
    table = _estimated(pl.DataFrame(rows, infer_schema_length=None)).with_columns(
        as_of_date=pl.lit(as_of_date),
        window_months=pl.lit(months),
        closed_before_landmark=pl.lit(closed.height - chosen.height),
    )
    return with_suggestion(table).select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())


def _window(deals: pl.DataFrame, least: int) -> tuple[int, pl.DataFrame]:
    recent = deals.filter(pl.col("is_in_last_three_months"))
    known = recent.filter(pl.col("was_open_at_landmark"))["is_won"]
    won = int(known.sum())
    return (3, recent) if min(won, known.len() - won) >= least else (12, deals)


def _tested(deals: pl.DataFrame) -> list[Feature]:
    """All features, less the kind of business where the deal's type says just the same: no test counts twice."""
    pairs = deals.select("deal_type", "business_kind").unique()
    is_same = pairs.height == pairs["deal_type"].n_unique() == pairs["business_kind"].n_unique()
    return [feature for feature in FEATURES if not (is_same and feature.name == "business_kind")]


def _feature_rows(deals: pl.DataFrame, feature: Feature) -> list[dict[str, object]]:
    """Two-by-two counts of every level that some deals have and some have not; null is neither."""
    known = deals.drop_nulls(feature.name)
    levels = _levels(known[feature.name])
    is_won = known["is_won"].to_numpy()
    information = information_value([holds for _, holds in levels], is_won)
    # Of two levels the second mirrors the first: it would be the same test twice.
    tested = levels[:1] if len(levels) == 2 else levels
    return [
        {
            "feature": feature.name,
            "level": level,
            "is_action": feature.is_action,
            "basis": "landmark" if feature.is_dated else "as_of_date",
            "deals": known.height,
            "won": int(is_won.sum()),
            "won_with": int((holds & is_won).sum()),
            "lost_with": int((holds & ~is_won).sum()),
            "won_without": int((~holds & is_won).sum()),
            "lost_without": int((~holds & ~is_won).sum()),
            "information_value": information,
        }
        for level, holds in tested
        if holds.any() and not holds.all()
    ]


def _levels(values: pl.Series) -> list[tuple[str, BoolArray]]:
    """Name of each level and which deals have it; together they are every deal once.

    Numbers are cut above their own median, which does not look at who won.
    """
    if values.dtype == pl.Boolean:
        holds = values.to_numpy()
        return [("yes", holds), ("no", ~holds)]
    if values.dtype.is_integer():
        median = values.median()
        least = int(median) + 1 if isinstance(median, int | float) else 1
        holds = (values >= least).to_numpy()
        return [(f"at least {least}", holds), (f"fewer than {least}", ~holds)]
    counts = values.value_counts(name="deals").filter(pl.col("deals") >= _FEWEST_DEALS)
    common = counts[values.name].sort()
    named = values.to_frame().select(
        pl.when(pl.col(values.name).is_in(common.implode()))
        .then(pl.col(values.name))
        .otherwise(pl.lit(OTHER))
    )[values.name]
    return [(level, (named == level).to_numpy()) for level in named.unique().sort().to_list()]


def information_value(levels: list[BoolArray], is_won: BoolArray) -> float:
    """Σ (share of the won − share of the lost) · ln(share of the won ÷ share of the lost), with .5 in every cell."""
    won = np.array([float((holds & is_won).sum()) for holds in levels]) + _ADDED
    lost = np.array([float((holds & ~is_won).sum()) for holds in levels]) + _ADDED
    won, lost = won / won.sum(), lost / lost.sum()
    return float(((won - lost) * np.log(won / lost)).sum())


def _estimated(rows: pl.DataFrame) -> pl.DataFrame:
    counts = rows.select("won_with", "lost_with", "won_without", "lost_without").to_numpy().astype(np.float64)
    p_value = np.array([fisher_p_value(*map(int, row)) for row in counts])
    q_value = adjusted_p_values(p_value)
    total = counts.sum(axis=1)
    detectable = [
        detectable_odds_ratio(int(deals), won / deals, with_it / deals)
        for deals, won, with_it in zip(
            total, counts[:, 0] + counts[:, 2], counts[:, 0] + counts[:, 1], strict=True
        )
    ]
    return rows.with_columns(
        **{name: pl.Series(values) for name, values in odds_ratios(counts).items()},
        p_value=pl.Series(p_value),
        q_value=pl.Series(q_value),
        is_distinguishable=pl.Series(q_value <= FALSE_DISCOVERY_RATE),
        detectable_odds_ratio=pl.Series(detectable, dtype=pl.Float64),
    )


def odds_ratios(counts: FloatArray) -> dict[str, FloatArray]:
    """Odds ratio and its 80 and 95 % bounds, of rows (won with, lost with, won without, lost without).

    With .5 added to every cell the interval on the log scale (Woolf 1955, Gart 1966) keeps its level for few deals.
    """
    cells = counts + _ADDED
    log_ratio = np.log(cells[:, 0] * cells[:, 3] / (cells[:, 1] * cells[:, 2]))
    error = np.sqrt((1 / cells).sum(axis=1))
    found = {"odds_ratio": np.exp(log_ratio)}
    for level in (80, 95):
        width = normal_quantile(0.5 + level / 200) * error
        found[f"odds_ratio_lower_{level}"] = np.exp(log_ratio - width)
        found[f"odds_ratio_upper_{level}"] = np.exp(log_ratio + width)
    return found


def fisher_p_value(won_with: int, lost_with: int, won_without: int, lost_without: int) -> float:
    """Fisher's exact test, two-sided: P(a table no likelier than this one, its margins given)."""
    with_it, without, won = won_with + lost_with, won_without + lost_without, won_with + won_without
    possible = np.arange(max(0, won - without), min(with_it, won) + 1)
    log_ways = _log_choose(with_it, possible) + _log_choose(without, won - possible)
    chance = np.exp(log_ways - _log_choose(with_it + without, np.array(won)))
    return float(min(chance[chance <= chance[won_with - possible[0]] * _SAME_CHANCE].sum(), 1.0))


def _log_choose(total: int, chosen: IntArray) -> FloatArray:
    return np.asarray(log_gamma(total + 1.0) - log_gamma(chosen + 1.0) - log_gamma(total - chosen + 1.0))


def adjusted_p_values(p_values: FloatArray) -> FloatArray:
    """Benjamini and Hochberg (1995): the smallest false discovery rate at which each test would be called."""
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * p_values.size / np.arange(1, p_values.size + 1)
    adjusted = np.empty(p_values.size)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def with_suggestion(table: pl.DataFrame) -> pl.DataFrame:
    """Mark the one thing to try: of what a rep can do and won deals had more of, the surest.

    What passes the false discovery rate goes first, then the highest lower bound. Where nothing passes, the suggestion is
    a try and says so ("within chance"); where won deals had more of nothing, there is none.
    """
    ranked = (
        table.with_row_index("place")
        .filter(pl.col("is_action") & (pl.col("odds_ratio") > 1))
        .sort(
            ["is_distinguishable", "odds_ratio_lower_95", "feature", "level"],
            descending=[True, True, False, False],
        )
    )
    first = ranked["place"][0] if ranked.height else -1
    is_suggestion = pl.int_range(pl.len()) == first
    evidence = pl.when("is_distinguishable").then(pl.lit(ASSOCIATION)).otherwise(pl.lit(WITHIN_CHANCE))
    return table.with_columns(
        is_suggestion=is_suggestion, suggestion_evidence=pl.when(is_suggestion).then(evidence)
    )
