"""Limits: how large a delivery may be, whatever it is. They are stated here and in `docs/how-to/deliver-by-hand.md`.

A file of one megabyte may say that it is a hundred gigabytes. What is beyond a limit is refused while it is unpacked,
piece by piece, before anything is made of it: no limit here costs more than one pass over the allowed bytes. A server
has limits of its own besides, in `declarations.connector.Bounds`.
"""

from __future__ import annotations

from typing import IO

from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import physical_line

MIB = 1024 * 1024
PIECE_BYTES = MIB

MOST_UNPACKED_BYTES = 4096 * MIB
"""Of a delivery, unpacked: ten million dossiers are a quarter of it."""

MOST_EXPANSION = 100
"""How many times as large as the file it may be unpacked. Tables of a province are 5 to 30 times as large."""

ANY_EXPANSION_BYTES = 32 * MIB
"""Up to this size unpacked, however small the file is."""

LONGEST_LINE_BYTES = 2 * MIB
"""Of a line of delimited text."""

LONGEST_JSON_LINE_BYTES = 64 * MIB
"""Of a line of JSON: an answer may be one line."""

MOST_DOCUMENT_BYTES = 256 * MIB
"""Of a JSON envelope or an HTML page, which is in memory as a whole."""

MOST_NESTING = 100
"""Levels of objects and arrays within each other. A table needs three."""

LONGEST_VALUE_BYTES = MIB
"""Of one value of a record."""

MOST_COLUMNS = 2_000
MOST_CELLS = 10_000_000
"""Of the sheets of a workbook together, from A1 to the last filled cell of each; of an HTML table alike."""

MOST_SHEETS = 100
MOST_PARTS = 10_000
"""Files within a workbook."""

MOST_CELL_TEXT_BYTES = 256 * MIB
"""Of the texts of all cells of a workbook: one text may be in many cells, and is written once."""

MOST_VALUES = 100_000_000
"""Of a Parquet file: rows times columns."""


def check_expansion(unpacked: int, packed: int) -> None:
    """Refuse what is too large unpacked.

    Raises:
        DeliveryRefusedError: so many unpacked bytes are too many, or too many for the size of the file.
    """
    if unpacked > MOST_UNPACKED_BYTES:
        raise DeliveryRefusedError(
            f"it is more than {MOST_UNPACKED_BYTES // MIB:,} MiB unpacked; ask the sender to send less at once.",
            f"tệp sau khi giải nén lớn hơn {MOST_UNPACKED_BYTES // MIB} MiB; hãy đề nghị nơi gửi gửi ít hơn mỗi lần.",
        )
    if unpacked > max(ANY_EXPANSION_BYTES, MOST_EXPANSION * packed):
        raise DeliveryRefusedError(
            f"it is more than {MOST_EXPANSION} times as large unpacked, which no table is;"
            " ask the sender what it contains.",
            f"tệp sau khi giải nén lớn gấp hơn {MOST_EXPANSION} lần, không bảng nào như vậy;"
            " hãy hỏi nơi gửi tệp chứa gì.",
        )


def check_text(handle: IO[bytes], packed: int) -> None:
    """Refuse text that is too large, or has too long a line, in one pass.

    Args:
        handle: the text, unpacked as it is read.
        packed: the size of the file, in bytes.
    """
    total, lines, length = 0, 1, 0
    longest: int | None = None
    while piece := handle.read(PIECE_BYTES):
        if not total:
            longest = _longest_line(piece)
        total += len(piece)
        check_expansion(total, packed)
        if longest is None and total > MOST_DOCUMENT_BYTES:
            raise _too_large_document()
        end = piece.find(b"\n")
        length += len(piece) if end < 0 else end
        if longest is not None and length > longest:
            raise DeliveryRefusedError(
                f"it is longer than {longest // MIB} MiB; ask the sender for one record a line.",
                f"dòng này dài hơn {longest // MIB} MiB; hãy đề nghị nơi gửi ghi mỗi bản ghi một dòng.",
                line=lines,
            )
        if end >= 0:
            length = len(piece) - piece.rfind(b"\n") - 1
            lines += physical_line.feeds(piece)


def check_value(text: str) -> None:
    """Refuse one value of a record that is too long.

    Raises:
        DeliveryRefusedError: it is.
    """
    if len(text) > LONGEST_VALUE_BYTES:
        raise DeliveryRefusedError(
            f"one of its values is longer than {LONGEST_VALUE_BYTES // MIB} MiB; ask the sender what it contains.",
            f"có giá trị dài hơn {LONGEST_VALUE_BYTES // MIB} MiB; hãy hỏi nơi gửi giá trị đó chứa gì.",
        )


def _too_large_document() -> DeliveryRefusedError:
    most = MOST_DOCUMENT_BYTES // MIB
    return DeliveryRefusedError(
        f"it is one document of more than {most} MiB; ask the sender for several.",
        f"tệp là một tài liệu lớn hơn {most} MiB; hãy đề nghị nơi gửi chia thành nhiều tệp.",
    )


def _longest_line(start: bytes) -> int | None:
    """How long a line may be, by the first bytes; None for pages and messages, which are limited as a whole."""
    if start.lstrip().startswith(b"--"):
        return None
    match start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]:
        case b"<":
            return None
        case b"{" | b"[":
            return LONGEST_JSON_LINE_BYTES
        case _:
            return LONGEST_LINE_BYTES


def whole(stream: IO[str]) -> str:
    """All of a text that has to be in memory as a whole.

    Raises:
        DeliveryRefusedError: it is too large for that.
    """
    text = stream.read(MOST_DOCUMENT_BYTES + 1)
    if len(text) > MOST_DOCUMENT_BYTES:
        raise _too_large_document()
    return text
