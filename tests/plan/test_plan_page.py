"""docs/plan.md shows what the shipped functions give, and the method's worked example to the number."""

from __future__ import annotations

import re

from tests.plan.page_samples import PAGE, SAMPLES, rendered

TEXT = PAGE.read_text(encoding="utf-8")


def test_every_sample_is_what_the_functions_give() -> None:
    """``python -m tests.plan.page_samples`` writes them anew."""
    assert rendered(TEXT) == TEXT


def test_every_sample_is_on_the_page() -> None:
    assert set(re.findall(r"<!-- sample: ([\w-]+) -->", TEXT)) == set(SAMPLES)


def test_a_wrong_number_on_the_page_is_found() -> None:
    wrong = TEXT.replace("300 touches", "301 touches", 1)
    assert wrong != TEXT
    assert rendered(wrong) == TEXT


def test_the_worked_example_is_the_method_s() -> None:
    assert SAMPLES["tree"]() == (
        "¥1,000,000 ÷ ¥100,000 = 10 won deals; ÷ 20% = 50 meetings; ÷ 50% = 100 appointments; ÷ 33.3% = 300 touches."
    )
    assert SAMPLES["week"]() == "A week of four: 25 appointments, 12 or 13 meetings, 75 touches."
    assert SAMPLES["coin-flip"]().endswith("with probability 0.556.")


def test_the_page_has_a_place_for_everything_a_plan_does() -> None:
    headings = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    wanted = ["Tree", "Chance", "Calendar", "Capacity", "Monday", "The day", "Goals", "What-if", "Bad input"]
    assert [heading for heading in headings if heading in wanted] == wanted
