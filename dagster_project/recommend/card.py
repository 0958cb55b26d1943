"""The card in words, in the rep's language: subject, fact, comparison, gain, and the task's description.

Templates are the types' own; here are the words every card shares. CRM text goes in only through `harmless`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from dagster_project.recommend.rules import ActionType, Language, Templates
from dagster_project.recommend.text import date_text, filled, harmless, money_text, shortened

SUBJECT_LENGTH: Final = 255
DESCRIPTION_LENGTH: Final = 32_000


@dataclass(frozen=True)
class SharedWords:
    """Words every card of a language has in common."""

    stated: str
    gain: str
    freed: str
    no_gain: str
    effort: str
    due: str
    source: str
    link: str
    evidence: Mapping[str, str]
    blocks: Mapping[str, str]


WORDS: Final[Mapping[Language, SharedWords]] = {
    "en": SharedWords(
        stated="Starting value {usual_days} days, until there are enough won deals of your own.",
        gain="Expected gain {gain_text} (80%: {lower_text} to {upper_text}; {evidence_text}, n={gain_n}).",
        freed="Time given back, worth {gain_text} ({evidence_text}).",
        no_gain="Data only; comes after selling.",
        effort="{minutes} minutes, {block_text}.",
        due="Due {due_text}.",
        source="Read from: {fact_record_ids}",
        link="{link}",
        evidence={
            "association": "association",
            "tested": "tested",
            "prior": "prior: a starting value, not yet your own figures",
        },
        blocks={"morning": "in the morning", "afternoon": "in the afternoon", "evening": "in the evening"},
    ),
    "ja": SharedWords(
        stated="自社の受注が十分にたまるまでは、目安の{usual_days}日で判断しています。",
        gain="期待効果 {gain_text}(80%区間 {lower_text}〜{upper_text}、{evidence_text}、n={gain_n})。",
        freed="空く時間の価値 {gain_text}({evidence_text})。",
        no_gain="データの補完です。営業活動の後で構いません。",
        effort="所要{minutes}分、{block_text}。",
        due="期日 {due_text}。",
        source="根拠レコード: {fact_record_ids}",
        link="{link}",
        evidence={
            "association": "関連",
            "tested": "検証済み",
            "prior": "初期値(自社の実績はまだありません)",
        },
        blocks={"morning": "午前", "afternoon": "午後", "evening": "夕方"},
    ),
}


def with_text(candidates: pl.DataFrame, types: Sequence[ActionType], instance_url: str = "") -> pl.DataFrame:
    """Candidates with `subject`, `fact`, `comparison` and `description`, each in the language of its row.

    Needs the columns of a candidate before text: names, fact figures, gains, minutes, block, due_date, language.
    """
    by_name = {rule.name: rule for rule in types}
    present = candidates.select("action_type", "language").unique().sort("action_type", "language")
    parts = [
        _written(candidates, by_name[name], "en" if language == "en" else "ja", instance_url)
        for name, language in present.iter_rows()
    ]
    texts = ("subject", "fact", "comparison", "description")
    unwritten = candidates.clear().with_columns(pl.lit(None, pl.String).alias(name) for name in texts)
    return pl.concat([unwritten, *parts])


def _written(
    candidates: pl.DataFrame, rule: ActionType, language: Language, instance_url: str
) -> pl.DataFrame:
    mine = (pl.col("action_type") == rule.name) & (pl.col("language") == language)
    words, templates = WORDS[language], rule.templates[language]
    rows = candidates.filter(mine)
    texts = rows.with_columns(_places(words, language, instance_url)).select(
        subject=shortened(filled(templates.subject), SUBJECT_LENGTH),
        fact=filled(templates.fact),
        comparison=_comparison(templates, words),
        gain_line=_gain_line(rule, words),
        effort=filled(words.effort),
        due=filled(words.due),
        source=filled(words.source),
        link=filled(words.link),
    )
    lines = [
        "fact",
        "comparison",
        "gain_line",
        "effort",
        "due",
        "source",
        *(["link"] if instance_url else []),
    ]
    described = shortened(pl.concat_str([pl.col(line) for line in lines], separator="\n"), DESCRIPTION_LENGTH)
    return pl.concat(
        [rows, texts.select("subject", "fact", "comparison", description=described)], how="horizontal"
    )


def _comparison(templates: Templates, words: SharedWords) -> pl.Expr:
    """The comparison with own won deals; where the figure is a starting value it says so instead."""
    if "{usual_days}" not in templates.comparison:
        return pl.lit(templates.comparison)
    return pl.when(pl.col("usual_n") > 0).then(filled(templates.comparison)).otherwise(filled(words.stated))


def _gain_line(rule: ActionType, words: SharedWords) -> pl.Expr:
    line = {"win_probability": words.gain, "freed_minutes": words.freed, "none": words.no_gain}
    return filled(line[rule.gain_kind])


def _places(words: SharedWords, language: Language, instance_url: str) -> list[pl.Expr]:
    """The texts a template can name."""
    currency = pl.col("currency")
    account = harmless(pl.col("account_name"))
    deal = harmless(pl.col("opportunity_name"))
    named = pl.when(account != "").then(account).when(deal != "").then(deal).otherwise("opportunity_id")
    return [
        named.alias("account"),
        pl.when(deal != "").then(deal).otherwise("opportunity_id").alias("deal"),
        harmless(pl.col("stage_name")).alias("stage"),
        date_text(pl.col("fact_date"), language).alias("fact_date"),
        money_text(pl.col("gain_amount"), currency, language).alias("gain_text"),
        money_text(pl.col("gain_lower"), currency, language).alias("lower_text"),
        money_text(pl.col("gain_upper"), currency, language).alias("upper_text"),
        pl.col("evidence").replace_strict(words.evidence, return_dtype=pl.String).alias("evidence_text"),
        pl.col("block").replace_strict(words.blocks, return_dtype=pl.String).alias("block_text"),
        date_text(pl.col("due_date"), language).alias("due_text"),
        pl.format("{}/{}", pl.lit(instance_url.rstrip("/")), "opportunity_id").alias("link"),
    ]
