"""The Maven CRM data, turned into Salesforce-shaped CSV files that `gyakusan sandbox --load` takes.

Choices the data leaves open: an engaged deal is created on its engage date, straight into Engaging; a
Prospecting deal has no date at all and is created on the data's first day, so that with the clock at
Engaging it has none. A manager is a role under the role of the regional office, and a rep's team is the
manager's role. Amounts are the close value, as given: missing while open, zero when lost. Product names
stay as they are, `GTXPro` included.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl

PIPELINE_COLUMNS = (
    "opportunity_id",
    "sales_agent",
    "product",
    "account",
    "deal_stage",
    "engage_date",
    "close_date",
    "close_value",
)
STAGES = (
    # name, order, closed, won, probability
    ("Prospecting", 1, False, False, 10),
    ("Engaging", 2, False, False, 50),
    ("Won", 3, True, True, 100),
    ("Lost", 4, True, False, 0),
)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def salesforce_id(prefix: str, *key: str) -> str:
    """An 18-character id: the object's prefix, 12 characters from a hash of the key, 3 of checksum."""
    number = int.from_bytes(hashlib.sha256("\x1f".join((prefix, *key)).encode()).digest()[:12])
    characters = []
    for _ in range(12):
        number, digit = divmod(number, 62)
        characters.append(_DIGITS[digit])
    short = prefix + "".join(characters)
    return short + "".join(_checksum(short[start : start + 5]) for start in (0, 5, 10))


def write_maven_csv(source: Path, target: Path) -> None:
    """Write User, UserRole, Account, OpportunityStage, Opportunity, OpportunityHistory as CSV in `target`."""
    target.mkdir(parents=True, exist_ok=True)
    pipeline = pl.read_csv(source / "sales_pipeline.csv", try_parse_dates=True)
    teams = pl.read_csv(source / "sales_teams.csv")
    accounts = pl.read_csv(source / "accounts.csv")
    files = {
        "UserRole": _roles(teams),
        "User": _users(teams),
        "Account": _accounts(accounts, pipeline, teams),
        "OpportunityStage": _stages(),
        "Opportunity": _opportunities(pipeline),
        "OpportunityHistory": _history(pipeline),
    }
    for name, table in files.items():
        table.write_csv(target / f"{name}.csv")


def _checksum(five: str) -> str:
    return _ALPHABET[
        sum(1 << place for place, letter in enumerate(five) if letter.isascii() and letter.isupper())
    ]


def _ids(prefix: str, column: str) -> pl.Expr:
    return pl.col(column).map_elements(lambda name: salesforce_id(prefix, name), return_dtype=pl.String)


def _roles(teams: pl.DataFrame) -> pl.DataFrame:
    offices = teams.select(Name="regional_office").unique(maintain_order=True)
    managers = teams.select("manager", "regional_office").unique(maintain_order=True)
    return pl.concat(
        [
            offices.select(_ids("00E", "Name").alias("Id"), "Name", ParentRoleId=pl.lit(None, pl.String)),
            managers.select(
                _ids("00E", "manager").alias("Id"),
                pl.col("manager").alias("Name"),
                _ids("00E", "regional_office").alias("ParentRoleId"),
            ),
        ]
    )


def _users(teams: pl.DataFrame) -> pl.DataFrame:
    managers = teams.select("manager", "regional_office").unique(maintain_order=True)
    people = pl.concat(
        [
            managers.select(Name="manager", role="regional_office", boss=pl.lit(None, pl.String)),
            teams.select(Name="sales_agent", role="manager", boss="manager"),
        ]
    )
    address = pl.col("Name").str.to_lowercase().str.replace_all(" ", ".") + "@example.com"
    return people.select(
        _ids("005", "Name").alias("Id"),
        "Name",
        FirstName=pl.col("Name").str.split(" ").list.first(),
        LastName=pl.col("Name").str.split(" ").list.slice(1).list.join(" "),
        Username=address,
        Email=address,
        IsActive=pl.lit("true"),
        UserRoleId=_ids("00E", "role"),
        ManagerId=_ids("005", "boss"),
        TimeZoneSidKey=pl.lit("UTC"),
        LanguageLocaleKey=pl.lit("en_US"),
        CreatedDate=pl.lit("2016-10-01T00:00:00.000+0000"),
    )


def _accounts(accounts: pl.DataFrame, pipeline: pl.DataFrame, teams: pl.DataFrame) -> pl.DataFrame:
    first_day = pipeline["engage_date"].min()
    return accounts.select(
        _ids("001", "account").alias("Id"),
        pl.col("account").alias("Name"),
        pl.col("sector").alias("Industry"),
        pl.col("employees").alias("NumberOfEmployees"),
        (pl.col("revenue") * 1_000_000).round(2).alias("AnnualRevenue"),
        pl.col("office_location").alias("BillingCountry"),
        _ids("001", "subsidiary_of").alias("ParentId"),
        OwnerId=pl.lit(salesforce_id("005", teams["manager"][0])),
        CreatedDate=pl.lit(first_day).dt.strftime("%Y-%m-%dT00:00:00.000+0000"),
    )


def _stages() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "Id": [salesforce_id("01J", name) for name, *_ in STAGES],
            "MasterLabel": [name for name, *_ in STAGES],
            "ApiName": [name for name, *_ in STAGES],
            "SortOrder": [order for _, order, *_ in STAGES],
            "IsActive": ["true"] * len(STAGES),
            "IsClosed": [str(closed).lower() for *_, closed, _, _ in STAGES],
            "IsWon": [str(won).lower() for *_, won, _ in STAGES],
            "DefaultProbability": [probability for *_, probability in STAGES],
        }
    )


def _dated(pipeline: pl.DataFrame) -> pl.DataFrame:
    """One row per deal with the dates Salesforce would hold; an open one is due on the data's last day."""
    first_day, last_day = pipeline["engage_date"].min(), pipeline["close_date"].max()
    return pipeline.select(PIPELINE_COLUMNS).with_columns(
        created=pl.col("engage_date").fill_null(pl.lit(first_day)),
        modified=pl.coalesce("close_date", "engage_date", pl.lit(first_day)),
        due=pl.col("close_date").fill_null(pl.lit(last_day)),
        probability=pl.col("deal_stage").replace_strict({name: chance for name, *_, chance in STAGES}),
    )


def _instant(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%Y-%m-%dT00:00:00.000+0000")


def _opportunities(pipeline: pl.DataFrame) -> pl.DataFrame:
    is_closed = pl.col("deal_stage").is_in(["Won", "Lost"])
    return _dated(pipeline).select(
        _ids("006", "opportunity_id").alias("Id"),
        (pl.col("opportunity_id") + " " + pl.col("product")).alias("Name"),
        _ids("001", "account").alias("AccountId"),
        _ids("005", "sales_agent").alias("OwnerId"),
        pl.col("deal_stage").alias("StageName"),
        pl.col("close_value").alias("Amount"),
        pl.col("probability").alias("Probability"),
        pl.col("due").alias("CloseDate"),
        pl.col("product").alias("Type"),
        is_closed.cast(pl.String).alias("IsClosed"),
        (pl.col("deal_stage") == "Won").cast(pl.String).alias("IsWon"),
        pl.lit("false").alias("IsDeleted"),
        _instant("created").alias("CreatedDate"),
        _instant("modified").alias("LastModifiedDate"),
        _instant("modified").alias("SystemModstamp"),
    )


def _history(pipeline: pl.DataFrame) -> pl.DataFrame:
    dated = _dated(pipeline)
    opened = dated.with_columns(
        stage=pl.when(pl.col("deal_stage") == "Prospecting")
        .then(pl.lit("Prospecting"))
        .otherwise(pl.lit("Engaging")),
        at="created",
        value=pl.lit(None, pl.Int64),
    )
    closed = dated.filter(pl.col("deal_stage").is_in(["Won", "Lost"])).with_columns(
        stage="deal_stage", at="close_date", value="close_value"
    )
    rows = pl.concat([opened, closed]).with_columns(key=pl.col("opportunity_id") + " " + pl.col("stage"))
    return rows.select(
        _ids("008", "key").alias("Id"),
        _ids("006", "opportunity_id").alias("OpportunityId"),
        pl.col("stage").alias("StageName"),
        pl.col("value").alias("Amount"),
        pl.col("stage").replace_strict({name: chance for name, *_, chance in STAGES}).alias("Probability"),
        pl.col("due").alias("CloseDate"),
        _instant("at").alias("CreatedDate"),
    )
