"""Names of legal texts, which deliveries have in Vietnamese, in both languages: Nghị định 47/2020/NĐ-CP is a decree.

What has a standard translation is translated: the kinds of texts, their parts, who issues them, and days. All else,
such as a number, stays as it is.
"""

from __future__ import annotations

import re
from datetime import date

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.language import ENGLISH

WORDS = {
    "Hiến pháp": "Constitution", "Bộ luật": "Code", "Luật": "Law", "Pháp lệnh": "Ordinance", "Nghị quyết": "Resolution",
    "Nghị định": "Decree", "Quyết định": "Decision", "Thông tư liên tịch": "Joint Circular", "Thông tư": "Circular",
    "Chỉ thị": "Directive", "Kế hoạch": "Plan", "Công văn": "Official letter", "Thông báo": "Notice",
    "Văn bản hợp nhất": "Consolidated text", "Quy chế": "Regulation", "Đề án": "Project", "Tờ trình": "Proposal",
    "Phụ lục": "Annex", "Chương": "Chapter", "Điều": "Article", "khoản": "clause", "điểm": "point", "và": "and",
    "sửa đổi": "amending", "thay thế": "replacing", "của": "of", "số": "No.",
    "Chính phủ": "the Government", "Thủ tướng Chính phủ": "the Prime Minister", "Quốc hội": "the National Assembly",
    "UBND tỉnh": "the provincial People's Committee", "HĐND tỉnh": "the provincial People's Council",
    "Ủy ban nhân dân tỉnh": "the provincial People's Committee",
    "Hội đồng nhân dân tỉnh": "the provincial People's Council",
}  # fmt: skip
"""Vietnamese words of legal texts, by their standard English."""

_WORD = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(WORDS, key=len, reverse=True))})(?!\w)", re.IGNORECASE)
_DAY = re.compile(r"(?<!\w)ngày (\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?!\d)")
_ENGLISH = {vietnamese.lower(): english for vietnamese, english in WORDS.items()}


def in_words(text: str | None) -> Bilingual | None:
    """The name of a legal text as a source gives it, and in English; None where there is none."""
    if text is None:
        return None
    return Bilingual(vi=text, en=_WORD.sub(lambda found: _ENGLISH[found[0].lower()], _DAY.sub(_day, text)))


def _day(found: re.Match[str]) -> str:
    day, month, year = map(int, found.groups())
    try:
        return f"of {ENGLISH.day(date(year, month, day))}"
    except ValueError:  # no such day: it stays as it is
        return found[0]
