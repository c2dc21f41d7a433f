"""Privacy filter of text of one JSON object a line."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Layout
from dx_pipeline.formats.json import as_text, members
from dx_pipeline.privacy.column import FREE_TEXT
from dx_pipeline.privacy.line import Rewrite, filter_lines
from dx_pipeline.privacy.record import Cleaner
from dx_pipeline.vietnamese import heading as headings
from dx_pipeline.vietnamese import personal_data


def objects(
    path: Path, target: Path, layout: Layout | None, contract: Contract | None, *, has_codes: bool = False
) -> Counter[str]:
    """Filter text of one JSON object a line; of another line nothing stays if it has a forbidden name in it."""
    cleaner = Cleaner(layout, contract, has_codes=has_codes)

    def line(text: str, found: Counter[str]) -> str:
        body = text.rstrip("\r\n")
        try:
            record = json.loads(body.removeprefix("\ufeff"), object_pairs_hook=members)
        except (ValueError, RecursionError):
            return _no_json(body, found) + text[len(body) :]
        before = found.total()
        cleaned = cleaner.record(record, found)
        if found.total() == before:
            return text
        return as_text(cleaned) + text[len(body) :]

    def rewrites() -> Iterator[Rewrite]:
        while True:
            yield line

    return filter_lines(path, target, "utf-8", rewrites)


def _no_json(body: str, found: Counter[str]) -> str:
    """What may stay of a line that is no JSON; a name may begin at any quotation mark."""
    for name in re.findall(r'"([^"\\{}:,]{2,60})"?', body):
        kind = headings.kind_of(name)
        if kind is not None:
            found[kind] += 1
            return personal_data.MARK
    kept = FREE_TEXT.cell(body, found)
    return kept if kept.strip() or not body.strip() else personal_data.MARK
