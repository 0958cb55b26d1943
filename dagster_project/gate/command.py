"""What ``gyakusan gate`` does: list refused rows, readmit some."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from connectors.event_log import EventLog
from dagster_project.errors import SettingsError
from dagster_project.gate import verdicts
from dagster_project.gate.judge import accept
from dagster_project.publish.safe_text import safe
from dagster_project.settings import load_settings_to_look_at


def list_refused() -> str:
    """One line per refused row: stream, record, why."""
    log = EventLog(load_settings_to_look_at().log_dir)
    if verdicts.GATE_VERDICTS not in log.streams():
        return "The gate has judged nothing yet."
    rows = verdicts.refused(log).to_pylist()
    lines = [
        f"{row['stream']}  {row['record_id_judged']}  {safe(row['reason'])}: {safe(row['value_text'])}"
        for row in rows
    ]
    return "\n".join(lines) or "No row is refused."


def readmit(names: Sequence[str]) -> str:
    """Take refusals back; they are read from the next night on.

    Raises:
        SettingsError: none of the names is refused.
    """
    settings = load_settings_to_look_at()
    count = accept(EventLog(settings.log_dir), names, run_id=str(uuid4()), now=settings.clock())
    if not count:
        raise SettingsError(
            f"nothing refused is named {', '.join(names)}",
            where="gate",
            remedy="see gyakusan gate for the list",
        )
    return f"{count} readmitted; the next night reads them."
