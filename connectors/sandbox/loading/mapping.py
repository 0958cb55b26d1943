"""The mapping file of `--map`: how a folder of CSV files differs from Salesforce's own names and formats."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connectors.sandbox.errors import SandboxError


class ObjectMapping(BaseModel):
    """One object: `rename` from the file's column names to Salesforce's, formats tried in order, types of own columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str | None = None
    rename: Mapping[str, str] = Field(default_factory=dict)
    date_formats: tuple[str, ...] | None = None
    types: Mapping[str, str] = Field(default_factory=dict)


class FolderMapping(BaseModel):
    """The whole file. `time_zone` is that of dates and times without an offset that a format matches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organization_name: str = "Loaded organisation"
    time_zone: str = "UTC"
    currency: str = "USD"
    fiscal_year_start_month: int = Field(default=1, ge=1, le=12)
    date_formats: tuple[str, ...] = ()
    placeholder_users_are_active: bool = False
    objects: Mapping[str, ObjectMapping] = Field(default_factory=dict)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is no IANA time zone") from error
        return name

    def for_object(self, name: str) -> ObjectMapping:
        """The mapping of one object; an empty one when the file says nothing of it."""
        return self.objects.get(name, ObjectMapping())

    def formats(self, name: str) -> tuple[str, ...]:
        """strptime formats to try for an object's dates, in order, before ISO."""
        own = self.for_object(name).date_formats
        return self.date_formats if own is None else own


def read_mapping(path: Path) -> FolderMapping:
    """A mapping file; SandboxError naming what is wrong in it."""
    try:
        return FolderMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise SandboxError(f"there is no mapping file {path}: check --map") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SandboxError(f"{path} is not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SandboxError(f"{path}, {where}: {first['msg']}") from error
