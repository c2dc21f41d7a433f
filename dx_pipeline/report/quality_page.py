"""The page of data quality: what was due and came, where rows went, and what was wrong with those in quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.report import place
from dx_pipeline.report.figures import Figures
from dx_pipeline.report.page import Block, Closed, Column, Heading, Page, Paragraph, Table
from dx_pipeline.report.reason import reason

CONSERVATION = """
    SELECT table_name, sum(rows_in)::BIGINT, sum(rows_accepted)::BIGINT, sum(rows_duplicate)::BIGINT,
        sum(rows_filtered)::BIGINT, sum(rows_quarantined)::BIGINT
    FROM ledger.conservation GROUP BY table_name ORDER BY table_name
"""
REPORTS = """
    SELECT table_name, count(*), count(*) FILTER (received_on IS NOT NULL), count(*) FILTER (late_days > 0)
    FROM ledger.expectation GROUP BY table_name ORDER BY table_name
"""
"""A report that was due is a row of it; one without a day of receipt has not come."""

MISSING = """
    SELECT table_name, source, month, reporter, due_on, late_after
    FROM ledger.expectation WHERE received_on IS NULL ORDER BY due_on, table_name, reporter LIMIT 500
"""
QUARANTINED = """
    SELECT table_name, source, column_name, reason_code, reporter, month, count(*)
    FROM ledger.quarantine GROUP BY ALL ORDER BY count(*) DESC, 1, 2, 3, 4, 5, 6 LIMIT 500
"""
AUDITS = """
    SELECT table_name, subject, reason_vi, reason_en, expectation, severity, count(*),
        count(*) FILTER (status = 'unmet'), count(*) FILTER (status = 'broken'),
        sum(element_count)::BIGINT, sum(unexpected_count)::BIGINT,
        sum(unexpected_count)::DOUBLE / nullif(sum(element_count), 0)
    FROM ledger.audit GROUP BY ALL
    ORDER BY count(*) FILTER (status <> 'met') = 0, 1, 2, 3, 4, 5, 6
"""
UNMET = """
    SELECT table_name, source, month, subject, reason_vi, reason_en, severity, status,
        unexpected_count, element_count, coalesce(problem, observed)
    FROM ledger.audit WHERE status <> 'met' ORDER BY severity, table_name, source, month, position LIMIT 500
"""
STRIPPED = "SELECT source, kind, sum(stripped_count)::BIGINT FROM ledger.stripped GROUP BY ALL ORDER BY ALL"
PARTITIONS = """
    SELECT table_name, source, month, state, problem
    FROM ledger.partition WHERE state <> 'current' ORDER BY ALL LIMIT 500
"""

QUERIES = {
    "partitions": PARTITIONS,
    "reports": REPORTS,
    "missing": MISSING,
    "audits": AUDITS,
    "unmet": UNMET,
    "conservation": CONSERVATION,
    "quarantine": QUARANTINED,
    "stripped": STRIPPED,
}
"""The tables of the page, in their order."""


def page(figures: Figures, catalogue: Catalogue) -> Page:
    """The page of data quality.

    Args:
        figures: the release.
        catalogue: the titles of tables, and the words of rules.
    """
    found: dict[str, Sequence[Sequence[Any]]] = {name: figures.tuples(query) for name, query in QUERIES.items()}
    found["quarantine"] = [_reasons(catalogue, row) for row in found["quarantine"]]
    found["audits"] = [_audit(row) for row in found["audits"]]
    found["unmet"] = [_unmet(row) for row in found["unmet"]]
    blocks = [block for name, rows in found.items() for block in _block(catalogue, name, rows)]
    title = Bilingual(vi="Chất lượng dữ liệu", en="Data quality")
    return Page(place.QUALITY, title, blocks, Bilingual(vi="Chất lượng", en="Quality"))


TABLE = Column(Bilingual(vi="Bảng", en="Table"))
SOURCE = Column(Bilingual(vi="Nguồn", en="Source"))
MONTH = Column(Bilingual(vi="Tháng", en="Month"))
REPORTER = Column(Bilingual(vi="Đơn vị báo cáo", en="Reporter"))

SUBJECT = Column(Bilingual(vi="Cột", en="Column"))
SEVERITY = Column(Bilingual(vi="Mức độ", en="Severity"))
UNEXPECTED = Column(Bilingual(vi="Dòng không đạt", en="Rows not as expected"), "number")

SEVERITIES = {
    "critical": Bilingual(vi="chặn công bố", en="critical"),
    "warning": Bilingual(vi="cảnh báo", en="warning"),
    "info": Bilingual(vi="thông tin", en="information"),
}
STATUSES = {
    "unmet": Bilingual(vi="không đạt", en="not met"),
    "broken": Bilingual(vi="không kiểm tra được", en="could not be evaluated"),
}

WHOLE_SOURCE = Bilingual(vi="Cả nguồn", en="The source as a whole")
"""What a report is of that names no table."""

SHOWN: Mapping[str, tuple[Bilingual, tuple[Column, ...], Bilingual]] = {
    "partitions": (
        Bilingual(vi="Phân vùng bị giữ lại hoặc còn thiếu", en="Partitions that are held back or missing"),
        (TABLE, SOURCE, MONTH, Column(Bilingual(vi="Tình trạng", en="State")),
         Column(Bilingual(vi="Vì sao", en="Why"))),
        Bilingual(vi="Không có phân vùng nào bị giữ lại.", en="No partition is held back."),
    ),
    "reports": (
        Bilingual(vi="Báo cáo phải có", en="Reports that were due"),
        (
            TABLE,
            Column(Bilingual(vi="Phải có", en="Due"), "number"),
            Column(Bilingual(vi="Đã nhận", en="Received"), "number"),
            Column(Bilingual(vi="Nhận muộn", en="Received late"), "number"),
        ),
        Bilingual(vi="Chưa có báo cáo nào đến hạn.", en="No report has been due yet."),
    ),
    "missing": (
        Bilingual(vi="Báo cáo chưa nhận", en="Reports that have not come"),
        (TABLE, SOURCE, MONTH, REPORTER, Column(Bilingual(vi="Hạn", en="Due"), "day"),
         Column(Bilingual(vi="Muộn sau ngày", en="Late after"), "day")),
        Bilingual(vi="Mọi báo cáo đến hạn đã nhận được.", en="Every report that was due has come."),
    ),
    "audits": (
        Bilingual(vi="Kiểm tra trước khi công bố", en="Audits before publication"),
        (
            TABLE,
            SUBJECT,
            Column(Bilingual(vi="Điều phải đúng", en="What has to be so")),
            SEVERITY,
            Column(Bilingual(vi="Phân vùng", en="Partitions"), "number"),
            Column(Bilingual(vi="Không đạt", en="Not met"), "number"),
            Column(Bilingual(vi="Không kiểm tra được", en="Not evaluated"), "number"),
            Column(Bilingual(vi="Dòng đã xét", en="Rows examined"), "number"),
            UNEXPECTED,
            Column(Bilingual(vi="Tỷ lệ không đạt", en="Share not as expected"), "share"),
            Column(Bilingual(vi="Kỳ vọng (Great Expectations)", en="Expectation (Great Expectations)")),
        ),
        Bilingual(vi="Chưa có lần kiểm tra nào.", en="There has been no audit yet."),
    ),
    "unmet": (
        Bilingual(vi="Kỳ vọng không đạt, theo phân vùng", en="Expectations that are not met, by partition"),
        (
            TABLE, SOURCE, MONTH, SUBJECT,
            Column(Bilingual(vi="Điều phải đúng", en="What has to be so")),
            SEVERITY,
            Column(Bilingual(vi="Kết quả", en="Result")),
            UNEXPECTED,
            Column(Bilingual(vi="Dòng đã xét", en="Rows examined"), "number"),
            Column(Bilingual(vi="Thấy gì", en="What was observed")),
        ),
        Bilingual(vi="Mọi kỳ vọng đều đạt.", en="Every expectation is met."),
    ),
    "conservation": (
        Bilingual(vi="Dòng đi đâu: nhận = nhận vào + trùng + lọc + cách ly",
                  en="Where rows went: rows in = accepted + duplicate + filtered + quarantined"),
        (
            TABLE,
            Column(Bilingual(vi="Nhận", en="Rows in"), "number"),
            Column(Bilingual(vi="Nhận vào", en="Accepted"), "number"),
            Column(Bilingual(vi="Trùng", en="Duplicate"), "number"),
            Column(Bilingual(vi="Lọc", en="Filtered"), "number"),
            Column(Bilingual(vi="Cách ly", en="Quarantined"), "number"),
        ),
        Bilingual(vi="Chưa có dòng nào.", en="There are no rows yet."),
    ),
    "quarantine": (
        Bilingual(vi="Dòng bị cách ly, theo lý do và đơn vị", en="Rows in quarantine, by reason and reporter"),
        (
            TABLE,
            Column(Bilingual(vi="Cột", en="Column")),
            Column(Bilingual(vi="Vì sao", en="Why")),
            Column(Bilingual(vi="Cách sửa", en="What to do")),
            REPORTER,
            MONTH,
            Column(Bilingual(vi="Dòng", en="Rows"), "number"),
        ),
        Bilingual(vi="Không có dòng nào bị cách ly.", en="No row is in quarantine."),
    ),
    "stripped": (
        Bilingual(vi="Dữ liệu cá nhân đã bỏ trước khi lưu", en="Personal data taken out before anything was kept"),
        (SOURCE, Column(Bilingual(vi="Loại", en="Kind")), Column(Bilingual(vi="Số lần", en="Times"), "number")),
        Bilingual(vi="Không có gì phải bỏ.", en="Nothing had to be taken out."),
    ),
}  # fmt: skip
"""The tables of the page: title, columns, and what is said where they are empty."""


def _block(catalogue: Catalogue, name: str, found: Sequence[Sequence[Any]]) -> list[Block]:
    """One of the tables under its heading, or what is said where it is empty."""
    title, columns, without = SHOWN[name]
    if not found:
        return [Heading(title), Paragraph(without)]
    titles = {name: contract.title for name, contract in catalogue.contracts.items()}
    titled = [[titles.get(row[0], row[0] or WHOLE_SOURCE), *row[1:]] for row in found]
    table = Table(title, columns, titled, f"quality-{name}")
    return [Heading(title), Closed(title, table) if name == "missing" else table]


def _reasons(catalogue: Catalogue, row: Sequence[Any]) -> list[Any]:
    """A row about lines in quarantine, with the reason and the remedy in words."""
    table, source, column, code, *rest = row
    why = reason(catalogue, source, table, column, code)
    return [table, why.column, why.why, why.remedy, *rest]


def _audit(row: Sequence[Any]) -> list[Any]:
    """A row about an expectation over all partitions, with what it says in words."""
    table, subject, vi, en, expectation, severity, *rest = row
    return [table, subject, Bilingual(vi=vi, en=en), SEVERITIES[severity], *rest, expectation]


def _unmet(row: Sequence[Any]) -> list[Any]:
    """A row about an expectation that one partition does not meet, with what it says in words."""
    table, source, month, subject, vi, en, severity, status, *rest = row
    return [table, source, month, subject, Bilingual(vi=vi, en=en), SEVERITIES[severity], STATUSES[status], *rest]
