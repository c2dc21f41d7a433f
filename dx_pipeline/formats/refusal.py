"""Refusals that several formats and the privacy filter share, each as the error that is raised."""

from __future__ import annotations

from pathlib import Path

from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import limits
from dx_pipeline.vietnamese.legacy import NAMES, Legacy

SAVE_AS_UTF8 = "ask the sender to save the file as UTF-8 ('CSV UTF-8' in Excel)"
SAVE_AS_UTF8_VI = "hãy đề nghị nơi gửi lưu tệp dạng UTF-8 ('CSV UTF-8' trong Excel)"


def legacy_letters(legacy: Legacy, *, line: int | None = None, column: str | None = None) -> DeliveryRefusedError:
    """The letters of a delivery are in a legacy encoding."""
    return DeliveryRefusedError(
        f"its letters are in {NAMES[legacy]}, not in Unicode; ask the sender to convert them to Unicode"
        f" (UniKey does), or declare 'encoding: {legacy}' in its format.",
        f"chữ trong tệp theo bảng mã {NAMES[legacy]}, không phải Unicode; hãy đề nghị nơi gửi chuyển sang Unicode"
        f" (bằng UniKey), hoặc khai báo 'encoding: {legacy}' trong định dạng.",
        line=line,
        column=column,
    )


def damaged_parquet() -> DeliveryRefusedError:
    """The rows of a Parquet file cannot be read."""
    return DeliveryRefusedError(
        "the Parquet file is damaged; ask the sender to send it again.",
        "tệp Parquet bị hỏng; hãy đề nghị nơi gửi gửi lại.",
    )


def no_parquet() -> DeliveryRefusedError:
    """The footer of a Parquet file cannot be read."""
    return DeliveryRefusedError(
        "it is not a Parquet file, or not a whole one; ask the sender to send it again.",
        "tệp này không phải là tệp Parquet, hoặc không đủ; hãy đề nghị nơi gửi gửi lại.",
    )


def no_workbook(path: Path) -> DeliveryRefusedError:
    """A file cannot be read as a workbook."""
    with path.open("rb") as handle:
        start = handle.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<"):
        return DeliveryRefusedError(
            "it is an HTML page, not a workbook; declare 'kind: html', or ask the sender to save it as .xlsx.",
            "đây là trang HTML, không phải bảng tính; hãy khai báo 'kind: html', hoặc đề nghị nơi gửi lưu dạng .xlsx.",
        )
    return DeliveryRefusedError(
        "it is not an Excel workbook, or a damaged one; ask the sender to save it as .xlsx.",
        "tệp này không phải là bảng tính Excel, hoặc bị hỏng; hãy đề nghị nơi gửi lưu dạng .xlsx.",
    )


def too_deep() -> DeliveryRefusedError:
    """A JSON document is nested too deeply."""
    return DeliveryRefusedError(
        f"it is nested more than {limits.MOST_NESTING} levels deep; ask the sender for plain records.",
        f"dữ liệu lồng nhau quá {limits.MOST_NESTING} cấp; hãy đề nghị nơi gửi dùng các bản ghi đơn giản.",
    )


def other_count(announced: int, found: int) -> DeliveryRefusedError:
    """An answer has another number of records than it announces."""
    return DeliveryRefusedError(
        f"it announces {announced} records and has {found}; ask the sender for the whole answer.",
        f"dữ liệu báo có {announced} bản ghi nhưng có {found}; hãy đề nghị nơi gửi gửi đủ.",
    )
