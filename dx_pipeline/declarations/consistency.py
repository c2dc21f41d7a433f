"""Consistency: whether contracts and sources fit the contracts that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.definition import DEFINITION, OF_EVERY_VERSION
from dx_pipeline.declarations.document import Document, Location
from dx_pipeline.declarations.mistake import Mistake, no_column
from dx_pipeline.declarations.source import Layout, Source
from dx_pipeline.vietnamese import heading as headings


def check_references(contracts: Mapping[str, Contract], documents: Mapping[str, Document]) -> None:
    """Check that what contracts refer to are reference tables and their columns.

    Raises:
        DeclarationError: one refers to something else, or shows rows to everybody that can be linked to a person.
    """
    for name, contract in contracts.items():
        for position, table in enumerate(contract.reads):
            is_reference = table in contracts and contracts[table].origin == "reference"
            if table == name or not (is_reference or table == DEFINITION):
                no_table = Mistake(
                    f"'{table}' is no other reference table.", f"'{table}' không phải là một bảng tham chiếu khác."
                )
                raise documents[name].error(no_table, "reads", position)
        for where, mistake in _of_columns(contract, contracts):
            raise documents[name].error(mistake, *where)


def _of_columns(contract: Contract, contracts: Mapping[str, Contract]) -> Iterator[tuple[Location, Mistake]]:
    """What is wrong with the columns of a contract, and where."""
    for column, declared in contract.columns.items():
        reference = declared.references
        if reference and not _is_reference_column(reference, contracts):
            mistake = Mistake(
                f"'{reference}' is no column of a reference table.",
                f"'{reference}' không phải là cột của một bảng tham chiếu.",
            )
            yield ("columns", column, "references"), mistake
        if not declared.is_published and contract.audience == "public":
            mistake = Mistake(
                f"each row is about one case, because '{column}' can be linked to a person: such rows are not"
                " public. Write 'audience: internal' (analysts inside the office) or 'audience: none'.",
                f"mỗi dòng là về một trường hợp, vì '{column}' có thể dẫn tới một người: các dòng như vậy không được"
                " công khai. Hãy ghi 'audience: internal' (cán bộ phân tích trong cơ quan) hoặc 'audience: none'.",
            )
            yield ("columns", column, "personal_data"), mistake


def _is_reference_column(reference: str, contracts: Mapping[str, Contract]) -> bool:
    table, _, column = reference.rpartition(".")
    if table == DEFINITION:
        return column in OF_EVERY_VERSION
    contract = contracts.get(table)
    return contract is not None and contract.origin == "reference" and column in contract.columns


def check_layouts(
    document: Document, source: Source, contracts: Mapping[str, Contract], *, may_have_personal_data: bool
) -> None:
    """Check that the layouts of a source place columns of contracts, and all that are required.

    Raises:
        DeclarationError: one does not, or places personal data where there may be none.
    """
    for position, layout in enumerate(source.deliveries):
        where = ("attributes", "deliveries", position)
        contract = contracts.get(layout.table)
        if contract is None or contract.origin in {"observed", "computed"}:
            known = ", ".join(name for name, each in contracts.items() if each.origin == "delivered")
            unknown = Mistake(
                f"'{layout.table}' has no contract: known are {known}.",
                f"'{layout.table}' chưa có hợp đồng dữ liệu: có {known}.",
            )
            raise document.error(unknown, *where, "table")
        for within, mistake in _of_placements(layout, contract, may_have_personal_data=may_have_personal_data):
            raise document.error(mistake, *where, *within)


def _of_placements(
    layout: Layout, contract: Contract, *, may_have_personal_data: bool
) -> Iterator[tuple[Location, Mistake]]:
    """What is wrong with where a layout finds the columns of its table, and where within the layout."""
    for column, placement in layout.columns.items():
        if column not in contract.columns:
            yield ("columns", column), no_column(column, layout.table, contract.columns)
        kind = headings.kind_of(placement.header or "")
        if kind is not None and not may_have_personal_data:
            mistake = Mistake(
                f"the heading '{placement.header}' announces personal data ({kind}), of which nothing may be"
                " kept: name it under 'ignored', or ask the sender to leave the column out.",
                f"tiêu đề '{placement.header}' cho thấy dữ liệu cá nhân ({kind}), không được lưu: hãy ghi dưới"
                " 'ignored', hoặc đề nghị nơi gửi bỏ cột này.",
            )
            yield ("columns", column), mistake
    for column, declared in contract.columns.items():
        if declared.required and column not in layout.columns:
            mistake = Mistake(
                f"'{column}' is required by {layout.table}: say where it is found.",
                f"{layout.table} bắt buộc có '{column}': hãy ghi cột này ở đâu.",
            )
            yield ("columns",), mistake
