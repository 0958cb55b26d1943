"""The backtest: method §2's figures on Maven, no leak from the future, and scores held against brute force."""

from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy import stats

from dagster_project.cli import main
from dagster_project.estimate.backtest import backtest_table
from dagster_project.estimate.backtest_alternatives import close_rate_guesses, share_guesses
from dagster_project.estimate.backtest_past import (
    MonthOutcome,
    next_month,
    open_deals,
    past_months,
    spells_known,
)
from dagster_project.estimate.backtest_scores import (
    AMOUNT,
    CLOSE_RATE,
    OWN_METHOD,
    WINS,
    Guess,
    scatter_of_sum,
    student_quantile,
    summary,
)
from dagster_project.estimate.calendar_factor import calendar_factor_table
from dagster_project.estimate.hazard_candidates import CANDIDATES, FIRST_CHOICE, Choice
from dagster_project.estimate.hazard_choice import best_choice, hazard_choice_table, log_loss, months_before
from dagster_project.estimate.month_hazards import month_intensities
from dagster_project.estimate.past_exits import ExitsAsOf, exits_as_of
from dagster_project.estimate.stage_hazards import StageExits, stage_intensities
from tests.estimate.histories import as_stage, day, read_maven, simulated_deals

LAST_DAY = date(2017, 12, 31)
FROM_JUNE = pl.col("month") >= date(2017, 6, 1)


def with_clock(stages: pl.DataFrame) -> pl.DataFrame:
    return stages.with_columns(spell_number=pl.lit(1), clock_started_date="started_date")


def stays(*rows: tuple[str, date, date, str]) -> pl.DataFrame:
    """(deal, started, last, exit) in the only stage, the clock starting with the stay."""
    columns = ("opportunity_id", "started_date", "last_date", "exit_name")
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return with_clock(frame.with_columns(series_name=pl.lit("Only"), next_stage_name=pl.lit(None, pl.String)))


@pytest.fixture(scope="module")
def spells(maven_source: Path) -> pl.DataFrame:
    return with_clock(as_stage(read_maven(maven_source)))


@pytest.fixture(scope="module")
def maven(spells: pl.DataFrame) -> pl.DataFrame:
    return backtest_table(spells, {"Engaging": 0.5}, LAST_DAY)


@pytest.mark.parametrize(
    ("month", "predicted", "came"),
    [(7, 273, 73), (10, 323, 54), (12, 155, 431)],
    ids=["July", "October", "December"],
)
def test_age_only_hazards_of_90_days(maven: pl.DataFrame, month: int, predicted: int, came: int) -> None:
    (row,) = maven.filter(
        pl.col("month") == date(2017, month, 1), method="age_only", window_name="90d"
    ).to_dicts()
    assert (round(row["predicted"]), row["observed"]) == (predicted, came)


def test_predicting_the_next_months_close_rate(maven: pl.DataFrame) -> None:
    errors = (
        maven.filter(FROM_JUNE, target=CLOSE_RATE)
        .group_by("method")
        .agg(pl.col("error").abs().mean(), pl.len())
    )
    assert {method: (round(error, 3), months) for method, error, months in errors.rows()} == {
        "close_rate_last_month": (0.216, 7),
        "close_rate_last_3_months": (0.135, 7),
        "close_rate_all_time": (0.149, 7),
        "close_rate_same_month_of_quarter": (0.017, 7),
    }


def test_age_and_month_beats_every_alternative_on_log_loss(maven: pl.DataFrame) -> None:
    scores = summary(maven).filter(target=WINS)
    ours = scores.filter((pl.col("method") == "chosen") | (pl.col("calendar") == "age_and_month"))
    others = scores.filter(~pl.col("method").is_in([OWN_METHOD, "chosen"]))
    assert scores["months"].unique().to_list() == [7]
    assert set(others["method"]) == {
        "age_only",
        "share_last_month",
        "share_last_3_months",
        "share_same_month_of_quarter",
        "share_all_time",
        "close_month_rate",
        "stage_probability",
    }
    assert ours.height == 5
    assert ours["log_loss"].max() < 0.9 * others["log_loss"].min()
    assert best_choice(maven.filter(target=WINS, method=OWN_METHOD)) == Choice("90d", "age_and_month")


NAMES_IN_DOCS = {
    "hazards": OWN_METHOD,
    "share, same month of quarter": "share_same_month_of_quarter",
    "share, last 3 months": "share_last_3_months",
    "share, all time": "share_all_time",
    "share, last month": "share_last_month",
}


def test_the_docs_show_these_figures(maven: pl.DataFrame) -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics" / "backtest.md").read_text()
    shown = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in page.split("## Example")[1].splitlines()
        if line.startswith("|")
    ][2:]
    scores = summary(maven).filter(target=WINS)
    for name, loss, error, held in shown:
        plain = NAMES_IN_DOCS.get(name)
        method, *rest = (plain,) if plain else name.split(", ")
        window, calendar = [*rest, "none"][:2] if rest else ("", "")
        row = scores.row(
            by_predicate=(pl.col("method") == NAMES_IN_DOCS.get(method, method))
            & (pl.col("window_name") == window)
            & (pl.col("calendar") == calendar),
            named=True,
        )
        found = (
            f"{row['log_loss']:.3f}"[1:],
            f"{row['mean_absolute_error']:.0f}",
            f"{row['coverage_80']:.0%}",
        )
        assert found == (loss, error, held.replace(" ", "")), name
    assert len(shown) == 11


def test_one_choice_a_month_from_the_months_before(maven: pl.DataFrame) -> None:
    own = maven.filter(target=WINS, method=OWN_METHOD)
    chosen = own.filter("is_chosen").select("month", "window_name", "calendar").rows()
    assert [month for month, *_ in chosen] == own["month"].unique().sort().to_list()
    # Until a whole quarter is scored, a year with the factor of the month.
    assert [Choice(*choice) for _, *choice in chosen[:3]] == [FIRST_CHOICE] * 3
    for month, *choice in chosen[3:]:
        assert Choice(*choice) == best_choice(own.filter(pl.col("month") < month))
    assert chosen[-1][1:] == ("90d", "age_and_month")


def test_the_range_asked_for_is_a_part_of_the_whole(spells: pl.DataFrame, maven: pl.DataFrame) -> None:
    july_to_august = backtest_table(spells, {"Engaging": 0.5}, LAST_DAY, (date(2017, 7, 1), date(2017, 8, 1)))
    whole = maven.filter(pl.col("month").is_between(date(2017, 7, 1), date(2017, 8, 1)))
    assert_frame_equal(july_to_august, whole)


def test_what_came_after_a_month_changes_nothing_in_it(spells: pl.DataFrame, maven: pl.DataFrame) -> None:
    end_of_july = date(2017, 7, 31)
    as_of_then = backtest_table(spells_known(spells, end_of_july), {"Engaging": 0.5}, end_of_july)
    assert_frame_equal(as_of_then, maven.filter(pl.col("month") <= end_of_july))


BEGIN = date(2025, 1, 1)
DAYS = st.integers(0, 330)


@st.composite
def histories(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    for number in range(draw(st.integers(60, 120))):
        start = draw(DAYS)
        end = draw(st.integers(start, 330))
        kind = draw(st.sampled_from(["won", "lost", "open"]))
        last = BEGIN + timedelta(days=330 if kind == "open" else end)
        rows.append((f"{number:03}", BEGIN + timedelta(days=start), last, kind))
    return stays(*rows)


@settings(max_examples=8, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_predictions_do_not_see_the_month_itself(spells: pl.DataFrame, random: object) -> None:
    """Whatever becomes of the deals from a month's start on, what was predicted for it stays."""
    month = date(2025, 9, 1)
    later = pl.col("last_date") >= month
    shuffled = spells.with_columns(
        exit_name=pl.when(later & (pl.col("exit_name") == "won"))
        .then(pl.lit("lost"))
        .when(later & (pl.col("exit_name") == "lost"))
        .then(pl.lit("won"))
        .otherwise("exit_name")
    )
    asked = (month, month)
    columns = [
        "target",
        "method",
        "window_name",
        "calendar",
        "predicted",
        "lower_80",
        "upper_80",
        "lower_95",
        "upper_95",
        "is_chosen",
    ]
    before, after = (
        backtest_table(each, {}, date(2025, 9, 30), asked).select(columns) for each in (spells, shuffled)
    )
    assert_frame_equal(before, after)


def test_a_deal_counts_in_the_months_it_is_open_at_the_start_of() -> None:
    rows = stays(
        ("won on the eve", date(2025, 1, 5), date(2025, 1, 31), "won"),
        ("won on the first day", date(2025, 1, 5), date(2025, 2, 1), "won"),
        ("won on the last day", date(2025, 1, 5), date(2025, 2, 28), "won"),
        ("won the day after", date(2025, 1, 5), date(2025, 3, 1), "won"),
        ("lost", date(2025, 1, 5), date(2025, 2, 3), "lost"),
        ("deleted", date(2025, 1, 5), date(2025, 2, 3), "deleted"),
        ("begun in the month", date(2025, 2, 1), date(2025, 2, 2), "won"),
    )
    as_of, end = date(2025, 1, 31), date(2025, 2, 28)
    found = open_deals(rows, spells_known(rows, as_of), as_of, end)
    assert dict(found.select("opportunity_id", "is_won").rows()) == {
        "won on the first day": True,
        "won on the last day": True,
        "won the day after": False,
        "lost": False,
        "deleted": False,
    }
    assert set(found["stage_age_days"]) == {26}
    assert past_months(rows, end)[1] == MonthOutcome(
        date(2025, 2, 1), open_deals=5, open_won=2, won=3, lost=1
    )


def test_a_month_that_is_not_over_is_not_tested() -> None:
    rows = stays(("a", date(2025, 1, 5), date(2025, 1, 31), "won"))
    assert [each.month.month for each in past_months(rows, date(2025, 3, 30))] == [1, 2]
    assert [each.month.month for each in past_months(rows, date(2025, 3, 31))] == [1, 2, 3]


def test_without_closes_there_is_nothing_to_test() -> None:
    rows = stays(("a", date(2025, 1, 5), date(2025, 6, 30), "open"))
    assert backtest_table(rows, {}, date(2025, 6, 30)).is_empty()


def test_months_before_thirty_closes_are_left_out() -> None:
    rows = stays(
        *((f"{n}", date(2025, 1, 1), date(2025, 1, 2) + timedelta(days=3 * n), "won") for n in range(60))
    )
    months = backtest_table(rows, {}, date(2025, 6, 30))["month"].unique().sort()
    # The thirtieth of one close every three days from 2 January is that of 30 March.
    assert months[0] == date(2025, 4, 1)


def test_alternatives_take_the_months_they_are_named_after() -> None:
    months = [
        MonthOutcome(date(2025, number, 1), open_deals=99, open_won=10 * number, won=number, lost=10 - number)
        for number in range(1, 6)
    ]
    shares = {each.method: float(each.probability[0]) for each in share_guesses(months, 3)}
    assert shares == pytest.approx(
        {
            "share_last_month": 50.5 / 100,
            "share_last_3_months": (120 + 0.5) / 298,
            "share_same_month_of_quarter": 30.5 / 100,
            "share_all_time": (150 + 0.5) / 496,
            "close_month_rate": 5.5 / 11,
        }
    )
    rates = {each.method: float(each.probability[0]) for each in close_rate_guesses(months)}
    assert rates == pytest.approx(
        {
            "close_rate_last_month": 0.5,
            "close_rate_last_3_months": 0.4,
            "close_rate_same_month_of_quarter": 0.3,
            "close_rate_all_time": 0.3,
        }
    )


def test_log_loss_is_the_mean_of_minus_the_log_of_what_came() -> None:
    found = log_loss(np.array([0.8, 0.3, 0.0]), np.array([1.0, 0.0, 1.0]), np.ones(3))
    assert found == pytest.approx(-(math.log(0.8) + math.log(0.7) + math.log(1e-4)) / 3)


def test_log_loss_of_deals_alike_is_that_of_each() -> None:
    counted = log_loss(np.array([0.8, 0.3]), np.array([2.0, 1.0]), np.array([3.0, 4.0]))
    each = log_loss(np.array([0.8] * 3 + [0.3] * 4), np.array([1.0, 1, 0, 1, 0, 0, 0]), np.ones(7))
    assert counted == pytest.approx(each)


def test_scatter_is_that_of_drawn_counts() -> None:
    random = np.random.default_rng(5)
    drawn = random.beta(2, 8, size=(16, 40))
    draw = random.integers(16, size=200_000)
    values = random.lognormal(3, 1, size=40)
    sums = (random.random((200_000, 40)) < drawn[draw]) @ values
    found = scatter_of_sum(Guess("", drawn.mean(axis=0), drawn=drawn), values)
    assert found == pytest.approx(sums.var(), rel=0.02)


def test_bounds_widen_as_student_says_where_months_are_few() -> None:
    freedom = pl.DataFrame({"freedom": [2.0, 3, 6, 12, 40]})
    for probability in (0.9, 0.975):
        found = freedom.select(student_quantile(pl.col("freedom"), probability)).to_series().to_list()
        assert found == pytest.approx(stats.t.ppf(probability, [2, 3, 6, 12, 40]), rel=0.04)


def counted(spells: pl.DataFrame, *days: date) -> ExitsAsOf:
    *_, last = exits_as_of(spells.with_columns(units=pl.lit(1)), [day(each) for each in days])
    return last


@settings(max_examples=20, deadline=None)
@given(histories(), st.lists(st.integers(40, 330), min_size=1, max_size=4))
def test_counts_as_of_a_day_do_not_see_what_came_after(spells: pl.DataFrame, days: list[int]) -> None:
    """One pass for many days counts as if the history had ended on each; so does the calendar factor."""
    dates = [BEGIN + timedelta(days=each) for each in days]
    then = counted(spells, *dates)
    known = spells_known(spells, dates[-1])
    if known.is_empty():
        return
    alone = counted(known, dates[-1])
    ages = min(then.at_risk.shape[-1], alone.at_risk.shape[-1])
    assert np.array_equal(then.at_risk[..., :ages], alone.at_risk[..., :ages])
    assert np.array_equal(then.exits[..., :ages, :], alone.exits[..., :ages, :])
    assert (then.at_risk.sum(), then.exits.sum()) == (alone.at_risk.sum(), alone.exits.sum())
    if (known["exit_name"] == "open").any():
        table = calendar_factor_table(known)
        assert then.win_factor.factor == pytest.approx(table["win_factor"].to_numpy())
        assert then.loss_factor.variance == pytest.approx(table["loss_factor_variance"].to_numpy())


def test_counts_of_a_month_of_the_quarter_are_those_of_its_days(spells: pl.DataFrame) -> None:
    known = spells_known(spells, date(2017, 8, 31))
    found = counted(spells, date(2017, 8, 31)).of_month("180d", 0)
    days = [date(2017, 4, 1) + timedelta(days=each) for each in range(30)]
    days += [date(2017, 7, 1) + timedelta(days=each) for each in range(31)]
    at_risk, won = np.zeros(found.at_risk.shape[1]), np.zeros(found.at_risk.shape[1])
    for each in days:
        present = known.filter((pl.col("started_date") <= each) & (pl.col("last_date") >= each))
        age = (pl.lit(each) - pl.col("started_date")).dt.total_days()
        np.add.at(at_risk, present.select(age).to_series().to_numpy(), 1)
        wins = present.filter((pl.col("last_date") == each) & (pl.col("exit_name") == "won"))
        np.add.at(won, wins.select(age).to_series().to_numpy(), 1)
    assert found.at_risk[0].tolist() == at_risk.tolist()
    assert found.exits[0, :, 0].tolist() == won.tolist()


def test_a_month_nobody_has_seen_has_the_hazards_of_all_months(spells: pl.DataFrame) -> None:
    seen = counted(spells, date(2017, 6, 30)).every_month("90d")
    pooled = stage_intensities(seen)
    nobody = StageExits(seen.stages, 0 * seen.at_risk, 0 * seen.exits)
    unseen = month_intensities(pooled, nobody)
    assert np.allclose(unseen.mean(), pooled.mean())


def test_known_truth_is_covered() -> None:
    """Constant hazards over three years: the 80 % intervals hold in about 80 % of the months, and are not wide."""
    deals = simulated_deals(seed=11, deals=5000, win=0.004, loss=0.008, days=1096)
    begin = date(2021, 1, 1)
    epoch = (
        [begin + timedelta(days=each.start) for each in deals],
        [begin + timedelta(days=each.last) for each in deals],
    )
    exits = ["open", "won", "lost"]
    rows = stays(
        *(
            (f"{n}", *dates, exits[deal.exit])
            for n, (deal, dates) in enumerate(zip(deals, zip(*epoch, strict=True), strict=True))
        )
    )
    last_day = begin + timedelta(days=1095)
    scores = summary(backtest_table(rows, {}, last_day)).filter(
        method=OWN_METHOD, window_name="365d", calendar="none"
    )
    (row,) = scores.to_dicts()
    held = round(row["coverage_80"] * row["months"])
    assert row["months"] >= 30
    assert stats.binomtest(held, row["months"], 0.8).pvalue > 0.02
    assert row["mean_width_80"] < 40


def amount_changes(spells: pl.DataFrame) -> pl.DataFrame:
    """Every deal was worth 250 until 15 October, and 600 until 20 October."""
    days = pl.DataFrame(
        {"occurred_date": [date(2017, 10, 15), date(2017, 10, 20)], "before_amount": [250.0, 600.0],
         "after_amount": [600.0, 1000.0], "event_type": "AmountChanged", "crm_event_id": ["b", "a"]}
    )  # fmt: skip
    changes = spells.select("opportunity_id").unique().join(days, how="cross")
    return changes.with_columns(occurred_at=pl.col("occurred_date").cast(pl.Datetime("us", "UTC")))


def published(folder: Path, spells: pl.DataFrame) -> None:
    """Marts as far as the command reads them, in an org in Tokyo: a day begins at 15:00 UTC the day before."""
    at = pl.col("started_date").cast(pl.Datetime("us", "UTC")) - pl.duration(hours=9)
    left = pl.col("last_date").cast(pl.Datetime("us", "UTC")) - pl.duration(hours=9)
    is_open = pl.col("exit_name") == "open"
    marts = {
        "fct_stage_spells": spells.select(
            "opportunity_id", "spell_number", "next_stage_name", stage_name="series_name", entered_at=at,
            left_at=pl.when(~is_open).then(left), exit="exit_name",
        ),
        "fct_opportunity": spells.select(
            "opportunity_id", "clock_started_date", amount=1000.0, original_amount=1000.0,
            currency=pl.lit("JPY"), original_currency=pl.lit("JPY"),
        ),
        "fct_crm_events": amount_changes(spells),
        "fct_hazard_choice": pl.DataFrame(
            {"as_of_date": [LAST_DAY], "window_name": ["90d"], "calendar": ["age_and_month"],
             "months_before": [9], "is_chosen": [True]}
        ),
        "dim_stage": pl.DataFrame({"stage_name": ["Engaging"], "default_probability": [50.0]}),
        "run_parameters": pl.DataFrame({"as_of_date": [LAST_DAY], "time_zone": ["Asia/Tokyo"]}),
    }  # fmt: skip
    folder.mkdir()
    with duckdb.connect(str(folder / "marts.duckdb")) as connection:
        for name, rows in marts.items():
            connection.register("rows", rows.to_arrow())
            connection.execute(f"create table {name} as from rows")
            connection.unregister("rows")


def test_the_command_prints_the_scores_and_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spells: pl.DataFrame, maven: pl.DataFrame
) -> None:
    published(tmp_path / "published", spells)
    monkeypatch.setenv("GYAKUSAN_DATA_DIR", str(tmp_path))
    finished = CliRunner().invoke(main, ["backtest", "--to", "2017-12"], catch_exceptions=False)
    assert finished.exit_code == 0, finished.output
    assert "(7 months, 14,875 deals)" in finished.output
    assert "Best on these months: window 90d, calendar age_and_month" in finished.output
    assert (
        "In use as of 2017-12-31: window 90d, calendar age_and_month, by the 9 months before"
        in finished.output
    )
    with duckdb.connect(str(tmp_path / "published" / "backtest.duckdb"), read_only=True) as connection:
        kept = connection.sql("from fct_backtest").pl()
    assert_frame_equal(kept.filter(pl.col("target") != AMOUNT), maven)
    money = kept.filter(target=AMOUNT, method="stage_probability").sort("month")
    wins = kept.filter(target=WINS, method="stage_probability").sort("month")
    # At the start of a month each deal is worth what it was then; what is won in October is won for 1,000 in the end.
    for row, count in zip(money.to_dicts(), wins.to_dicts(), strict=True):
        then, won_for = (250, 250 if row["month"] < date(2017, 10, 1) else 1000)
        then = 1000 if row["month"] > date(2017, 10, 1) else then
        assert row["predicted"] == pytest.approx(count["predicted"] * then)
        assert row["observed"] == count["observed"] * won_for


def eves_of(spells: pl.DataFrame, maven: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the warehouse hands to the choice: dates, and deals open then by stage and age; the last month runs still."""
    months = maven.filter(target=WINS)["month"].unique().sort().to_list()
    parts = []
    for month in months:
        eve, end = month - timedelta(days=1), next_month(month) - timedelta(days=1)
        parts.append(
            open_deals(spells, spells_known(spells, eve), eve, end)
            .group_by("stage_name", "stage_age_days")
            .agg(deals=pl.len(), won=pl.col("is_won").sum())
            .select(pl.lit(eve).alias("as_of_date"), pl.all())
        )
    dates = [month - timedelta(days=1) for month in months] + [LAST_DAY]
    is_scored = [True] * len(months) + [False]
    return pl.concat(parts), pl.DataFrame({"as_of_date": dates, "is_scored": is_scored})


def test_the_nights_choose_what_the_backtest_does(spells: pl.DataFrame, maven: pl.DataFrame) -> None:
    deals, dates = eves_of(spells, maven)
    table = hazard_choice_table(spells.with_columns(units=pl.lit(1)), deals, dates)
    own = maven.filter(target=WINS, method=OWN_METHOD)
    key = ["month", "window_name", "calendar"]
    both = own.join(table.filter(pl.col("log_loss").is_not_null()), on=key, suffix="_tonight")
    assert both.height == own.height == table.height - len(CANDIDATES)
    for tonight, tested in (("log_loss_tonight", "log_loss"), ("predicted_tonight", "predicted")):
        assert both[tonight].to_list() == pytest.approx(both[tested].to_list())
    assert both["is_chosen"].to_list() == both["is_chosen_tonight"].to_list()
    (last,) = table.filter("is_chosen", as_of_date=LAST_DAY).to_dicts()
    assert (last["window_name"], last["calendar"], last["months_before"]) == ("90d", "age_and_month", 9)
    assert last["log_loss"] is None
    assert last["log_loss_before"] == pytest.approx(
        table.filter(as_of_date=LAST_DAY)["log_loss_before"].min()
    )


def test_a_choice_rests_on_the_year_before() -> None:
    months = [date(2024 + number // 12, number % 12 + 1, 1) for number in range(20)]
    scores = pl.DataFrame({"month": months, "deals": 1}).join(
        pl.DataFrame({"window_name": ["90d", "365d"], "calendar": ["none", "none"]}), how="cross"
    )
    # The shorter window was far better in the eight oldest months, and a little worse since.
    loss = pl.when(pl.col("month") < date(2024, 9, 1)).then(-9.0).otherwise(0.1)
    scores = scores.with_columns(log_loss=pl.when(window_name="90d").then(loss).otherwise(0.0))
    assert best_choice(scores) == Choice("90d", "none")
    assert best_choice(months_before(scores, date(2025, 9, 1))) == Choice("365d", "none")
    assert best_choice(months_before(scores, date(2024, 3, 1))) == FIRST_CHOICE
    assert best_choice(months_before(scores, date(2024, 4, 1))) == Choice("90d", "none")


def test_money_is_predicted_from_what_deals_were_worth_then() -> None:
    ends = [date(2025, 1, 3) + timedelta(days=3 * number) for number in range(40)]
    rows = stays(
        *((f"past{n}", date(2025, 1, 1), end, "won" if n % 2 else "lost") for n, end in enumerate(ends)),
        ("risen", date(2025, 5, 1), date(2025, 6, 20), "won"),
        ("unpriced", date(2025, 5, 1), date(2025, 6, 20), "won"),
        ("open", date(2025, 5, 1), date(2025, 6, 30), "open"),
    )
    amounts = pl.DataFrame(
        {
            "opportunity_id": ["risen", "risen", "open", "open"],
            "valid_from_date": [date(1900, 1, 1), date(2025, 6, 10), date(1900, 1, 1), date(2025, 6, 1)],
            "amount": [100.0, 900.0, 40.0, 1e9],
        }
    )
    june = date(2025, 6, 1)
    table = backtest_table(rows, {"Only": 0.25}, date(2025, 6, 30), (june, june), amounts)
    money = {row["method"]: row for row in table.filter(target=AMOUNT, window_name="").to_dicts()}
    weighted = money["stage_probability"]
    assert (weighted["predicted"], weighted["observed"]) == (0.25 * 140, 900)
    assert weighted["upper_95"] <= 140
    ours = table.filter(target=AMOUNT, method=OWN_METHOD, window_name="all", calendar="none").row(
        0, named=True
    )
    wins = table.filter(target=WINS, method=OWN_METHOD, window_name="all", calendar="none").row(0, named=True)
    # Deals alike have one chance: the money follows the number.
    assert ours["predicted"] == pytest.approx(wins["predicted"] * 140 / wins["deals"])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("--from", "July"), "is not a month"), (("--from", "2030-01"), "no month to test on")],
)
def test_what_cannot_be_tested_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spells: pl.DataFrame,
    arguments: tuple[str, str],
    named: str,
) -> None:
    published(tmp_path / "published", spells)
    monkeypatch.setenv("GYAKUSAN_DATA_DIR", str(tmp_path))
    finished = CliRunner().invoke(main, ["backtest", *arguments])
    assert (finished.exit_code, named in finished.output) == (2, True)


def test_without_marts_there_is_nothing_to_test_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYAKUSAN_DATA_DIR", str(tmp_path))
    finished = CliRunner().invoke(main, ["backtest"])
    assert (finished.exit_code, "there are no marts yet" in finished.output) == (2, True)


def test_the_month_after_december() -> None:
    assert next_month(date(2025, 12, 31)) == date(2026, 1, 1)
