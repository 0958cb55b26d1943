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


def test_every_complaint_has_its_proof():
    page = (CHECKOUT / "docs" / "salesforce.md").read_text(encoding="utf-8")
    table = page.split("## What users of other connectors complain of")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "complaint" not in line]
    assert len(rows) == 11
    assert [row for row in rows if not _TEST.search(row)] == []
