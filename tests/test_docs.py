"""What the pages promise exists: every test they name, every file they link to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path):
    targets = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_named_as_proof_exists(page: Path):
    named = _TEST.findall(page.read_text(encoding="utf-8"))
    lacking = [
        f"{path}::{name}"
        for path, name in named
        if f"def {name}(" not in (CHECKOUT / path).read_text(encoding="utf-8")
    ]
    assert lacking == []


def test_every_mart_has_its_page_and_the_index_names_it():
    marts = {path.stem for path in (CHECKOUT / "dbt" / "models" / "marts").glob("*.sql")}
    pages = {path.stem for path in (CHECKOUT / "docs" / "metrics").glob("*.md")}
    assert marts - pages == set()
    index = (CHECKOUT / "docs" / "metrics" / "README.md").read_text(encoding="utf-8")
    assert {Path(target).stem for target in _LINK.findall(index)} == pages - {"README"}


@pytest.mark.parametrize(
    "page", sorted((CHECKOUT / "docs" / "metrics").glob("*_*.md")), ids=lambda page: page.stem
)
def test_every_page_of_a_mart_has_grain_example_and_limits(page: Path):
    text = page.read_text(encoding="utf-8").lower()
    assert [part for part in ("row per", "example", "what it does not tell") if part not in text] == []


def test_every_complaint_has_its_proof():
    page = (CHECKOUT / "docs" / "salesforce.md").read_text(encoding="utf-8")
    table = page.split("## What users of other connectors complain of")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "complaint" not in line]
    assert len(rows) == 11
    assert [row for row in rows if not _TEST.search(row)] == []
