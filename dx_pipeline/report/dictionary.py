"""The data dictionary: a page of every table, column and KPI, generated from the declarations.

python -m dx_pipeline.report.dictionary           write docs/dictionary.md
python -m dx_pipeline.report.dictionary --check   fail if it is not what the declarations say
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import DERIVED_FROM, Catalogue
from dx_pipeline.declarations.contract import AS_OF, DUCKDB_TYPES, IS_LATEST, Column, Contract
from dx_pipeline.settings import default_project

ORIGINS = {
    "delivered": "giao hằng tháng / delivered monthly",
    "reference": "tệp tham chiếu trong git / reference file in git",
    "observed": "do hệ thống ghi nhận khi lấy dữ liệu / observed by the pipeline while it fetches",
    "computed": "do hệ thống tính / computed",
}

AUDIENCES = {
    "public": "công khai / public",
    "internal": "nội bộ, không công bố / analysts inside the office, not to be published",
    "none": "không ai, chỉ giữ trong kho / nobody: kept in the warehouse, in no release",
}
NEVER = "không có trong bản công bố / in no release"
BALANCE = (
    "Số nhỏ được che trong bản công khai, bản nội bộ có đủ / Small counts are withheld from the public; analysts inside"
    " the office see all of them"
)
INSIDE_ONLY = "Chỉ nội bộ, với bảng có số bị che / Inside only, about tables that withhold something: "
CHANGES = (
    "Thay đổi / Changes: mỗi dòng là một tình trạng; phân vùng của một tháng có cả dòng của tháng trước đã thay đổi;"
    f" `{AS_OF}` và `{IS_LATEST}` được tính khi đọc, không lưu trong phân vùng"
    f" / a row is a state; the partition of a month also has rows of earlier months that changed; `{AS_OF}` and"
    f" `{IS_LATEST}` are computed when the table is read, and are not stored in partitions"
)


def page(declared: Catalogue) -> str:
    """The whole dictionary as Markdown; the same declarations give the same text."""
    return "\n".join([*_head(), *_tables(declared), *_views(declared), *_kpis(declared)]).rstrip() + "\n"


def _head() -> Iterator[str]:
    yield "# Từ điển dữ liệu / Data dictionary"
    yield ""
    yield "Trang này được sinh từ các hợp đồng dữ liệu và định nghĩa KPI; đừng sửa tay: chạy `make docs`."
    yield "*This page is generated from the contracts and KPI definitions; do not edit it: run `make docs`.*"
    yield ""


def _tables(declared: Catalogue) -> Iterator[str]:
    for name, contract in declared.contracts.items():
        from_where = ", ".join(_source(declared, name, source) for source in declared.sources_of(name))
        yield f"## `{name}`"
        yield ""
        yield f"**{contract.title.vi}** / {contract.title.en}. {contract.grain.vi}. *{contract.grain.en}.*"
        yield ""
        yield f"- Nguồn gốc / Origin: {ORIGINS[contract.origin]}{f' ({from_where})' if from_where else ''}"
        yield f"- Đối tượng / Audience: {AUDIENCES[contract.audience]}"
        if contract.key:
            yield f"- Khóa / Key: {', '.join(f'`{column}`' for column in contract.key)}"
        if contract.changes:
            yield f"- {CHANGES}"
        if contract.balance:
            yield f"- {BALANCE}"
        if contract.inside_only:
            yield f"- {INSIDE_ONLY}{', '.join(f'`{column}`' for column in contract.inside_only)}"
        yield ""
        yield "| Cột / Column | Kiểu / Type | Đơn vị / Unit | Ý nghĩa | Meaning | Quy tắc / Rules |"
        yield "|---|---|---|---|---|---|"
        added = {name: column for name, column in contract.published.items() if name not in contract.readable}
        for column, about in {**contract.readable, **added}.items():
            yield _row(column, about, is_published=column in contract.published)
        yield ""
        yield from _rules(contract)


def _source(declared: Catalogue, table: str, source: str) -> str:
    if table not in declared.sources[source].source.derived:
        return f"`{source}`"
    return f"`{source}`, dẫn xuất từ / derived from `{DERIVED_FROM[table]}`"


def _row(name: str, column: Column, *, is_published: bool) -> str:
    cells = (
        f"`{name}`",
        DUCKDB_TYPES[column.type],
        column.unit or "",
        column.vi,
        column.en,
        "; ".join([*_constraints(column), *([] if is_published else [NEVER])]),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _constraints(column: Column) -> Iterator[str]:
    if column.required:
        yield "bắt buộc / required"
    if column.allowed is not None:
        yield " ".join(f"`{code}`" for code in column.allowed)
    if column.pattern is not None:
        yield f"`{column.pattern}`"
    if column.min is not None:
        yield f"≥ {column.min:g}"
    if column.max is not None:
        yield f"≤ {column.max:.16g}"
    if column.references is not None:
        yield f"→ `{column.references}`"


def _rules(contract: Contract) -> Iterator[str]:
    for rule in contract.rules:
        yield f"- `{rule.code}`: {rule.vi}. *{rule.en}.*"
    if contract.rules:
        yield ""


def _views(declared: Catalogue) -> Iterator[str]:
    for view in declared.views.values():
        about = view.view
        yield f"## `{view.table}`"
        yield ""
        yield f"**{about.title.vi}** / {about.title.en}. {about.grain.vi}. *{about.grain.en}.*"
        yield ""
        yield f"- Khung nhìn trên / View of: `{about.of}`"
        for code, reason in view.reasons.items():
            lost = " (mất, làm giảm độ phủ / lost, lowers coverage)" if reason.is_lost else ""
            yield f"- Không tính / Not counted, `{code}`: {reason.vi}. *{reason.en}.*{lost}"
        yield ""
        yield "| Cột / Column | Kiểu / Type | Ý nghĩa | Meaning | Tính từ / Computed from |"
        yield "|---|---|---|---|---|"
        for name, column in view.contract.columns.items():
            origins = ", ".join(f"`{table}.{origin}`" for table, origin in view.origins[name])
            yield f"| `{name}` | {DUCKDB_TYPES[column.type]} | {column.vi} | {column.en} | {origins} |"
        yield ""


def _kpis(declared: Catalogue) -> Iterator[str]:
    yield "## KPI"
    yield ""
    for code, kpi in declared.kpis.items():
        definition = kpi.definition
        yield f"### `{code}`"
        yield ""
        yield f"**{definition.title.vi}** / {definition.title.en} ({definition.unit_of_measure}, {kpi.basis})"
        yield ""
        for version in definition.versions:
            until = version.valid_to or "…"
            yield f"- v{version.version}, {version.valid_from} – {until}: {version.formula.vi}. *{version.formula.en}.*"
            yield f"  - Căn cứ / Basis: {version.legal_basis.vi}. *{version.legal_basis.en}.*"
            if kpi.views[version.version]:
                yield f"  - Đếm trên / Counts on: {', '.join(f'`view.{name}`' for name in kpi.views[version.version])}"
            if kpi.tables[version.version]:
                yield f"  - Đọc / Reads: {', '.join(f'`{table}`' for table in kpi.tables[version.version])}"
        yield ""


def main() -> int:
    """Write the page, or with `--check` say whether it is current."""
    project = default_project()
    target = project / "docs" / "dictionary.md"
    text = page(catalogue.load(project))
    if "--check" in sys.argv[1:]:
        if target.is_file() and target.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write(f"{target.relative_to(project)} is not what the declarations say: run 'make docs'.\n")
        return 1
    target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
