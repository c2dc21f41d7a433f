"""What the province's systems and agencies deliver passes the privacy filter and is read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
import xlsxwriter
import yaml
from deliveries import accepted, staged

from dx_pipeline import privacy, sample
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings


@pytest.mark.slow
@pytest.mark.parametrize(
    "months",
    [
        [Month(2022, 5), Month(2025, 7)],
        pytest.param(list(Month(2022, 1).through(Month(2022, 9))), marks=pytest.mark.long, id="all_months"),
    ],
)
def test_the_sample_passes_the_privacy_filter_byte_for_byte(
    months: list[Month], declared: Catalogue, warehouse: Settings, tmp_path: Path
) -> None:
    for path in sample.make(warehouse, declared, months, scale=0.1):
        source = declared.sources[path.relative_to(warehouse.inbox).parts[0]].source
        filtered = privacy.apply(path, path.name, tmp_path / "kept", source, declared.contracts)
        assert filtered == privacy.Filtered(path.name, path)


FORM_06A = [
    ["UBND TỈNH TÂY NINH"],
    ["TÌNH HÌNH, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH"],
    ["Biểu số II.06a/VPCP/KSTT"],
    ["Kỳ báo cáo: từ ngày 15/4/2022 đến ngày 14/5/2022"],
    ["Lập ngày 19/05/2022"],
]
MERGED = yaml.safe_load("""
{"B6:B8": STT, "C6:C8": "Lĩnh vực, công việc giải quyết", "D6:G6": Số lượng hồ sơ tiếp nhận, "D7:D8": Tổng số,
 "E7:F7": Trong kỳ, "G7:G8": Từ kỳ trước, "H6:K6": Số lượng hồ sơ đã giải quyết, "H7:H8": Tổng số, "I7:I8": Trước hạn,
 "J7:J8": Đúng hạn, "K7:K8": Quá hạn, "L6:N6": Số lượng hồ sơ đang giải quyết, "L7:L8": Tổng số, "M7:M8": Trong hạn,
 "N7:N8": Quá hạn}
""")
SUMS = {3: "(3)=(4)+(5)+(6)", 7: "(7)=(8)+(9)+(10)", 11: "(11)=(12)+(13)"}
NUMBER_ROW = [SUMS.get(number, f"({number})") for number in range(1, 14)]
FIGURES: dict[str, list[object]] = {
    "Hộ tịch": [1200, 700, 450, 50, 1150, 1000, 100, 50, 50, 45, 5],
    "Đất đai": ["2.000", "300", "1.500", "200", "1.800", "1.500", "250", "50", "200", "180", "20"],
}


def test_form_06a_is_read_as_it_is_printed(declared: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "II06a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet()
        for row, titles in enumerate(FORM_06A):
            page.write_row(row, 3, titles)
        for cells, heading in MERGED.items():
            page.merge_range(cells, heading)
        page.write_row("E8", ["Trực tuyến", "Trực tiếp, dịch vụ bưu chính"])
        page.write_row("B9", NUMBER_ROW)
        for number, (field, figures) in enumerate(FIGURES.items(), 1):
            page.write_row(8 + number, 1, [number, field, *figures])
        page.write_row(11, 1, ["Tổng cộng", None, 3200])
    database = duckdb.connect()
    contract = declared.contracts["statistics.return_06a"]
    staged(database, path, declared.sources["return_06a"].source.deliveries[0], contract)
    period = (date(2022, 4, 15), date(2022, 5, 14), "administrative_month", date(2022, 5, 19))
    assert accepted(database, contract) == [
        ("Hộ tịch", 1200, 700, 450, 50, 1150, 1000, 100, 50, 50, 45, 5, *period),
        ("Đất đai", 2000, 300, 1500, 200, 1800, 1500, 250, 50, 200, 180, 20, *period),
    ]
