"""Letters: in which encoding a text is filtered, and which texts are withheld because they cannot be decoded.

What cannot be decoded cannot be searched. A text of which some lines are no UTF-8 is filtered without these lines;
any other text that is not in the declared encoding is withheld as a whole, so that nothing of it is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dx_pipeline.declarations.source import Csv, Encoding, Html, Layout, Ndjson, Source
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import physical_line, refusal
from dx_pipeline.formats.refusal import SAVE_AS_UTF8, SAVE_AS_UTF8_VI
from dx_pipeline.formats.text import CODECS, bytes_of, in_unicode, opened
from dx_pipeline.formats.undecoded import is_utf8
from dx_pipeline.vietnamese import legacy
from dx_pipeline.vietnamese.spelling import comparable

MOST_UNDECODED_SHARE = 0.1
"""A text with a larger share of lines that are no UTF-8 is in another encoding."""

LOOKED_AT_BYTES = 1 << 16
LOOKED_AT_LINES = 300
LOOKED_AT_CHARACTERS = 1000
PIECE_BYTES = 1 << 20
MOST_LINE_FEEDS_PER_RETURN = 0.1
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")

_SIGNS = {kind: re.compile(pattern) for kind, pattern in legacy.SIGNS.items()}
_VIETNAMESE = re.compile(legacy.VIETNAMESE)


def encoding_of(path: Path, source: Source, layout: Layout | None, *, is_scanned: bool = False) -> Encoding:
    """The encoding in which a text is filtered: that of its layout, else one that its source declares.

    `is_scanned`: whether a scan has found that its lines are UTF-8, but for a few, and that they end as lines do.

    Raises:
        DeliveryRefusedError: it is in none of them; says what to do.
    """
    declared = [_declared(layout)] if layout is not None else sorted(set(map(_declared, source.deliveries)), key=_order)
    if is_scanned and layout is not None:
        _check_letters(path)
        return _declared(layout)
    refusals = []
    for encoding in declared:
        try:
            _check(path, encoding, source, is_by_line=layout is None or isinstance(layout.format, Csv | Ndjson))
        except DeliveryRefusedError as refused:
            refusals.append(refused)
        else:
            return encoding
    raise refusals[0]


def check_cells(texts: Iterable[str]) -> None:
    """Check that the texts of a sheet are in Unicode.

    Raises:
        DeliveryRefusedError: more of them are in letters of a legacy encoding.
    """
    short = (text[:LOOKED_AT_CHARACTERS] for text in texts)
    beyond_ascii = list(islice((text for text in short if not text.isascii()), LOOKED_AT_LINES))
    vietnamese = sum(_VIETNAMESE.search(text) is not None for text in beyond_ascii)
    for kind, signs in _SIGNS.items():
        count = sum(signs.search(text) is not None for text in beyond_ascii)
        if count >= legacy.FEWEST_SIGNS and count > vietnamese:
            raise refusal.legacy_letters(kind)


def _declared(layout: Layout) -> Encoding:
    return layout.format.encoding if isinstance(layout.format, Csv | Html) else "utf-8"


def _order(encoding: Encoding) -> int:
    """Encodings in which any bytes are letters come last."""
    return list(CODECS).index(encoding)


def _check(path: Path, encoding: Encoding, source: Source, *, is_by_line: bool) -> None:
    """Check that a text is in an encoding, in lines that end as lines do.

    Raises:
        DeliveryRefusedError: it is not.
    """
    if encoding != "utf-8":
        with opened(path, encoding) as text:
            while text.read(PIECE_BYTES):
                pass
        return
    lines = _count_lines(path)
    if is_by_line and lines.returns > 1 and lines.feeds <= lines.returns * MOST_LINE_FEEDS_PER_RETURN:
        raise DeliveryRefusedError(
            f"its lines end with CR alone, as on old Macintoshes; {SAVE_AS_UTF8}, with CR LF at the ends of lines.",
            f"các dòng kết thúc chỉ bằng CR, như trên máy Macintosh cũ; {SAVE_AS_UTF8_VI}, mỗi dòng kết thúc bằng"
            " CR LF.",
        )
    most = max(1, lines.feeds * MOST_UNDECODED_SHARE) if is_by_line and lines.feeds else 0
    with bytes_of(path) as handle:
        is_utf_16 = handle.read(2) in UTF_16_MARKS
    if is_utf_16 or lines.undecoded > most:
        raise _not_utf8(path, source, lines)
    if not is_by_line and lines.feeds < legacy.FEWEST_SIGNS:
        return
    _check_letters(path)


def _check_letters(path: Path) -> None:
    """Check that the first lines of a text are not in letters of a legacy encoding.

    Raises:
        DeliveryRefusedError: they are.
    """
    with opened(path, "utf-8") as text:
        text.reconfigure(errors="replace")
        check_cells(islice(text, LOOKED_AT_LINES * 10))


@dataclass
class _Lines:
    """How many lines a text has: that end with a line feed, with a lone carriage return, that are no UTF-8."""

    feeds: int = 0
    returns: int = 0
    undecoded: int = 0
    first: int = 0


def _count_lines(path: Path) -> _Lines:
    lines = _Lines()
    if is_utf8(path):
        with bytes_of(path) as handle:
            nulls = 0
            while piece := handle.read(PIECE_BYTES):
                lines.feeds += physical_line.feeds(piece)
                lines.returns += piece.count(b"\r")
                nulls += piece.count(b"\x00")
        lines.returns = max(0, lines.returns - lines.feeds)
        if not nulls:
            return lines
    lines = _Lines()
    with bytes_of(path) as handle:
        for number, line in enumerate(handle, 1):
            lines.feeds += line.endswith(b"\n")
            lines.returns += line.count(b"\r") - line.endswith(b"\r\n")
            if not _is_text(line):
                lines.undecoded += 1
                lines.first = lines.first or number
    return lines


def _is_text(line: bytes) -> bool:
    """Whether a line is UTF-8. One with a NUL is in UTF-16, or hides something: it cannot be searched."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return b"\x00" not in line


def _not_utf8(path: Path, source: Source, lines: _Lines) -> DeliveryRefusedError:
    """What is wrong with a text that is no UTF-8, and what to do."""
    with bytes_of(path) as handle:
        start = handle.read(LOOKED_AT_BYTES)
    other = _other(start, source)
    if other == "tcvn3" or other == "vni":  # noqa: PLR1714 - mypy narrows by ==, not by in
        return refusal.legacy_letters(other)
    if other is not None:
        return DeliveryRefusedError(
            f"it is in {other}, not UTF-8; {SAVE_AS_UTF8}, or declare 'encoding: {other}' in its format.",
            f"tệp theo bảng mã {other}, không phải UTF-8; {SAVE_AS_UTF8_VI}, hoặc khai báo 'encoding: {other}' trong"
            " định dạng.",
        )
    more = lines.undecoded - 1
    return DeliveryRefusedError(
        f"line {lines.first} is not UTF-8, and {more} more; {SAVE_AS_UTF8}.",
        f"dòng {lines.first} không phải UTF-8, và còn {more} dòng nữa; {SAVE_AS_UTF8_VI}.",
    )


def _other(start: bytes, source: Source) -> Encoding | None:
    """The encoding in which a text has headings of its source, by its first bytes."""
    if start.startswith(UTF_16_MARKS):
        return "utf-16"
    headings = {comparable(heading) for layout in source.deliveries for heading in layout.expected}
    telling = [heading for heading in headings if not heading.isascii()]
    for encoding in ("windows-1258", "tcvn3", "vni"):
        text = comparable(in_unicode(start.decode(CODECS[encoding], "replace"), encoding))
        if any(heading in text for heading in telling):
            return encoding
    return None
