"""The views that analysts begin with, `kpi.named` and `kpi.latest`, and codes in words beside their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import comment, described, literal, qualified, sql_file
from dx_pipeline.kpi import words

VALUES = "kpi.value"

VIEWS = {
    "kpi.named": Bilingual(
        vi="Giá trị KPI kèm tên KPI, tên đơn vị vào ngày cuối kỳ, và kỳ bằng chữ",
        en="Values of KPIs with titles, the units' names on the window's last day, and the window in words",
    ),
    "kpi.latest": Bilingual(
        vi="Giá trị mới nhất của mỗi KPI, đơn vị, hệ thống và thống kê",
        en="The latest value of each KPI, unit, system and statistic",
    ),
}

CODES: dict[str, Mapping[str, Bilingual]] = {
    "window_type": words.WINDOW,
    "unit_level": words.LEVEL,
    "status": words.STATUS,
}
"""The words of the codes of a column. Those of `withheld_reason` are in the contract's own description."""

ADDED = {
    "title_vi": Bilingual(vi="Tên KPI bằng tiếng Việt", en="Title of the KPI in Vietnamese"),
    "title_en": Bilingual(vi="Tên KPI bằng tiếng Anh", en="Title of the KPI in English"),
    "unit_name": Bilingual(
        vi="Tên đơn vị vào ngày cuối kỳ (hoặc ngày cuối phần kỳ)",
        en="The unit's name on the last day of the window (or of its part)",
    ),
    "window_vi": Bilingual(vi="Kỳ bằng chữ, tiếng Việt", en="The window in words, in Vietnamese"),
    "window_en": Bilingual(vi="Kỳ bằng chữ, tiếng Anh", en="The window in words, in English"),
}
"""What the views have beside the columns of `kpi.value`."""


def create(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> None:
    """Create both views over the tables of a release, with a comment on each of their columns."""
    connection.execute(sql_file(__file__, "named"))
    connection.execute(";\n".join(_comments(connection, catalogue)))


def _comments(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> Iterator[str]:
    contract = catalogue.contracts[VALUES]
    systems = connection.execute("SELECT system, name_vi, name_en FROM reference.system ORDER BY system").fetchall()
    codes = {**CODES, "system": {system: Bilingual(vi=vi, en=en) for system, vi, en in systems}}
    said = {name: described(column) for name, column in contract.published.items()}
    for name, of_column in codes.items():
        if of_column:
            said[name] += f" ({'; '.join(f'{code} = {text.vi} / {text.en}' for code, text in of_column.items())})"
    for column, words_of_it in said.items():
        for table in (VALUES, *VIEWS):
            yield comment(table, column, words_of_it)
    for view, about in VIEWS.items():
        yield f"COMMENT ON VIEW {qualified(view)} IS {literal(f'{about.vi} / {about.en}')}"
        for column, text in ADDED.items():
            yield comment(view, column, f"{text.vi} / {text.en}")
