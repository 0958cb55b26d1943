"""Writes what a run of the calibration measured into docs/metrics/calibration.md.

``python -m tests.plan.calibration_page`` plans 20,000 rep-months and takes some minutes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.plan.calibration import Calibration, calibration, generated_months

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics" / "calibration.md"
WORLDS = range(200)
BEGIN, END = "<!-- measured -->\n", "<!-- end of what was measured -->"
NAMES = {
    "plan": "the plan's chance",
    "pipeline": "seasonal, stage-weighted pipeline",
    "last_month": "last month's rate",
    "tree": "the plain tree",
}


def measured_text(found: Calibration) -> str:
    """The tables of the page."""
    deciles = [
        f"| {n} | {row['rep_months']:,} | {row['forecast']:.3f} | {row['made']:.3f} "
        f"| {row['made'] - row['forecast']:+.3f} | {row['error']:.3f} |"
        for n, row in enumerate(found.deciles.iter_rows(named=True), start=1)
    ]
    return "\n".join(
        [
            f"{found.rep_months:,} rep-months in {found.worlds} organisations: slope of outcome on forecast "
            f"{found.slope:.3f} (standard error {found.slope_error:.3f}); of {found.team_months:,} team-months "
            f"{found.team_slope:.3f} ({found.team_slope_error:.3f}). On the whole {found.deciles['forecast'].mean():.3f} were "
            f"forecast and {found.deciles['made'].mean():.3f} made.",
            "",
            "| tenth by forecast | rep-months | forecast | made | difference | error allowed |",
            "| ---: | ---: | ---: | ---: | ---: | ---: |",
            *deciles,
            "",
            "| forecast | Brier score |",
            "| --- | ---: |",
            *(f"| {NAMES[name]} | {score:.4f} |" for name, score in found.brier.items()),
            "",
        ]
    )


def figures_of(text: str) -> list[float]:
    """Every decimal figure of a text, in order."""
    return [float(figure) for figure in re.findall(r"[-+]?\d+\.\d+", text)]


def measured_part(page: str) -> str:
    """What stands between the two marks."""
    return page.split(BEGIN)[1].split(END)[0]


def main() -> None:
    """Measure, print, and write the page."""
    text = measured_text(calibration(generated_months(WORLDS)))
    sys.stdout.write(text)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{text}{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
