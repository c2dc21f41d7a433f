"""What a document has beside its rows: names, properties, comments. Whatever is found here is not kept.

A workbook or Parquet file with anything personal in such a part is written anew without it, a gzip file is packed
anew. Short texts are searched as labels: their words may be joined by capitals, dashes or slashes.
"""

from __future__ import annotations

import base64
import binascii
import mmap
import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from html import unescape
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dx_pipeline.formats import excel, refusal
from dx_pipeline.formats.text import bytes_of, is_compressed
from dx_pipeline.privacy import gap
from dx_pipeline.privacy.line import gzip_writer
from dx_pipeline.vietnamese import personal_data

TOOLS = frozenset({"", "openpyxl", "XlsxWriter"})
"""What programs write in properties where a person's name may be."""

PLAIN_PARTS = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(?:app|core)\.xml|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels"
    r"|xl/styles\.xml|xl/sharedStrings\.xml|xl/theme/theme\d+\.xml|xl/worksheets/sheet\d+\.xml|xl/calcChain\.xml"
)
"""The parts of a workbook with cells and their formats; any other part may contain anything."""

HIDDEN = re.compile(
    rb"<(?:\w+:)?(?:headerFooter|dataValidation|hyperlink|legacyDrawing|drawing|picture|extLst|definedName|fileSharing"
    rb"|absPath|customSheetView|customWorkbookView|webPublishing|protectedRange|scenario|f[ >])"
)
SHEET = re.compile(rb"<(?:\w+:)?sheet\s")
SHARED_TEXT = re.compile(rb"<t[^>]*>([^<]*)</t>")
PERSON = re.compile(rb"<(?:dc:creator|cp:lastModifiedBy|Manager|dc:subject|dc:description|cp:keywords)[^>]*>([^<]*)<")
LABEL = re.compile(rb"=\"([^\"<]{4,200})\"|='([^'<]{4,200})'|>([^<]{4,200})<|<!--(.{4,200}?)-->", re.DOTALL)
"""What may be written in XML: values of attributes, texts, comments."""

NAMED_MEMBER = re.compile(rb"\x1f\x8b\x08[\x08-\x1f].{6}(.{0,2048})", re.DOTALL)
"""The header of a gzip member that has a name, a comment or more (RFC 1952)."""

NEVER_IN_LABELS = frozenset({"link", "token", "query_string", "ip_address", "birth_date", "address", "dossier_code"})
"""Kinds that are not looked for in XML: it has addresses of its schemas, and versions."""

LONGEST_LABEL = 2000


def in_labels(texts: Iterable[str]) -> Counter[str]:
    """What is personal in short texts, by kind."""
    found: Counter[str] = Counter()
    for text in {text.strip() for text in texts}:
        if len(text) <= LONGEST_LABEL:
            found += personal_data.in_label(text)
        else:
            found += personal_data.strip(text)[1]
    return found


def of_gzip(path: Path) -> Counter[str]:
    """What is personal in the headers of a gzip file's members: names, comments, extra fields."""
    found: Counter[str] = Counter()
    if not is_compressed(path):
        return found
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        headers = [match[1] for match in NAMED_MEMBER.finditer(content)]
    for header in headers:
        texts = header.split(b"\x00")[:3]
        found += in_labels(text.decode("utf-8", "replace") for text in texts)
        found += in_labels(text.decode("latin-1") for text in texts if not text.isascii())
    return found


def packed_anew(path: Path, target: Path) -> None:
    """Write a gzip file without names and comments."""
    with bytes_of(path) as source, gzip_writer(target) as packed:
        shutil.copyfileobj(source, packed)


def of_workbook(path: Path, texts: AbstractSet[str]) -> Counter[str]:
    """What a workbook has beside its cells, by kind. That of an `.xls` cannot be read; it always names its author.

    `texts` are the texts that may stay; a workbook can contain others, of cells that were deleted.
    """
    if not zipfile.is_zipfile(path):
        return Counter(document_part=1)
    found: Counter[str] = Counter()
    try:
        with zipfile.ZipFile(path) as book:
            found["document_part"] += bool(book.comment) + gap.has_archive_gaps(path, book)
            found["document_part"] += _has_unread_sheets(book)
            for part in book.infolist():
                found["document_part"] += bool(part.comment)
                found += _of_part(part.filename, book.read(part), texts)
    except excel.DAMAGED:
        raise refusal.no_workbook(path) from None
    return +found


def _has_unread_sheets(book: zipfile.ZipFile) -> bool:
    """Whether there are more parts with cells than sheets: what is in the others was not searched."""
    parts = sum(name.startswith("xl/worksheets/sheet") for name in book.namelist())
    return parts > len(SHEET.findall(book.read("xl/workbook.xml")))


def _of_part(name: str, content: bytes, texts: AbstractSet[str]) -> Counter[str]:
    """What may not stay in one part of a workbook."""
    if PLAIN_PARTS.fullmatch(name) is None:
        return Counter(document_part=1)
    if name.startswith(("xl/worksheets/", "xl/sharedStrings")) and b"<!--" in content:
        return Counter(document_part=1)
    if name == "xl/sharedStrings.xml":
        shared = {unescape(text.decode("utf-8", "replace")) for text in SHARED_TEXT.findall(content)} - texts
        return Counter(document_part=sum(bool(personal_data.strip(text, may_be_name=True)[1]) for text in shared))
    found = Counter(document_part=int(HIDDEN.search(content) is not None))
    if name.startswith("docProps/"):
        people = {text.decode("utf-8", "replace").strip() for text in PERSON.findall(content)}
        found["name"] += len(people - TOOLS)
        content = PERSON.sub(b"", content)
    if name.startswith("xl/worksheets/"):  # its cells are searched one by one
        content = re.sub(rb"<(?:\w+:)?sheetData.*</(?:\w+:)?sheetData>", b"", content, flags=re.DOTALL)
    labels = (next(filter(None, match)).decode("utf-8", "replace") for match in LABEL.findall(content))
    kinds = in_labels(unescape(label) for label in labels if "://" not in label)
    found.update({kind: count for kind, count in kinds.items() if kind not in NEVER_IN_LABELS})
    return found


def of_parquet(path: Path) -> Counter[str]:
    """What may not stay of a Parquet file beside its rows: metadata, who wrote it, bytes that are in no column."""
    try:
        about, columns = pq.read_metadata(path), pq.read_schema(path)
        gaps = Counter(document_part=int(gap.has_parquet_gaps(path, about)))
        texts = [str(about.created_by or "")]  # decoded here, which fails where its bytes are damaged
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError):
        raise refusal.damaged_parquet() from None
    pairs = dict(about.metadata or {}) | dict(columns.metadata or {})
    for key, value in [*pairs.items(), *(pair for column in columns for pair in _metadata(column))]:
        if key == b"ARROW:schema":
            texts += _readable(value)
        else:
            text = value.decode("utf-8", "replace")
            texts += [key.decode("utf-8", "replace"), text, *re.findall(r'"((?:[^"\\]|\\.)*)"', text)]
    return in_labels(texts) + gaps


def _metadata(column: pa.Field) -> Iterator[tuple[bytes, bytes]]:
    """The metadata of a column, and of those within it."""
    yield from (column.metadata or {}).items()
    for position in range(column.type.num_fields):
        yield from _metadata(column.type.field(position))


def _readable(value: bytes) -> list[str]:
    """The texts in a packed description of the columns."""
    try:
        packed = base64.b64decode(value, validate=True)
    except binascii.Error:
        packed = value
    runs = re.findall(r"[^\x00-\x1f\ufffd]{4,}", packed.decode("utf-8", "replace"))
    return [*runs, *(text for run in runs for text in re.findall(r'"([^"]*)"', run))]
