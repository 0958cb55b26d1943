"""The command line answers at once, and its errors are one line with an exit code that tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.nightly.harness import GYAKUSAN, clean_environment

CHECKOUT = Path(__file__).parents[1]


def run(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(GYAKUSAN), *arguments],
        env=clean_environment(GYAKUSAN_DATA_DIR=str(folder / "data"), **environment),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_one_line(finished: subprocess.CompletedProcess[str], exit_code: int, *words: str) -> None:
    assert finished.returncode == exit_code, finished.stderr
    last = finished.stderr.strip().splitlines()[-1]
    assert last.startswith("gyakusan: ")
    assert "Traceback" not in finished.stderr + finished.stdout
    for word in words:
        assert word in last


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from dagster_project.cli import main;"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0;"
        "heavy = {'dagster', 'dbt', 'duckdb', 'polars', 'pandas', 'pyarrow', 'great_expectations', 'pydantic', 'rich'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_nothing_published_yet(tmp_path: Path) -> None:
    assert_one_line(run("today", folder=tmp_path), 2, "nothing is published yet", "gyakusan nightly")


def test_what_only_shows_finds_the_demo_until_another_night_was_run(tmp_path: Path) -> None:
    (tmp_path / "data" / "demo" / "published").mkdir(parents=True)
    assert_one_line(run("today", folder=tmp_path), 2, str(tmp_path / "data" / "demo" / "published"))
    (tmp_path / "data" / "log").mkdir()
    assert_one_line(run("today", folder=tmp_path), 2, str(tmp_path / "data" / "published"))


def test_an_evening_before_the_first_night(tmp_path: Path) -> None:
    assert_one_line(run("evening", folder=tmp_path), 2, "no plan to review", "gyakusan nightly")


def test_no_credentials(tmp_path: Path) -> None:
    assert_one_line(run("nightly", folder=tmp_path), 2, "GYAKUSAN_SALESFORCE_URL")


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("GYAKUSAN_TIME_ZONE", "Asia/Nowhere", "time_zone"),
        ("GYAKUSAN_NOW", "2026-10-15T05:00:00", "time zone"),
        ("GYAKUSAN_HELD_OUT_SHARE", "1.5", "held_out_share"),
        ("GYAKUSAN_WRITE_BACK", "yes", "write_back"),
    ],
)
def test_a_malformed_setting_is_named(tmp_path: Path, name: str, value: str, word: str) -> None:
    assert_one_line(run("today", folder=tmp_path, **{name: value}), 2, word)


def test_a_malformed_settings_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "gyakusan.toml").write_text("time_zone = [unclosed")
    assert_one_line(run("today", folder=tmp_path), 2, "gyakusan.toml")


def test_a_secret_in_the_settings_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gyakusan.toml").write_text('salesforce_client_secret = "hush"')
    finished = run("today", folder=tmp_path)
    assert_one_line(finished, 2, "salesforce_client_secret")
    assert "hush" not in finished.stderr


def test_a_malformed_csv_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "Account.csv").write_text('Id,Name\n001000000000001AAA,"unclosed\n')
    finished = run("sandbox", "--load", "export", "--org", "org.duckdb", "--no-serve", folder=tmp_path)
    assert finished.returncode != 0
    assert "Account.csv" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        finished = run("sandbox", "--org", "org.duckdb", "--port", port, folder=tmp_path)
    assert finished.returncode != 0
    assert port in finished.stderr
    assert "Traceback" not in finished.stderr
