"""Reasons: why a line is in quarantine and what whoever delivered it has to do, in words.

Words come from declarations alone: from the contract (what a value must be) and the layout (how it is written in a
delivery). Nothing of a line is quoted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.source import Placement, Source

WHY = {
    "missing": Bilingual(vi="phải có giá trị", en="a value is required"),
    "unknown_word": Bilingual(vi="chỉ nhận: {allowed}", en="allowed are {allowed}"),
    "malformed": Bilingual(vi="phải theo mẫu {pattern}", en="it must match {pattern}"),
    "too_small": Bilingual(vi="không được nhỏ hơn {min}", en="it may not be less than {min}"),
    "too_large": Bilingual(vi="không được lớn hơn {max}", en="it may not be more than {max}"),
    "unknown_reference": Bilingual(
        vi="mã này không có trong danh mục {list} ({references})", en="there is no such code in {references}"
    ),
    "key_conflict": Bilingual(
        vi="hai dòng khác nhau có cùng khóa ({key})", en="two rows that differ have the same key ({key})"
    ),
    "not_a_number": Bilingual(vi="không phải là số", en="it is no number"),
    "ambiguous_number": Bilingual(vi="viết số theo kiểu {number}", en="write a number as {number}"),
    "not_a_date": Bilingual(vi="không phải là ngày", en="it is no day"),
    "ambiguous_date": Bilingual(vi="viết ngày theo kiểu {date}", en="write a day as {date}"),
    "too_few_fields": Bilingual(vi="thiếu ô so với số cột", en="it has fewer fields than the file has columns"),
    "too_many_fields": Bilingual(
        vi="thừa ô so với số cột: chữ có dấu phẩy phải nằm trong ngoặc kép",
        en="it has more fields than the file has columns: put text with a comma between double quotes",
    ),
    "not_a_boolean": Bilingual(vi="viết true hoặc false", en="write true or false"),
    "not_json": Bilingual(vi="không phải là một bản ghi JSON", en="it is no JSON record"),
    "not_utf8": Bilingual(vi="có ký tự không phải UTF-8", en="it has characters that are not UTF-8"),
    "outside_month": Bilingual(vi="ngày nằm ngoài tháng báo cáo", en="the day is not in the month that is reported"),
}
"""Why a line is in quarantine, by the reasons that are the same for every contract; `{…}` is of its declarations."""

REMEDIES = {
    "missing": Bilingual(vi="điền ô này", en="fill it in"),
    "unknown_word": Bilingual(vi="dùng đúng một trong các từ đó", en="use one of these words"),
    "malformed": Bilingual(vi="ghi lại đúng mẫu", en="write it in this way"),
    "too_small": Bilingual(vi="kiểm tra lại số, gồm cả đơn vị tính", en="check the number and its unit"),
    "too_large": Bilingual(vi="kiểm tra lại số, gồm cả đơn vị tính", en="check the number and its unit"),
    "unknown_reference": Bilingual(
        vi="sửa mã; nếu mã đúng thì báo bộ phận tổng hợp bổ sung danh mục",
        en="correct the code; if it is right, ask for it to be added to the list",
    ),
    "key_conflict": Bilingual(vi="chỉ giữ dòng đúng", en="keep the line that is right"),
    "not_a_number": Bilingual(
        vi="chỉ ghi chữ số, theo kiểu {number}", en="write nothing but the number, such as {number}"
    ),
    "ambiguous_number": Bilingual(vi="ghi lại theo kiểu đó", en="write it in that way"),
    "not_a_date": Bilingual(vi="ghi ngày có thật, theo kiểu {date}", en="write a day that exists, such as {date}"),
    "ambiguous_date": Bilingual(vi="ghi lại theo kiểu đó", en="write it in that way"),
    "too_few_fields": Bilingual(vi="thêm các ô còn thiếu", en="add the fields that are missing"),
    "too_many_fields": Bilingual(vi="bỏ ô thừa", en="take out the field that is too many"),
    "not_utf8": Bilingual(vi="lưu tệp dạng UTF-8 rồi giao lại", en="save the file as UTF-8 and deliver it again"),
    "outside_month": Bilingual(
        vi="sửa ngày, hoặc giao dòng này cùng tháng của nó", en="correct the day, or deliver the line for its own month"
    ),
}
"""What to do about a line, by the same reasons."""

UNREADABLE = Bilingual(vi="không đọc được dòng này", en="the line cannot be read")
CORRECT = Bilingual(vi="sửa dòng này", en="correct the line")
NUMBERS = {"plain": "1234.5", "vi": "1.234,5", "comma": "1234,5"}
A_DAY = date(2022, 8, 31)


@dataclass(frozen=True)
class Reason:
    """Why one line is in quarantine, and what to do about it.

    Args:
        column: the heading of the column in the delivery, if one column broke the contract.
        why: what is wrong.
        remedy: what whoever delivered it has to do.
    """

    column: str | None
    why: Bilingual
    remedy: Bilingual


def reason(catalogue: Catalogue, source: str, table: str, column: str | None, code: str) -> Reason:
    """The reason of lines of a table.

    Args:
        catalogue: with the words.
        source: that delivers it.
        table: which of its tables.
        column: the column that broke the contract, if it was one.
        code: the reason code.
    """
    contract, placement = catalogue.contracts[table], _placement(catalogue.sources[source].source, table, column)
    heading = placement.header if placement is not None and placement.header else column
    rule = next((rule for rule in contract.rules if rule.code == code), None)
    if rule is not None:
        return Reason(heading, Bilingual(vi=rule.vi, en=rule.en), CORRECT)
    about = _about(catalogue, contract, placement, column)
    why, remedy = WHY.get(code, UNREADABLE), REMEDIES.get(code, CORRECT)
    return Reason(heading, _filled(why, about), _filled(remedy, about))


def _placement(source: Source, table: str, column: str | None) -> Placement | None:
    """Where the first layout of a table has a column."""
    layouts = (layout for layout in source.deliveries if layout.table == table and column in layout.columns)
    return next((layout.columns[str(column)] for layout in layouts), None)


def _about(catalogue: Catalogue, contract: Contract, placement: Placement | None, column: str | None) -> dict[str, Any]:
    """What `{…}` stands for."""
    about = contract.columns[column].model_dump() if column in contract.columns else {}
    words = list(placement.values or ()) if placement is not None else []
    limits = {name: f"{about[name]:g}" if about.get(name) is not None else "" for name in ("min", "max")}
    listed = str(about.get("references") or "").rpartition(".")[0]
    return {
        "list": catalogue.contracts[listed].title.vi if listed else "",
        "pattern": about.get("pattern") or "",
        "references": about.get("references") or "",
        **limits,
        "allowed": ", ".join(words or about.get("allowed") or ()),
        "key": ", ".join(contract.key),
        "number": NUMBERS[placement.number if placement is not None else "plain"],
        "date": A_DAY.strftime(placement.date if placement is not None and placement.date else "%Y-%m-%d"),
    }


def _filled(text: Bilingual, about: dict[str, Any]) -> Bilingual:
    return Bilingual(vi=text.vi.format(**about), en=text.en.format(**about))
