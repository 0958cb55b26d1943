"""One typed settings object: where things lie, which org is read, what a team has set.

Sources, first wins: environment variables (``GYAKUSAN_*``), the settings file
(``gyakusan.toml`` in the working folder, or ``GYAKUSAN_SETTINGS_FILE``), defaults. How to reach the org is the
connector's own matter (``GYAKUSAN_SALESFORCE_*``); its secrets come from the environment only.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from dagster_project.errors import SettingsError
from dagster_project.plan.day.pattern import REVIEW_MINUTES, DayPattern, default_blocks, pattern_of

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent


def _default_data_dir() -> Path:
    in_checkout = (CHECKOUT / "pyproject.toml").exists()
    return (CHECKOUT / "data") if in_checkout else (Path.cwd() / "gyakusan_data")


def _default_dbt_dir() -> Path:
    beside = CHECKOUT / "dbt"
    return beside if (beside / "dbt_project.yml").exists() else PACKAGE / "transform" / "dbt_packaged"


def settings_file() -> Path:
    """The team's settings file; it need not exist."""
    return Path(os.environ.get("GYAKUSAN_SETTINGS_FILE", "gyakusan.toml")).resolve()


class Settings(BaseSettings):
    """Everything a run needs to know before it starts; paths are absolute."""

    model_config = SettingsConfigDict(env_prefix="GYAKUSAN_", extra="forbid", frozen=True)

    data_dir: Path = Field(default_factory=_default_data_dir)
    dbt_dir: Path = Field(default_factory=_default_dbt_dir)
    now: datetime | None = None
    time_zone: str | None = None
    currency: str | None = None
    country_code: str = "JP"
    region: str | None = None
    company_holidays: tuple[date, ...] = ()
    clock_stage_name: str | None = None
    minimum_at_risk: int = Field(default=30, ge=1)
    windows: tuple[str, ...] = ()
    quota_file: Path | None = None
    quota_spread: Literal["seasonal", "even"] = "seasonal"
    rep_file: Path | None = None
    absence_file: Path | None = None
    require_quotas: bool = True
    lowest_probability: float = Field(default=0.1, ge=0, lt=1)
    write_back: Literal["off", "sandbox", "any"] = "sandbox"
    api_reserve: float = Field(default=0.2, ge=0, lt=1)
    held_out_share: float = Field(default=0.1, ge=0, lt=1)
    experiment_salt: str = "gyakusan"
    sweep_every_days: int = Field(default=7, ge=1)
    accept_gone: dict[str, int] = {}
    rejected_share_limit: float = Field(default=0.05, ge=0, le=1)
    formulas_every_days: int = Field(default=7, ge=1)
    fields_not_needed: tuple[str, ...] = ()
    schedule: str = "0 5 * * *"
    evening_schedule: str = "30 17 * * 1-5"
    review_reasons: Literal["aggregates", "team"] = "aggregates"
    blocks: dict[str, tuple[time, time]] = Field(default_factory=default_blocks)
    review_minutes: int = Field(default=REVIEW_MINUTES, ge=0)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; no dotenv, so that a secret never lies beside the code."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())

    @field_validator("data_dir", "dbt_dir", "quota_file", "rep_file", "absence_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().resolve()

    @field_validator("now")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("needs a time zone, for example 2026-10-15T05:00:00+09:00")
        return None if value is None else value.astimezone(UTC)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        try:
            return value if value is None else ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is not an IANA time zone such as Asia/Tokyo") from error

    @field_validator("blocks")
    @classmethod
    def _of_one_day(cls, value: dict[str, tuple[time, time]]) -> dict[str, tuple[time, time]]:
        pattern_of(value)
        return value

    @property
    def day_pattern(self) -> DayPattern:
        """Blocks of a full working day."""
        return pattern_of(self.blocks, self.review_minutes)

    @property
    def log_dir(self) -> Path:
        """The append-only log, one folder per stream."""
        return self.data_dir / "log"

    @property
    def run_dir(self) -> Path:
        """The one-row parameter files a night hands to dbt."""
        return self.data_dir / "run"

    @property
    def warehouse_file(self) -> Path:
        """The disposable warehouse; dbt is its only writer."""
        return self.data_dir / "warehouse" / "gyakusan.duckdb"

    @property
    def published_file(self) -> Path:
        """What people query; replaced whole."""
        return self.data_dir / "published" / "marts.duckdb"

    @property
    def dbt_target_dir(self) -> Path:
        """Where dbt keeps its parsed project and artifacts."""
        return self.data_dir / "dbt_target"

    @property
    def dbt_output_file(self) -> Path:
        """What dbt printed in the last run from the command line."""
        return self.dbt_target_dir / "output.txt"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage of runs and events."""
        return self.data_dir / "dagster_home"

    def clock(self) -> datetime:
        """The one clock of a run: ``now`` where set, else the machine's, in UTC."""
        return self.now or datetime.now(UTC)


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    return f"setting {name}: {first['msg']}"


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: naming the setting, its file or variable, and what is expected.
    """
    try:
        return Settings()
    except ValidationError as error:
        where = f"GYAKUSAN_* variables or {settings_file()}"
        raise SettingsError(_one_line(error), where=where, remedy="correct the value") from error
    except ValueError as error:
        raise SettingsError(str(error), where=str(settings_file()), remedy="correct the TOML") from error


def demo_data_dir(settings: Settings) -> Path:
    """The demo's own data folder, so that its log never mixes with a real org's."""
    return settings.data_dir / "demo"


def load_settings_to_look_at() -> Settings:
    """The settings for commands that only show: the demo's folder as long as no other night was run.

    Raises:
        SettingsError: see ``load_settings``.
    """
    settings = load_settings()
    demo = demo_data_dir(settings)
    if demo.is_dir() and not settings.log_dir.exists():
        os.environ["GYAKUSAN_DATA_DIR"] = str(demo)
        return load_settings()
    return settings
