"""Rows of reference files that are in quarantine: people edit these files, so each is named with what to correct."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from dx_pipeline.cli.screen import both
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

REASONS = {
    "missing": Bilingual(vi="phải có giá trị", en="a value is required"),
    "unknown_word": Bilingual(vi="chỉ nhận: {allowed}", en="allowed are {allowed}"),
    "malformed": Bilingual(vi="phải theo mẫu {pattern}", en="it must match {pattern}"),
    "too_small": Bilingual(vi="không được nhỏ hơn {min}", en="it may not be less than {min}"),
    "too_large": Bilingual(vi="không được lớn hơn {max}", en="it may not be more than {max}"),
    "unknown_reference": Bilingual(vi="mã này không có trong {references}", en="there is no such code in {references}"),
    "key_conflict": Bilingual(
        vi="hai dòng khác nhau có cùng khóa ({key})", en="two rows that differ have the same key ({key})"
    ),
    "not_a_number": Bilingual(vi="không phải là số", en="it is no number"),
    "ambiguous_number": Bilingual(vi="viết số theo kiểu 1234.5", en="write a number as 1234.5"),
    "not_a_date": Bilingual(vi="không phải là ngày", en="it is no day"),
    "ambiguous_date": Bilingual(vi="viết ngày theo kiểu 2022-08-31", en="write a day as 2022-08-31"),
    "too_few_fields": Bilingual(vi="thiếu ô so với số cột", en="it has fewer fields than the file has columns"),
    "too_many_fields": Bilingual(
        vi="thừa ô so với số cột: chữ có dấu phẩy phải nằm trong ngoặc kép",
        en="it has more fields than the file has columns: put text with a comma between double quotes",
    ),
    "not_a_boolean": Bilingual(vi="viết true hoặc false", en="write true or false"),
}
"""Why a row is in quarantine, by the reasons that are the same for every contract; `{…}` is of its contract."""


@dataclass(frozen=True)
class Quarantined:
    """One row of a reference file that broke its contract: where it is, and why."""

    file: str
    line: int
    column: str | None
    reason_code: str
    vi: str
    en: str

    @property
    def sentence(self) -> str:
        """Where the row is, what is wrong with it, and what to do."""
        place = f"{self.file}, {both('dòng', 'line')} {self.line}{f', {self.column}' if self.column else ''}"
        remedy = both(
            "dòng này chưa được dùng: sửa rồi chạy lại 'dx run'", "the row is not used: correct it, run 'dx run' again"
        )
        return f"{place}: {both(self.vi, self.en)} [{self.reason_code}]; {remedy}."


def quarantined(settings: Settings, catalogue: Catalogue) -> list[Quarantined]:
    """The rows of reference files in quarantine, in the order of files and lines."""
    return [row for name in sorted(catalogue.sources) for row in _of_source(settings, catalogue, name)]


def _of_source(settings: Settings, catalogue: Catalogue, name: str) -> Iterator[Quarantined]:
    source = catalogue.sources[name]
    for table in source.source.tables if source.reference_file is not None else ():
        path = partition.quarantined(settings, Key(table, name, None))
        if path is None:
            continue
        rows = duckdb.execute(
            "SELECT delivery_line, column_name, reason_code FROM read_parquet($path, hive_partitioning = false)"
            " ORDER BY ALL",
            {"path": str(path)},
        ).fetchall()
        for line, column, code in rows:
            reason = _reason(catalogue.contracts[table], column, code)
            yield Quarantined(str(source.reference_file), line, column, code, reason.vi, reason.en)


def _reason(contract: Contract, column: str | None, code: str) -> Bilingual:
    """Why a row broke a contract: in the words of its rule, or of the constraint on the column."""
    rule = next((rule for rule in contract.rules if rule.code == code), None)
    if rule is not None:
        return Bilingual(vi=rule.vi, en=rule.en)
    if code not in REASONS:
        return Bilingual(vi="không đọc được dòng này", en="the line cannot be read")
    about = contract.columns[column].model_dump() if column is not None else {}
    about |= {"allowed": ", ".join(about.get("allowed") or ()), "key": ", ".join(contract.key)}
    return Bilingual(vi=REASONS[code].vi.format(**about), en=REASONS[code].en.format(**about))
