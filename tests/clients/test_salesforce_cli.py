"""Salesforce's own command line, as it comes from npm, against the sandbox."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import ACCOUNTS, Login
from tests.clients.node_project import NodeProject

KEY = "GyakusanActionKey__c"
ORG = "sandbox"


@dataclass(frozen=True)
class CommandLine:
    """`sf` with a home folder of its own, so that no setting or login of this machine plays a part."""

    node: NodeProject
    home: Path

    def __call__(self, *arguments: str, token: str = "", **flags: str) -> dict[str, Any]:
        """The JSON one command answers; its `status` is 0 when it succeeded."""
        options: Sequence[str] = [part for name, value in flags.items() for part in (_flag(name), value)]
        done = self.node.run(
            self.node.modules / ".bin" / "sf",
            [*arguments, *options, "--json"],
            environment=self._environment(token),
            folder=self.home,
        )
        assert done.stdout, done.stderr[-4000:]
        answer: dict[str, Any] = json.loads(done.stdout)
        assert (answer["status"] == 0) == (done.returncode == 0)
        return answer

    def _environment(self, token: str) -> dict[str, str]:
        folders = {f"XDG_{kind}_HOME": str(self.home / kind) for kind in ("CACHE", "CONFIG", "DATA", "STATE")}
        off = (
            "SF_DISABLE_TELEMETRY",
            "SF_AUTOUPDATE_DISABLE",
            "SF_DISABLE_AUTOUPDATE",
            "SF_SKIP_NEW_VERSION_CHECK",
            "SF_DISABLE_LOG_FILE",
        )
        given = {"HOME": str(self.home), "SF_USE_GENERIC_UNIX_KEYCHAIN": "true", **dict.fromkeys(off, "true")}
        return {**given, **folders, **({"SF_ACCESS_TOKEN": token} if token else {})}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@pytest.fixture(scope="module")
def cli(node: NodeProject, sandbox: Login, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Logged in by an access token."""
    made = CommandLine(node, tmp_path_factory.mktemp("home"))
    answer = made(
        "org", "login", "access-token", "--no-prompt",
        token=sandbox.token, instance_url=sandbox.url, alias=ORG,
    )  # fmt: skip
    assert answer["result"]["username"] == sandbox.username
    assert sandbox.token not in json.dumps(answer)
    return made


def test_it_describes(cli: CommandLine) -> None:
    described = cli("sobject", "describe", sobject="Task", target_org=ORG)["result"]
    key = next(each for each in described["fields"] if each["name"] == KEY)
    assert (key["externalId"], key["unique"], key["length"]) == (True, True, 80)


def test_it_reads_several_pages(cli: CommandLine) -> None:
    soql = "SELECT Name, Owner.Username FROM Account WHERE Name LIKE 'account %' ORDER BY Name"
    result = cli("data", "query", query=soql, target_org=ORG)["result"]
    assert (result["totalSize"], result["done"]) == (ACCOUNTS, True)
    assert [each["Name"] for each in result["records"]] == [
        f"account {number:04d}" for number in range(ACCOUNTS)
    ]
    assert result["records"][0]["Owner"]["Username"].startswith("integration@")


def test_it_reads_in_bulk(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    result = cli(
        "data", "export", "bulk",
        query="SELECT Id, Name FROM Account WHERE Name LIKE 'account %'", output_file=str(file), wait="2", target_org=ORG,
    )["result"]  # fmt: skip
    assert result["totalSize"] == ACCOUNTS
    with file.open(newline="") as opened:
        assert len({row["Id"] for row in csv.DictReader(opened)}) == ACCOUNTS


def test_it_upserts_in_bulk_is_told_of_a_refused_row_and_reads_back(cli: CommandLine, tmp_path: Path) -> None:
    subjects = {f"cli-{number}": f'a "quoted", line {number}' for number in range(30)}
    file = tmp_path / "tasks.csv"
    with file.open("w", newline="") as opened:
        rows = csv.writer(opened, lineterminator="\n")
        rows.writerow((KEY, "Subject", "ActivityDate"))
        rows.writerows((key, subject, "2026-03-02") for key, subject in subjects.items())
        rows.writerow(("cli-refused", "refused", "someday"))
    upserted = cli(
        "data", "upsert", "bulk", sobject="Task", file=str(file), external_id=KEY, wait="1", target_org=ORG
    )
    assert upserted["message"] == "Job finished being processed but failed to process 1 records."
    assert upserted["data"]["state"] == "JobComplete"
    result = cli("data", "bulk", "results", job_id=upserted["data"]["jobId"], target_org=ORG)["result"]
    assert (result["processedRecords"], result["successfulRecords"], result["failedRecords"]) == (31, 30, 1)
    with (cli.home / result["failedFilePath"]).open(newline="") as opened:
        (refused,) = csv.DictReader(opened)
    assert refused[KEY] == "cli-refused"
    assert refused["sf__Error"]
    soql = f"SELECT {KEY}, Subject FROM Task WHERE {KEY} LIKE 'cli-%'"
    stored = cli("data", "query", query=soql, target_org=ORG)["result"]["records"]
    assert {each[KEY]: each["Subject"] for each in stored} == subjects


def test_it_upserts_and_updates_one_record(cli: CommandLine) -> None:
    path = f"/services/data/v62.0/sobjects/Task/{KEY}/one-by-cli"
    body = json.dumps({"Subject": "first"})
    created = cli("api", "request", "rest", path, method="PATCH", body=body, target_org=ORG)["result"]
    assert (created["statusCode"], created["body"]["created"]) == (201, True)
    values, where = "Subject='second one'", f"{KEY}=one-by-cli"
    updated = cli("data", "update", "record", sobject="Task", where=where, values=values, target_org=ORG)[
        "result"
    ]
    assert updated["id"] == created["body"]["id"]
    read = cli("data", "get", "record", sobject="Task", record_id=updated["id"], target_org=ORG)["result"]
    assert (read[KEY], read["Subject"]) == ("one-by-cli", "second one")


def test_an_error_comes_with_salesforces_code(cli: CommandLine) -> None:
    answer = cli("data", "query", query="SELECT Nope FROM Task", target_org=ORG)
    assert (answer["status"], answer["name"]) == (1, "INVALID_FIELD")
    assert "No such column 'Nope'" in answer["message"]


def test_it_logs_in_with_a_signed_assertion(cli: CommandLine, sandbox: Login) -> None:
    answer = cli(
        "org", "login", "jwt",
        username=sandbox.username, client_id=sandbox.client_id, jwt_key_file=str(sandbox.key_file),
        instance_url=sandbox.url, alias="by-assertion",
    )  # fmt: skip
    assert answer["status"] == 0, answer
    queried = cli("data", "query", query="SELECT Username FROM User", target_org="by-assertion")
    assert queried["result"]["records"][0]["Username"] == sandbox.username


def test_a_token_that_opens_nothing_is_refused(cli: CommandLine, sandbox: Login) -> None:
    answer = cli(
        "org", "login", "access-token", "--no-prompt",
        token="00Dxx0000000000!expired", instance_url=sandbox.url, alias="nobody",
    )  # fmt: skip
    assert (answer["status"], answer["name"]) == (1, "AuthCodeUsernameRetrievalError")
