"""Runs whole nights from outside: the command line against a sandbox over HTTP, figures read from the published file."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

GYAKUSAN = Path(sys.executable).parent / "gyakusan"


def clean_environment(**extra: str) -> dict[str, str]:
    """This process's environment without anyone's settings, plus ``extra``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GYAKUSAN_", "DAGSTER_", "DBT_"))}
    return {**kept, **extra}


@dataclass(frozen=True)
class Workplace:
    """One data folder and the org it reads."""

    folder: Path
    login_url: str
    client_id: str
    client_secret: str
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self, **extra: str) -> dict[str, str]:
        return clean_environment(
            **{
                "GYAKUSAN_DATA_DIR": str(self.folder),
                "GYAKUSAN_SETTINGS_FILE": str(self.folder / "gyakusan.toml"),
                "GYAKUSAN_SALESFORCE_URL": self.login_url,
                "GYAKUSAN_SALESFORCE_CLIENT_ID": self.client_id,
                "GYAKUSAN_SALESFORCE_CLIENT_SECRET": self.client_secret,
                **self.extra,
                **extra,
            }
        )

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end, whatever its exit code."""
        return subprocess.run(
            [str(GYAKUSAN), *arguments],
            env=self.environment(**extra),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def night(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run a night that must succeed."""
        finished = self.run("nightly", *arguments, **extra)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished

    @property
    def published(self) -> Path:
        return self.folder / "published" / "marts.duckdb"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows from the published marts."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        """The one value of a query."""
        [(value,)] = self.query(sql)
        return value
