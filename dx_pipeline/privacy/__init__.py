"""Privacy filter: removes personal data from a delivery before it is stored.

    column                                   what may stay of a value, by the column it is in
    line, record, document, sheet, xroad     the same for the formats

What may not be stored (names, numbers of people, ways to reach them, birth dates, addresses, links, tokens, free
text): Law 91/2025/QH15 and Decree 356/2025/NĐ-CP. A delivery without any of it passes byte for byte. What is taken
out is counted by kind and shown nowhere.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Layout, Source
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import OLE_MAGIC, check, headings_shared, layout_of, xroad_answer
from dx_pipeline.formats.text import bytes_of
from dx_pipeline.privacy import document, line, sheet, xroad
from dx_pipeline.vietnamese import personal_data

TEXT_KINDS = frozenset({"csv", "json", "ndjson", "html", "text"})
XROAD = "xroad"
STARTS_AT = 4096
MOST_UNTEXT_SHARE = 0.1
SPACES = b"\t\r\n\x0c\x1b"
NOTHING_KEPT = "Nothing of it was kept, because it cannot be searched for personal data."
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Filtered:
    """The result of filtering a file.

    Args:
        name: the file's name without what is personal in it.
        content: the file with what may be kept; None where nothing of it may.
        stripped: how much was taken out, by kind.
        withheld: why nothing of it may be kept, in one sentence.
    """

    name: str
    content: Path | None
    stripped: Mapping[str, int] = field(default_factory=dict)
    withheld: str | None = None


def apply(file: Path, name: str, target: Path, source: Source, contracts: Mapping[str, Contract]) -> Filtered:
    """Filter a file; if anything has to be taken out, what may be kept is written to `target`.

    Args:
        file: the file as it arrived. It is not changed.
        name: its name.
        target: a place for the cleaned file; nothing is written there if the file is clean.
        source: who delivers it, in which layouts.
        contracts: the contracts of all tables.
    """
    kept_name, in_name = file_name(name)
    try:
        check(file)
        kind = _kind(file)
    except DeliveryRefusedError as refusal:
        return Filtered(kept_name, None, in_name, f"{refusal} {NOTHING_KEPT}")
    if kind is None:
        reason = (
            "it is of no kind that can be searched for personal data, so nothing of it was kept;"
            " ask the sender for one of the agreed formats."
        )
        return Filtered(kept_name, None, in_name, reason)
    layout = layout_of(file, source) if kind != XROAD else None
    if layout is not None:
        fits = kind == layout.format.kind or {kind, layout.format.kind} <= TEXT_KINDS
        if not fits or headings_shared(file, layout) * 2 < len(layout.expected):
            layout = None
    contract = contracts.get(layout.table) if layout is not None else None
    try:
        in_file = +_filtered(kind, file, target, layout, contract)
    except DeliveryRefusedError as refusal:
        return Filtered(kept_name, None, in_name, f"{refusal} {NOTHING_KEPT}")
    return Filtered(kept_name, target if in_file else file, in_file + in_name)


def file_name(name: str) -> tuple[str, Counter[str]]:
    """A file's name without what is personal in it, and what was taken out, by kind."""
    stripped, found = personal_data.strip(name)
    return (re.sub(r"[^\w. -]", "", stripped), found) if found else (name, found)


def _kind(path: Path) -> str | None:
    """The kind of a file, by its first bytes; None where no format has it."""
    with bytes_of(path) as handle:
        start = handle.read(STARTS_AT)
    if xroad_answer.is_answer(start):
        return XROAD
    is_archive = start.startswith(b"PK")
    if is_archive or start.startswith(OLE_MAGIC):
        return "excel" if not is_archive or zipfile.is_zipfile(path) else None
    if start.startswith(b"PAR1"):
        return "parquet"
    return _kind_of_text(start)


def _kind_of_text(start: bytes) -> str | None:
    if start.startswith(UTF_16_MARKS):
        return "text"
    if sum(byte < ord(" ") and byte not in SPACES for byte in start) > len(start) * MOST_UNTEXT_SHARE:
        return None
    match start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]:
        case b"<":
            return "html"
        case b"{" | b"[":
            return "json"
        case _:
            return "text"


def _filtered(kind: str, path: Path, target: Path, layout: Layout | None, contract: Contract | None) -> Counter[str]:  # noqa: PLR0911 - one a format
    """Filter a file by its format; what may stay is written to `target` if that is not everything.

    Raises:
        DeliveryRefusedError: the file is damaged, or in another encoding than declared.
    """
    match layout.format.kind if layout is not None else kind:
        case "xroad":
            return xroad.answer(path, target)
        case "excel":
            return sheet.workbook(path, target, layout, contract)
        case "parquet":
            return document.parquet(path, target, layout, contract)
        case "ndjson":
            return line.ndjson(path, target, layout, contract)
        case "json":
            try:
                return document.envelope(path, target, layout, contract)
            except DeliveryRefusedError:
                return line.ndjson(path, target, layout, contract)  # broken JSON is filtered line by line
        case "csv" if layout is not None and contract is not None:
            return line.delimited(path, target, layout, contract)
        case "html":
            try:
                return sheet.page(path, target, layout, contract)
            except DeliveryRefusedError:
                pass  # what is no page is filtered as text
    return line.plain(path, target, _letters(path))


def _letters(path: Path) -> line.Letters:
    """The encoding of text for which none is declared, by its first bytes."""
    with bytes_of(path) as handle:
        start = handle.read(STARTS_AT)
    if start.startswith(UTF_16_MARKS):
        return "utf-16"
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8" if error.start > len(start) - 4 else "unknown"  # a letter may be cut at the end
    return "utf-8"
