"""Privacy filter: removes personal data from a delivery before it is stored.

    column                                   what may stay of a value, by the column it is in
    line, record, document, sheet, xroad     the same for the formats
    part, gap                                what documents have beside their rows, and between their parts
    letters, conservation                    what cannot be decoded is withheld; no row is lost

What may not be stored (names, numbers of people, ways to reach them, birth dates, addresses, links, tokens, free
text): Law 91/2025/QH15 and Decree 356/2025/NĐ-CP. A delivery without any of it passes byte for byte. What is taken
out is counted by kind and shown nowhere.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.source import Layout, Source
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import OLE_MAGIC, check, headings_shared, layout_of, xroad_answer
from dx_pipeline.formats.text import bytes_of
from dx_pipeline.privacy import conservation, document, json_line, line, part, sheet, xroad
from dx_pipeline.privacy.column import delivers_codes
from dx_pipeline.privacy.letters import UTF_16_MARKS
from dx_pipeline.privacy.letters import encoding_of as letters_of
from dx_pipeline.vietnamese import personal_data

TEXT_KINDS = frozenset({"csv", "json", "ndjson", "html", "text"})
XROAD = "xroad"
STARTS_AT = 4096
MOST_UNTEXT_SHARE = 0.1
SPACES = b"\t\r\n\x0c\x1b"
NOTHING_KEPT = Bilingual(
    vi="Không lưu gì từ tệp này; tệp vẫn để nguyên như khi nhận.",
    en="Nothing of it was kept, and it is left as it came.",
)
NOT_SEARCHED = DeliveryRefusedError(
    "it is of no kind that can be searched for personal data; ask the sender for one of the agreed formats.",
    "loại tệp này không thể dò tìm dữ liệu cá nhân; hãy đề nghị nơi gửi dùng một trong các định dạng đã thống nhất.",
)


@dataclass(frozen=True)
class Filtered:
    """The result of filtering a file.

    Args:
        name: the file's name without what is personal in it.
        content: the file with what may be kept; None where nothing of it may.
        stripped: how much was taken out, by kind.
        withheld: why nothing of it may be kept.
    """

    name: str
    content: Path | None
    stripped: Mapping[str, int] = field(default_factory=dict)
    withheld: Bilingual | None = None


def apply(
    file: Path,
    name: str,
    target: Path,
    source: Source,
    contracts: Mapping[str, Contract],
    *,
    delivery_id: str = "",
    searched: Sequence[int] | None = None,
) -> Filtered:
    """Filter a file; if anything has to be taken out, what may be kept is written to `target`.

    Args:
        file: the file as it arrived. It is not changed.
        name: its name.
        target: a place for the cleaned file; nothing is written there if the file is clean.
        source: who delivers it, in which layouts.
        contracts: the contracts of all tables.
        delivery_id: the SHA-256 of the file: a file named for a person is named for this instead.
        searched: the numbers of the lines to be searched, where a scan has found all others clean; None for all.
    """
    kept_name, in_name = file_name(name, delivery_id)
    try:
        check(file)
        kind = _kind(file, source)
    except DeliveryRefusedError as refusal:
        return Filtered(kept_name, None, in_name, _withheld(refusal))
    if kind is None:
        return Filtered(kept_name, None, in_name, _withheld(NOT_SEARCHED))
    layout = layout_of(file, source) if kind != XROAD else None
    if layout is not None:
        fits = kind == layout.format.kind or {kind, layout.format.kind} <= TEXT_KINDS
        if not fits or headings_shared(file, layout) * 2 < len(layout.expected):
            layout = None
    try:
        in_file = +_filtered(kind, file, target, source, layout, contracts, searched)
        in_header = part.of_gzip(file)
        if in_header and not in_file:
            part.packed_anew(file, target)
        if in_file or in_header:
            conservation.check(file, target, layout.format.kind if layout is not None else kind, layout)
    except DeliveryRefusedError as refusal:
        return Filtered(kept_name, None, in_name, _withheld(refusal))
    return Filtered(kept_name, target if in_file + in_header else file, in_file + in_header + in_name)


def _withheld(refusal: DeliveryRefusedError) -> Bilingual:
    """Why nothing of a file is kept."""
    return Bilingual(vi=f"{refusal.vi} {NOTHING_KEPT.vi}", en=f"{refusal} {NOTHING_KEPT.en}")


def file_name(name: str, delivery_id: str = "") -> tuple[str, Counter[str]]:
    """A file's name without what is personal in it, and what was taken out, by kind.

    Two files that are named for persons must not get one name, as the later one would then replace the earlier one.
    """
    stem, dot, ending = name.rpartition(".") if "." in name.strip(".") else (name, "", "")
    found = personal_data.in_label(stem)
    if in_ending := personal_data.in_label(ending):
        found, dot, ending = found + in_ending, "", ""
    if not found:
        return name, Counter()
    stripped, alone = personal_data.strip(stem, may_be_name=True)
    stripped = stripped if alone == found else ""
    stays = re.sub(r"[^\w. -]", "", stripped.replace(personal_data.MARK, "")).strip("_ .-")
    return "-".join(part for part in (stays, "stripped", delivery_id[:8]) if part) + dot + ending, found


def _kind(path: Path, source: Source) -> str | None:
    """The kind of a file, by its first bytes; None where no format has it.

    JSON from a source of X-Road's answers is one even without any field that only they have: it is read as one.
    """
    with bytes_of(path) as handle:
        start = handle.read(STARTS_AT)
    if xroad_answer.is_answer(start):
        return XROAD
    is_archive = start.startswith(b"PK")
    if is_archive or start.startswith(OLE_MAGIC):
        return "excel" if not is_archive or zipfile.is_zipfile(path) else None
    if start.startswith(b"PAR1"):
        return "parquet"
    kind = _kind_of_text(start)
    return XROAD if kind == "json" and {layout.format.kind for layout in source.deliveries} == {XROAD} else kind


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


def _filtered(  # noqa: PLR0911 - one a format
    kind: str,
    path: Path,
    target: Path,
    source: Source,
    layout: Layout | None,
    contracts: Mapping[str, Contract],
    searched: Sequence[int] | None,
) -> Counter[str]:
    """Filter a file by its format; what may stay is written to `target` if that is not everything.

    Raises:
        DeliveryRefusedError: the file is damaged, or in another encoding than declared.
    """
    contract = contracts.get(layout.table) if layout is not None else None
    codes = layout is None and delivers_codes(source, contracts)
    is_text = kind in TEXT_KINDS
    letters = letters_of(path, source, layout, is_scanned=searched is not None) if is_text else "utf-8"
    match layout.format.kind if layout is not None else kind:
        case "xroad":
            return xroad.answer(path, target)
        case "excel":
            return sheet.workbook(path, target, sheet.Expected(layout, source, contracts, has_codes=codes))
        case "parquet":
            return document.parquet(path, target, layout, contract, has_codes=codes)
        case "ndjson":
            return json_line.objects(path, target, layout, contract, has_codes=codes)
        case "json":
            return _json(path, target, source, layout, contract, has_codes=codes)
        case "csv" if layout is not None and contract is not None:
            return line.delimited(path, target, layout, contract, searched)
        case "html":
            try:
                return sheet.page(path, target, sheet.Expected(layout, source, contracts, has_codes=codes))
            except DeliveryRefusedError:
                pass  # what is no page is filtered as text
    return line.plain(path, target, letters, source, contracts)


def _json(
    path: Path, target: Path, source: Source, layout: Layout | None, contract: Contract | None, *, has_codes: bool
) -> Counter[str]:
    """Filter JSON documents, or what begins like one.

    Raises:
        DeliveryRefusedError: it cannot be read, and the source delivers such documents: it may have been cut off.
    """
    try:
        return document.envelope(path, target, layout, contract, has_codes=has_codes)
    except DeliveryRefusedError:
        if any(each.format.kind == "json" for each in source.deliveries):
            raise
        return json_line.objects(path, target, layout, contract, has_codes=has_codes)
