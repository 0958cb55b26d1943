"""``gyakusan plan``: the staircase of a rep, a team or the organisation, on a past day, and with another coefficient."""

from __future__ import annotations

import re
import shutil
import unicodedata
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from dagster_project.cli import main
from tests.small_night import make_small_night


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small night")
    make_small_night(folder)
    return folder


@pytest.fixture
def night(data_dir: Path, tmp_path: Path) -> Path:
    """A night of one's own, to change its published file."""
    return Path(shutil.copytree(data_dir, tmp_path / "night"))


def published(night: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(night / "published" / "marts.duckdb"))


def run(command: str, data_dir: Path, *arguments: str) -> Result:
    environment = {"GYAKUSAN_DATA_DIR": str(data_dir), "GYAKUSAN_SETTINGS_FILE": str(data_dir / "none.toml")}
    return CliRunner(env=environment).invoke(main, [command, *arguments])


def page_of(command: str, data_dir: Path, *arguments: str) -> str:
    result = run(command, data_dir, *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def page(data_dir: Path, *arguments: str) -> str:
    return page_of("plan", data_dir, *arguments)


def refusal(data_dir: Path, *arguments: str) -> str:
    result = run("plan", data_dir, *arguments)
    assert result.exit_code == 2, result.output
    [line] = result.stderr.strip().splitlines()
    return line


def test_the_page_of_a_rep_is_in_the_rep_s_language(data_dir: Path) -> None:
    lines = page(data_dir, "林").splitlines()
    assert lines[0] == "林 優子  東日本営業部"
    assert lines[1] == "2026年11月17日(火)の計画(今週の約束は11月17日(火))"
    assert lines[3] == "目標 100万円  受注済 20万円  残り 80万円"
    assert lines[4] == "進行中 1件 (期待額 15万円)  残り営業日 7日"
    assert "逆算" in lines
    assert "月 → 週 → 日" in lines


def test_the_tree_shows_each_coefficient_and_where_it_came_from(data_dir: Path) -> None:
    [rate] = [line for line in page(data_dir, "A").splitlines() if "÷ 受注率" in line]
    assert rate.split()[:3] == ["÷", "受注率", "25%"]
    assert "全社" in rate
    assert re.search(r"→ 初回商談 \d+件", rate)


def test_the_stairs_go_from_the_month_to_its_weeks_to_this_week_s_days(data_dir: Path) -> None:
    stairs = page(data_dir, "A").split("月 → 週 → 日\n")[1].split("\n\n")[0].splitlines()
    names = [line.split("  ")[1] or line.split("  ")[2] for line in stairs[1:]]
    assert names[:2] == ["今月済", "今月残り 11月17日〜11月30日"]
    assert names[2:5] == ["今週の約束", "今週済", "今週残り 11月17日〜11月22日"]
    assert "11月17日(火) 今日" in names
    assert names[-1] == "11月30日"


def test_days_of_the_page_add_up_to_their_week_and_weeks_to_the_month(data_dir: Path) -> None:
    stairs = page(data_dir, "A").split("月 → 週 → 日\n")[1].split("\n\n")[0].splitlines()
    touches = {
        line.strip().split("  ")[0]: int(line.split()[-1].rstrip("件").replace(",", ""))
        for line in stairs[1:]
    }
    days = sum(number for name, number in touches.items() if re.search(r"\([月火水木金土日]\)", name))
    weeks = [number for name, number in touches.items() if re.match(r"今週残り|[\d月日〜]+$", name)]
    assert days == touches["今週残り 11月17日〜11月22日"] > 0
    assert sum(weeks) == touches["今月残り 11月17日〜11月30日"]


@pytest.mark.parametrize("arguments", [("東日本営業部",), ("--team", "林"), ("--team", "team"), ("東日本",)])
def test_a_team_by_its_name_or_by_one_of_its_reps(data_dir: Path, arguments: tuple[str, ...]) -> None:
    lines = page(data_dir, *arguments).splitlines()
    assert lines[0] == "東日本営業部"
    assert lines[3].startswith("目標 100万円")


def test_the_organisation_where_nobody_is_named(data_dir: Path) -> None:
    assert page(data_dir).splitlines()[0] in ("全社", "Organization")


def test_nobody_of_that_name_lists_who_there_is(data_dir: Path) -> None:
    line = refusal(data_dir, "Nobody")
    assert "0 reps and 0 teams match 'Nobody'" in line
    assert "林 優子" in line
    assert "teams: 東日本営業部" in line


def test_a_hostile_name_is_harmless_on_the_page_and_in_errors(data_dir: Path) -> None:
    for text in (page(data_dir, "B").splitlines()[0], refusal(data_dir, "Nobody")):
        assert not any(unicodedata.category(sign) in ("Cc", "Cf") for sign in text)
        assert "Eve [31m <b>絵美</b> 🦊" in text


def test_a_rep_who_was_given_no_quota_is_told_what_to_do(data_dir: Path) -> None:
    assert "No quota set" in page(data_dir, "B") or "Goal (own pace)" in page(data_dir, "B")


def _before_the_lists(text: str) -> str:
    """The page up to what must be done, which is kept in the cards and the calendar, not as a list."""
    return text.split("必ずやること")[0].split("注:")[0].rstrip()


def test_what_was_promised_on_a_date_is_read_from_the_log(data_dir: Path) -> None:
    today, promised = page(data_dir, "A"), page(data_dir, "A", "--date", "2026-11-17")
    assert "今日の流れ" in promised
    assert _before_the_lists(promised) == _before_the_lists(today)


def test_the_day_s_blocks_hold_its_numbers_and_its_cards(data_dir: Path) -> None:
    lines = page(data_dir, "A").split("今日の流れ\n")[1].splitlines()
    assert lines[0].startswith("  09:00〜12:00 午前  アポ ")
    assert lines[1] == "    1. 「北斗 [2J学園」様に電話する"
    assert re.match(r"  13:00〜17:00 午後  初回商談 3件  \(うち予定済 1件\)", lines[2])
    assert "予定あり 60分" in lines[2]
    assert "振り返りと翌日の準備 30分" in lines[4]


def test_what_must_be_done_and_what_can_wait_each_have_their_reason(data_dir: Path) -> None:
    text = page(data_dir, "A")
    must, wait = (text.split(f"{name}\n")[1].split("\n\n")[0] for name in ("必ずやること", "後でよいこと"))
    assert "1. 「北斗 [2J学園」様に電話する(16日間、連絡の記録がありません。)" in must
    assert "14:00–15:00 北斗学園 様 初回商談(予定に入っています)" in must
    assert "見積書を送る(今日が期限です)" in must
    assert wait.splitlines() == ["- 「南海商事」様に電話する(その時間帯には収まりません)"]


def test_todays_page_has_the_staircase_the_blocks_and_the_cards_in_full(data_dir: Path) -> None:
    lines = page_of("today", data_dir, "林").splitlines()
    assert lines[1] == "林 優子  東日本営業部"
    assert lines.index("今日の流れ") < lines.index("必ずやること") < lines.index("後でよいこと")
    card = lines.index("1. 「北斗 [2J学園」様に電話する")
    assert lines[card + 1 : card + 3] == ["   16日間、連絡の記録がありません。", "   期待効果 2万円。"]


def test_todays_page_without_lists_has_the_cards_alone(night: Path) -> None:
    with published(night) as connection:
        connection.execute("drop table day_list")
        connection.execute("drop table day_blocks")
    text = page_of("today", night, "A")
    assert "今日の一手\n1. 「北斗 [2J学園」様に電話する\n   16日間" in text


def test_a_promise_stays_readable_after_another_night(night: Path) -> None:
    promised = page(night, "A", "--date", "2026-11-17")
    with published(night) as connection:
        connection.execute("update plan_today set goal_amount = 5, plan_date = date '2026-11-18'")
    assert page(night, "A").splitlines()[3] != promised.splitlines()[3]
    assert page(night, "A", "--date", "2026-11-17") == promised


def test_last_month_and_last_week_are_those_of_the_standing_reset(night: Path) -> None:
    with published(night) as connection:
        connection.execute("update plan_coefficients set last_month_value = .31 where measure = 'win_rate'")
        connection.execute("update plan_weeks set last_week_promised = 12, last_week_done = 9")
        for table, figure in (
            ("plan_coefficients", "last_month_value"),
            ("plan_weeks", "last_week_promised"),
        ):
            for day, number in (("2026-11-09", 77), ("2026-11-24", 88)):
                connection.execute(
                    f"insert into {table} select * replace (date '{day}' as plan_date, {number} as {figure}) from {table} "
                    "where plan_date = date '2026-11-17'"
                )
    lines = page(night, "A").splitlines()
    assert next(line for line in lines if "÷ 受注率" in line).split()[2:4] == ["25%", "31%"]
    assert next(line for line in lines if "先週の約束" in line).split()[1:] == ["12件"] * 4
    assert next(line for line in lines if "先週の実績" in line).split()[1:] == ["9件"] * 4


def test_an_unknown_date_says_which_dates_there_are(data_dir: Path) -> None:
    assert "plans there are: 2026-11-17" in refusal(data_dir, "A", "--date", "2026-11-02")
    assert "write it as 2026-10-15" in refusal(data_dir, "A", "--date", "yesterday")


def test_what_if_shows_before_and_after(data_dir: Path) -> None:
    text = page(data_dir, "A", "--what-if", "win_rate=50%")
    assert "もし: 受注率 50% (今 25%)" in text
    [meetings] = [line for line in text.splitlines() if line.startswith("必要件数: 初回商談")]
    before, after = (
        int(cell.rstrip("件")) for cell in meetings.split() if cell.endswith("件") and cell[0].isdigit()
    )
    # 65万円 are missing at 10万円 a deal: 6.5 deals ÷ .25 and ÷ .50.
    assert (before, after) == (26, 13)
    assert meetings.endswith("-13件")


def test_several_what_ifs_at_once(data_dir: Path) -> None:
    text = page(data_dir, "A", "--what-if", "win_rate=.5", "--what-if", "average_price=65万")
    [deals] = [line for line in text.splitlines() if line.startswith("必要件数: 受注")]
    assert deals.split()[2:5] == ["7件", "→", "1件"]


def test_a_trial_that_changes_nothing_shows_no_change(data_dir: Path) -> None:
    text = page(data_dir, "A", "--what-if", "win_rate=25%")
    table = text.split("差\n")[1].split("\n進行中")[0].splitlines()
    assert [line for line in table if re.search(r"[+-]\d", line)] == []


def test_a_trial_is_not_kept(data_dir: Path) -> None:
    files = sorted(path for path in data_dir.rglob("*") if path.is_file())
    before = {path: path.stat().st_mtime_ns for path in files}
    page(data_dir, "--what-if", "win_rate=.5")
    assert {path: path.stat().st_mtime_ns for path in sorted(data_dir.rglob("*")) if path.is_file()} == before


def test_an_unknown_coefficient_or_an_absurd_value_says_what_there_is(data_dir: Path) -> None:
    assert "win_rate, appointment_to_meeting" in refusal(data_dir, "A", "--what-if", "luck=1")
    assert "win_rate=.25 or 25%" in refusal(data_dir, "A", "--what-if", "win_rate=400%")
    assert "--what-if with --date" in refusal(
        data_dir, "A", "--what-if", "win_rate=.2", "--date", "2026-11-17"
    )


def test_a_whole_name_is_meant_before_a_part_of_others(night: Path) -> None:
    with published(night) as connection:
        connection.execute("update dim_rep set rep_name = '林' where rep_id = 'B'")
    assert page(night, "林").splitlines()[0] == "林"
    assert page(night, "優子").splitlines()[0] == "林 優子  東日本営業部"


def test_facts_from_before_teams_had_plans_are_the_reps_own(night: Path) -> None:
    with published(night) as connection:
        connection.execute("update plan_today set scope_kind = null, scope_id = null where rep_id = 'A'")
    assert page(night, "A").splitlines()[0] == "林 優子  東日本営業部"


def test_nothing_is_published_yet(tmp_path: Path) -> None:
    assert "run gyakusan nightly first" in refusal(tmp_path)


def test_a_published_file_from_before_teams_had_plans_still_shows_a_rep(night: Path) -> None:
    with published(night) as connection:
        for table in ("plan_today", "plan_steps"):
            connection.execute(f"delete from {table} where scope_kind <> 'rep'")
            for column in ("scope_kind", "scope_id"):
                connection.execute(f"alter table {table} drop column {column}")
        for column in ("promised", "done"):
            connection.execute(f"alter table plan_steps drop column {column}")
        for column in ("reset_date", "role", "days_left", "expected_amount", "average_cycle_days"):
            connection.execute(f"alter table plan_today drop column {column}")
        for table in ("plan_weeks", "plan_coefficients", "day_blocks", "day_list"):
            connection.execute(f"drop table {table}")
    assert page(night, "A").splitlines()[1] == "2026年11月17日(火)の計画"
    assert "has no plan" in refusal(night)
