"""Loading a folder of CSV: the demo org with its oddities, and folders that are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.sandbox.errors import SandboxError
from connectors.sandbox.loading.loader import LoadReport, load_folder
from connectors.sandbox.loading.mapping import FolderMapping, ObjectMapping
from connectors.sandbox.records.ids import numbered, with_suffix
from connectors.sandbox.records.store import Org

MAPPING = Path(__file__).resolve().parents[1] / "datasets" / "demo_org_map.toml"
CLOCK = datetime(2023, 1, 1, tzinfo=UTC)
HEAD = "Id,Name,StageName,CloseDate,Amount,CreatedDate,OwnerId\n"
ROW = "006000000000001AAA,x,Won,2024-02-01,10,2024-01-01T00:00:00.000Z,005000000000001AAA\n"


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    made = Org(tmp_path / "org.duckdb", lambda: CLOCK)
    yield made
    made.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_org_source: Path) -> tuple[Org, LoadReport]:
    made = Org(tmp_path_factory.mktemp("demo") / "org.duckdb", lambda: CLOCK)
    report = load_folder(made, demo_org_source, MAPPING)
    made.prepare()
    return made, report


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("closed stage with IsClosed false", 115),
        ("created after last modified", 180),
        ("history before creation", 43),
        ("last history stage is not the current one", 21),
        ("backward move", 72),
        ("same-stage repeat", 107),
        ("row without an id (one was made)", 584),
        ("unknown user referred to (placeholder made)", 26),
        ("unknown account referred to (placeholder made)", 118),
        ("no amount", 2),
        ("opportunity without history", 0),
        ("history of an opportunity that is not there", 0),
    ],
)
def test_every_oddity_of_the_demo_org_is_counted(demo: tuple[Org, LoadReport], name: str, count: int) -> None:
    assert demo[1].count(name) == count


def test_nothing_of_the_demo_org_is_dropped(demo: tuple[Org, LoadReport]) -> None:
    org, report = demo
    assert (report.rows["Opportunity"], report.rows["OpportunityHistory"]) == (219, 584)
    assert org.fetch_one(
        'select count(*), count(distinct "Id"), count("CreatedDate") from "OpportunityHistory"'
    ) == (584, 584, 584)
    closed = 'select count(*) from "Opportunity" where "StageName" like \'Closed%\''
    assert org.fetch_one(closed) == (146,)


def test_the_demo_orgs_dates_are_read_day_first(demo: tuple[Org, LoadReport]) -> None:
    row = demo[0].fetch_rows("""select "CreatedDate", "CloseDate", "SystemModstamp" from "Opportunity"
        where "Id" = '0068d000002OrZrAAK'""")[0]
    assert row["CreatedDate"] == datetime.fromisoformat("2022-05-01T00:00:00")
    assert str(row["CloseDate"]) == "2022-05-11"
    assert row["SystemModstamp"] == datetime.fromisoformat("2022-03-02T16:11:00")


def test_stages_of_the_demo_org_come_in_their_order(demo: tuple[Org, LoadReport]) -> None:
    rows = demo[0].fetch_rows(
        'select "ApiName" as name, "IsClosed" as closed, "IsWon" as won from "OpportunityStage" order by "SortOrder"'
    )
    assert [row["name"] for row in rows] == [
        "Prospecting", "Qualification", "Value Proposition", "Negotiation/Review", "Closed Won", "Closed Lost",
    ]  # fmt: skip
    assert [(row["closed"], row["won"]) for row in rows] == [(False, False)] * 4 + [
        (True, True),
        (True, False),
    ]


def test_placeholders_stand_for_the_demo_orgs_owners(demo: tuple[Org, LoadReport]) -> None:
    org = demo[0]
    missing = 'select count(*) from "Opportunity" where "OwnerId" not in (select "Id" from "User")'
    assert org.fetch_one(missing) == (0,)
    row = org.fetch_rows('select "Name", "IsActive" from "User" where "Id" = \'0058d000002C3D2AAK\'')[0]
    assert row == {"Name": "Unknown user 0058d000002C3D2AAK", "IsActive": True}


def test_a_second_load_gives_the_same_ids(
    demo: tuple[Org, LoadReport], tmp_path: Path, demo_org_source: Path
) -> None:
    again = Org(tmp_path / "org.duckdb", lambda: CLOCK)
    load_folder(again, demo_org_source, MAPPING)
    sql = 'select "Id", "OpportunityId", "StageName", "CreatedDate" from "OpportunityHistory" order by "Id"'
    assert again.fetch_rows(sql) == demo[0].fetch_rows(sql)
    again.close()


def _folder(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "csv files"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_custom_columns_become_fields_and_short_ids_long_ones(org: Org, tmp_path: Path) -> None:
    text = (
        HEAD.strip()
        + ",Own__c,Flag__c\n"
        + "0068d000002OrZq,商談,受注,2024-02-01,10,2024-01-01T00:00:00.000Z,,00123,TRUE\n"
    )
    load_folder(org, _folder(tmp_path, Opportunity=text))
    row = org.fetch_rows(
        'select "Id", "Own__c", "Flag__c", "IsDeleted", "SystemModstamp" from "Opportunity"'
    )[0]
    assert row == {
        "Id": "0068d000002OrZqAAK", "Own__c": "00123", "Flag__c": True, "IsDeleted": False,
        "SystemModstamp": datetime.fromisoformat("2024-01-01T00:00:00"),
    }  # fmt: skip
    assert org.objects["Opportunity"].fields["Flag__c"].type == "boolean"
    assert org.fetch_one('select "IsWon" from "OpportunityStage"') == (True,)


def test_values_that_do_not_fit_are_kept_as_text_beside(org: Org, tmp_path: Path) -> None:
    report = load_folder(org, _folder(tmp_path, Opportunity=HEAD + ROW.replace(",10,", ",ten,")))
    assert org.fetch_one('select "Amount", "Amount_text__c" from "Opportunity"') == (None, "ten")
    assert report.count("value that is no currency (kept in Amount_text__c)") == 1


def test_dates_without_offset_are_in_the_mappings_zone(org: Org, tmp_path: Path) -> None:
    mapping = FolderMapping(time_zone="Asia/Tokyo", date_formats=("%Y/%m/%d %H:%M",), currency="JPY")
    text = HEAD + ROW.replace("2024-01-01T00:00:00.000Z", "2024/01/01 08:00")
    load_folder(org, _folder(tmp_path, Opportunity=text), mapping)
    assert org.fetch_one('select "CreatedDate" from "Opportunity"') == (
        datetime.fromisoformat("2023-12-31T23:00:00"),
    )
    assert str(org.time_zone) == "Asia/Tokyo"


def test_columns_are_renamed_and_placeholders_stay_inactive(org: Org, tmp_path: Path) -> None:
    mapping = FolderMapping(objects={"Opportunity": ObjectMapping(file="deals.csv", rename={"Deal": "Name"})})
    load_folder(org, _folder(tmp_path, deals=HEAD.replace("Name", "Deal", 1) + ROW), mapping)
    assert org.fetch_one('select "Name" from "Opportunity"') == ("x",)
    assert org.fetch_one('select "IsActive" from "User"') == (False,)


def test_the_orgs_next_id_is_free(org: Org, tmp_path: Path) -> None:
    taken = numbered("006", 41)
    load_folder(org, _folder(tmp_path, Opportunity=HEAD + ROW.replace("006000000000001AAA", taken)))
    assert org.new_ids("Opportunity", 1) == [numbered("006", 42)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            HEAD + ROW + '006000000000002AAA,"x"y,Won,2024-02-01,1,,\n',
            r"Opportunity\.csv, line 3: .*load it again",
        ),
        (HEAD + ROW + "006000000000002AAA,x\n", r"Opportunity\.csv, line 3: .*load it again"),
        (HEAD + ROW + ROW, r"Opportunity\.csv, lines 2, 3: the id 006000000000001AAA stands on several rows"),
        ("Id,Id\n1,2\n", r"Opportunity\.csv, line 1: column Id stands there twice"),
        ("", r"Opportunity\.csv, line 1: no column names"),
    ],
)
def test_a_malformed_file_is_named_with_line_and_remedy(
    org: Org, tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(SandboxError, match=said):
        load_folder(org, _folder(tmp_path, Opportunity=text))
    assert org.fetch_one('select count(*) from "Opportunity"') == (0,)


def test_a_file_that_is_not_utf_8_is_named(org: Org, tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "Opportunity.csv").write_bytes((HEAD + ROW.replace(",x,", ",商談,")).encode("shift_jis"))
    with pytest.raises(SandboxError, match=r"Opportunity\.csv.*not UTF-8"):
        load_folder(org, folder)


def test_folders_and_mappings_that_are_not_there_or_wrong(org: Org, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="there is no folder"):
        load_folder(org, tmp_path / "nowhere")
    with pytest.raises(SandboxError, match="no CSV file named after an object"):
        load_folder(org, _folder(tmp_path, Invoice="Id\n1\n"))
    wrong = tmp_path / "map.toml"
    wrong.write_text("time_zone = 'Mars'\n")
    with pytest.raises(SandboxError, match="time_zone"):
        load_folder(org, tmp_path, wrong)


def test_a_file_of_an_unknown_object_is_told(org: Org, tmp_path: Path) -> None:
    report = load_folder(org, _folder(tmp_path, Opportunity=HEAD + ROW, Invoice="Id\n1\n"))
    assert report.count("file of an object the sandbox does not have") == 1
    assert any("Invoice.csv" in line for line in report.lines())


def test_the_sql_of_ids_agrees_with_python(org: Org) -> None:
    from connectors.sandbox.loading.csv_reading import numbered_sql, suffix_sql

    for number in (0, 1, 61, 62, 99_999, 62**7 - 1):
        assert org.fetch_one(f"select {numbered_sql('00T', str(number))}") == (numbered("00T", number),)
    for short_id in ("0068d000002OrZq", "AAAAAAAAAAAAAAA", "aZbYcX012345678"):
        assert org.fetch_one(f"select {suffix_sql(repr(short_id))}") == (with_suffix(short_id),)
