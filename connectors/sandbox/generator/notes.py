"""What reps write down: the customer's own words at levels 0 to 3, the seller's voice, and the usual clutter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.generator.columns import Column
from connectors.sandbox.generator.draws import BoolArray, IntArray, integers, uniform
from connectors.sandbox.generator.spec import OrganizationSpec
from connectors.sandbox.generator.tables import join, take

OPENERS = {
    "ja": ("先方2名と面談。", "オンラインで打ち合わせ。", "本日訪問。", "お電話にて。", "定例のご挨拶。", ""),
    "en": (
        "Met two people on their side. ",
        "Online meeting. ",
        "On site today. ",
        "By phone. ",
        "Regular catch-up. ",
        "",
    ),
}
CUSTOMER = {
    "ja": (
        (
            "弊社の実績をご紹介し、資料をお渡しした。",
            "御社のような企業での事例を説明。特に困っている様子はない。",
            "製品の概要を説明。課題は特になしとのこと。",
            "次回の日程を相談。情報収集の段階。",
            "弊社から業務効率化の課題を提起したが反応は薄い。",
        ),
        (
            "先方より「在庫の管理に手間がかかっている」とのこと。",
            "お客様は属人化に困っているとのこと。",
            "「集計作業が大変で」とのお話。",
            "担当者様いわく、承認の流れが課題とのこと。",
        ),
        (
            "先方:「月末の集計に毎月40時間かかっている」。",
            "お客様より、二重入力で週に12時間の工数が出ていて困っているとのこと。",
            "「担当が辞めると業務が止まる。3人分の仕事が属人化している」とのこと。",
            "先方の課題は返品の処理、1件あたり25分かかるとのこと。",
        ),
        (
            "先方:「月末の集計に40時間かかり、このままでは決算に間に合わない。今期中に解決したい」とのこと。",
            "お客様より「二重入力の手間で年間300万円の損失。4月までになくしたい」とのこと。",
            "「属人化で先月2件の失注が出た。来期の監査までに必ず直したい」とお客様。",
            "先方いわく「欠品が月15件、お客様に迷惑をかけている。すぐに改善したい」。",
        ),
    ),
    "en": (
        (
            "Walked them through our references and left the brochure. ",
            "I explained how our product could solve reporting problems; little reaction. ",
            "They said there is no particular problem at the moment. ",
            "Discussed dates for a next call. Still gathering information. ",
        ),
        (
            'They said: "tracking stock by hand is a pain". ',
            "The customer told us approvals are a problem for them. ",
            'Her words: "we struggle with reporting". ',
        ),
        (
            'They said: "closing the month takes us 40 hours every time". ',
            "The customer told us double entry costs the team 12 hours a week. ",
            '"Three people do nothing but copy data," the manager said. ',
        ),
        (
            'They said: "closing takes 40 hours and we will miss the audit, we want this fixed by April". ',
            'The customer: "double entry costs us 3 million a year; we need it gone this quarter". ',
            '"We lost two orders last month because of this and want to solve it now," the director said. ',
        ),
    ),
}
SELLER = {
    "ja": (
        "",
        "",
        "弊社の強みを改めて説明。",
        "御社向けの提案を用意する予定。",
        "価格については弊社で再検討。",
    ),
    "en": (
        "",
        "",
        "I stressed our strengths again. ",
        "We will prepare a tailored offer. ",
        "Pricing to be reviewed on our side. ",
    ),
}
CLOSERS = {
    "ja": (
        "次回は来週。", "見積もりを送付する。", "決裁者は部長とのこと。", "稟議の時期を確認する。", "予算は未定。", "",
        "😊よろしくお願いします!", "<p>議事録は<b>別紙</b>参照</p>", "\n--\n営業部\n03-0000-0000",
    ),
    "en": (
        "Next call next week.", "Will send a quote.", "Their director decides.", "Budget not fixed yet.", "", "👍 great chat!",
        "<div>See <b>minutes</b> attached</div>", "\n--\nSent from my phone",
    ),
}  # fmt: skip


def note_levels(spec: OrganizationSpec, deal_levels: IntArray, numbers: IntArray) -> IntArray:
    """Level each note shows: the deal's own in three of five notes, less in the others, never more."""
    shows_all = uniform(spec.seed, "note/shows", numbers) < 0.6
    less = integers(spec.seed, "note/less", deal_levels + 1, numbers)
    return np.where(shows_all, deal_levels, less)


def note_texts(spec: OrganizationSpec, levels: IntArray, japanese: BoolArray, numbers: IntArray) -> Column:
    """The text of each note in the language of who writes it."""
    texts: Column = pc.if_else(
        pa.array(japanese), _texts(spec, "ja", levels, numbers), _texts(spec, "en", levels, numbers)
    )
    return texts


def _texts(spec: OrganizationSpec, language: str, levels: IntArray, numbers: IntArray) -> Column:
    sentences = CUSTOMER[language]
    start = np.cumsum([0, *(len(level) for level in sentences[:-1])])
    size = np.array([len(level) for level in sentences])
    pick = start[levels] + integers(spec.seed, "note/customer", size[levels], numbers)
    flat = [sentence for level in sentences for sentence in level]
    parts = [_pick(spec, "opener", OPENERS[language], numbers), take(flat, pick)]
    parts += [
        _pick(spec, "seller", SELLER[language], numbers),
        _pick(spec, "closer", CLOSERS[language], numbers),
    ]
    return join(*parts)


def _pick(spec: OrganizationSpec, name: str, words: tuple[str, ...], numbers: npt.ArrayLike) -> Column:
    return take(words, integers(spec.seed, f"note/{name}", len(words), numbers))
