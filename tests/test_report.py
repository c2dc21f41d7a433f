"""The report of a release: pages that need no network, in two languages, with the figures of the release."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from python_calamine import CalamineWorkbook

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.language import ENGLISH, VIETNAMESE
from dx_pipeline.release import Published
from dx_pipeline.release.part import REPORT
from dx_pipeline.report import html, legal, method_page
from dx_pipeline.report.chart import Chart, Line
from dx_pipeline.report.figures import Figures
from dx_pipeline.report.page import Column, Link, Page, Table
from dx_pipeline.report.window import Window, in_words

CODE = "community_group_count"


@pytest.fixture(scope="module")
def report(published: tuple[Path, Published]) -> Path:
    """The folder of the report of the trial project's release."""
    warehouse, made = published
    return warehouse / "releases" / made.release_id / "public" / REPORT


class Parsed(HTMLParser):
    """What a page leads to and loads, and the elements that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102 - the parser's own
        about = dict(attrs)
        self.elements.append((tag, about))
        if tag == "a" and about.get("href"):
            self.links.append(str(about["href"]))
        elif "src" in about or tag == "link":
            self.loaded.append(str(about.get("src") or about.get("href")))
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:  # noqa: D102 - the parser's own
        if tag not in WITHOUT_END:
            assert self.open.pop() == tag


WITHOUT_END = {"meta", "tr", "td", "th", "rect", "line", "circle", "path", "polyline"}


def pages(report: Path) -> Iterator[Path]:
    yield from sorted(report.rglob("*.html"))


def test_every_page_is_in_both_languages(report: Path) -> None:
    vietnamese = {str(path.relative_to(report)) for path in pages(report) if "en" not in path.relative_to(report).parts}
    english = {str(path.relative_to(report / "en")) for path in pages(report / "en")}
    assert vietnamese - {"index.html", "en.html"} == english
    assert {"index.html", "en.html", f"kpi/{CODE}.html", "quality.html", "methods.html", "units.html"} <= vietnamese


def test_every_link_leads_to_a_file_and_nothing_is_loaded(report: Path) -> None:
    for path in pages(report):
        page = Parsed(path)
        assert page.open == [], path
        assert {(path.parent / name).resolve() for name in page.loaded} == {report.resolve() / "script.js"}, path
        assert page.links, path
        for link in page.links:
            target = path.parent / link.partition("#")[0] if not link.startswith("#") else path
            assert target.resolve().is_file(), (path, link)


def test_every_page_is_reached_from_the_front_page_in_three_clicks(report: Path) -> None:
    reached, last = {report / "index.html"}, {report / "index.html"}
    for _ in range(3):
        found = {(path.parent / link).resolve() for path in last for link in Parsed(path).links if ".html" in link}
        last = {path for path in found if path.suffix == ".html"} - reached
        reached |= last
    assert {path.resolve() for path in pages(report)} <= {path.resolve() for path in reached}


def test_charts_have_labels_and_pages_a_language_a_title_and_one_heading(report: Path) -> None:
    for path in pages(report):
        elements = Parsed(path).elements
        language = "en" if "en" in path.relative_to(report).parts or path.name == "en.html" else "vi"
        assert ("html", {"lang": language}) in elements
        assert [tag for tag, _ in elements].count("h1") == 1
        charts = [about for tag, about in elements if tag == "svg" and about.get("aria-hidden") != "true"]
        assert all(about.get("role") == "img" and about.get("aria-label") for about in charts)


def shown(report: Path, name: str) -> list[dict[str, str]]:
    """The rows of a table for download."""
    with (report / "data" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def values(report: Path, where: str) -> list[Any]:
    with duckdb.connect(str(report.parent / "dx.duckdb"), read_only=True) as connection:
        query = f"SELECT value FROM kpi.value WHERE kpi_code = '{CODE}' AND units_on IS NULL AND {where}"
        return [value for (value,) in connection.execute(query).fetchall()]


def test_a_page_its_download_and_its_workbook_have_the_figures_of_the_release(report: Path) -> None:
    whole = values(report, "unit_level = 'province'")
    rows = shown(report, f"{CODE}-windows")
    heading = next(name for name in rows[0] if name.startswith("Giá trị"))
    assert sorted(float(row[heading]) for row in rows if row[heading]) == sorted(
        value for value in whole if value is not None
    )
    page = (report / "kpi" / f"{CODE}.html").read_text(encoding="utf-8")
    assert {VIETNAMESE.number(value) for value in whole if value is not None} <= set(re.findall(r">([\d.,]+)<", page))
    book = CalamineWorkbook.from_path(report / "data" / f"{CODE}.xlsx")
    sheet = next(name for name in book.sheet_names if name.endswith("windows"))
    table = book.get_sheet_by_name(sheet).to_python()
    column = table[2].index(heading)
    assert sorted(row[column] for row in table[3:] if row[column] != "") == sorted(v for v in whole if v is not None)


@pytest.mark.parametrize(
    ("language", "figure", "day"), [(VIETNAMESE, "52,8%", "30/06/2022"), (ENGLISH, "52.8%", "30 June 2022")]
)
def test_figures_and_days_are_written_as_the_language_does(language: Any, figure: str, day: str) -> None:
    assert language.figure(52.8, "percent") == figure
    assert language.day(date(2022, 6, 30)) == day


def test_the_months_of_a_chart_are_named_by_their_windows(report: Path) -> None:
    rows = shown(report, f"{CODE}-months")
    assert rows
    assert all(re.fullmatch(r"tháng \d+/\d{4} / [A-Z]\w+ \d{4}", row["Tháng / Month"]) for row in rows)
    text = (report / "kpi" / f"{CODE}.html").read_text(encoding="utf-8")
    assert all(f"<th scope=row>T{row['Tháng / Month'].partition(' / ')[0][1:]}<td>" in text for row in rows)


def window(kind: str, start: date, end: date, part: tuple[date, date] | None = None) -> Window:
    """A window, or a part of it, in words."""
    value = SimpleNamespace(window_type=kind, window_start=start, window_end=end, part_start=part and part[0])
    return in_words(value, part and part[1])


def test_windows_are_sorted_by_their_last_day_and_then_their_length() -> None:
    june, july = date(2022, 6, 30), date(2022, 7, 31)
    windows = [
        window("month", date(2022, 7, 1), july),
        window("ytd", date(2022, 1, 1), june),
        window("month", date(2022, 7, 1), july, (date(2022, 7, 1), date(2022, 7, 9))),
        window("quarter", date(2022, 4, 1), june),
        window("month", date(2022, 6, 1), june),
    ]
    title = Bilingual(vi="Bảng", en="Table")
    column = Column(Bilingual(vi="Kỳ", en="Window"), "window")
    page = Page("trial.html", title, [Table(title, [column], [[each] for each in windows])])
    made = html.render(html.Frame(title, "trial", [], is_synthetic=False), page, ENGLISH)
    assert "<th scope=col class=w data-w=4,2,3,1,0>Window" in made
    assert "<th scope=row>January to June 2022\n" in made
    in_order = sorted(windows, key=lambda each: each.time)
    page = Page("trial.html", title, [Table(title, [column], [[each] for each in in_order])])
    made = html.render(html.Frame(title, "trial", [], is_synthetic=False), page, VIETNAMESE)
    assert "<th scope=col class=w>Kỳ" in made
    assert "<th scope=row>Quý II/2022\n" in made


def test_a_chart_names_the_unit_of_its_axis_unless_it_is_a_sign() -> None:
    label = Bilingual(vi="Biểu đồ", en="Chart")
    chart = Chart(label, [date(2022, 6, 30)], [Line(None, [3])], "tổ / groups")
    assert '<text class="axis" x="0" y="14">groups</text>' in chart.svg(ENGLISH)
    assert ">tổ</text>" in chart.svg(VIETNAMESE)
    percent = Chart(label, [date(2022, 6, 30)], [Line(None, [3])], "percent").svg(ENGLISH)
    assert ">percent<" not in percent
    assert ">%<" not in percent


def test_parts_of_a_month_lie_within_it_and_have_their_days() -> None:
    label = Bilingual(vi="Biểu đồ", en="Chart")
    places = [date(2022, 7, 31), date(2022, 8, 14), date(2022, 8, 31), date(2022, 9, 30)]
    drawn = Chart(label, places, [Line(None, [1, 2, 3, 4])], "ms", [(2, label)]).svg(VIETNAMESE)
    months = {said: float(x) for x, said in re.findall(r'x="([\d.]+)" y="244">([^<]+)<', drawn)}
    parts = {said: float(x) for x, said in re.findall(r'x="([\d.]+)" y="257">([^<]+)<', drawn)}
    dots = [float(x) for x in re.findall(r'<circle class="dot" cx="([\d.]+)"', drawn)]
    (cut,) = (float(x) for x in re.findall(r'<path class="break" d="M([\d.]+) ', drawn))
    assert list(months) == ["07/2022", "08/2022", "09/2022"]
    assert list(parts) == ["1–14", "15–31"]
    assert dots == [months["07/2022"], *parts.values(), months["09/2022"]]
    month = months["08/2022"] - months["07/2022"]
    assert parts["1–14"] < cut < parts["15–31"]
    assert cut == pytest.approx(months["08/2022"] + month * (14 / 31 - 1 / 2), abs=0.1)
    assert parts["15–31"] - parts["1–14"] == pytest.approx(month / 2, abs=0.1)
    columns = Chart(label, places, [Line(None, [1, 2, 3, 4])], "ms", is_columns=True).svg(VIETNAMESE)
    widths = [float(width) for width in re.findall(r'<rect [^>]* width="([\d.]+)"', columns)]
    assert widths[0] == pytest.approx(widths[1] + widths[2], abs=0.2)


def test_a_chart_of_no_months_has_no_points() -> None:
    label = Bilingual(vi="Biểu đồ", en="Chart")
    assert "circle" not in Chart(label, [], [Line(None, [])], "ms").svg(VIETNAMESE)


@pytest.mark.parametrize(
    ("unit", "one", "several"),
    [
        ("doanh nghiệp / enterprises", "1 enterprise", "2 enterprises"),
        ("cơ quan / agencies", "1 agency", "2 agencies"),
        ("địa chỉ / addresses", "1 address", "2 addresses"),
        ("ngày làm việc / working days", "1 working day", "2 working days"),
        ("ms", "1 ms", "2 ms"),
        ("percent", "1%", "2%"),
    ],
)
def test_one_of_a_unit_is_singular_in_english(unit: str, one: str, several: str) -> None:
    assert (ENGLISH.measured(1, unit), ENGLISH.measured(2, unit)) == (one, several)
    assert ENGLISH.measured(1.25, unit) == several.replace("2", "1.25", 1)
    assert VIETNAMESE.measured(1, unit) == f"1{'' if unit == 'percent' else ' '}{VIETNAMESE.unit(unit)}"
    assert ENGLISH.measured(None, unit) == "–"


@pytest.mark.parametrize(
    ("basis", "english"),
    [
        ("Nghị định 47/2020/NĐ-CP", "Decree 47/2020/NĐ-CP"),
        ("Quyết định số 766/QĐ-TTg ngày 23/6/2022", "Decision No. 766/QĐ-TTg of 23 June 2022"),
        ("Công văn 12/UBND-KSTT ngày 31/2/2022", "Official letter 12/UBND-KSTT ngày 31/2/2022"),
        ("Điều 5 Thông tư 01/2023/TT-VPCP", "Article 5 Circular 01/2023/TT-VPCP"),
        ("Biên bản họp", "Biên bản họp"),
    ],
)
def test_a_legal_text_has_its_standard_english_name(basis: str, english: str) -> None:
    assert legal.in_words(basis) == Bilingual(vi=basis, en=english)


def test_owners_are_named_in_pages_and_in_the_workbook(report: Path) -> None:
    for path in pages(report):
        assert "team:" not in path.read_text(encoding="utf-8"), path
    page = (report / "en" / "kpi" / f"{CODE}.html").read_text(encoding="utf-8")
    assert "Owner: trial. " in page
    sheet = CalamineWorkbook.from_path(report / "kpi.xlsx").get_sheet_by_name("Định nghĩa").to_python()
    assert {row[-1] for row in sheet[3:]} == {"trial"}


REVISED = f"""
    INSERT INTO kpi.revision BY NAME
    SELECT kpi_code, window_type, window_start, window_end, unit_code, unit_level, unit_of_measure, 1 AS revision,
        'changed' AS change, 2 AS value_before, 3 AS value_after, FALSE AS synthetic, 'p' AS proposal,
        'programme.community_group' AS table_name, 'community_group' AS source, '2022-05' AS month,
        'routine' AS reason, TIMESTAMP '2022-07-01' AS accepted_at
    FROM kpi.value WHERE kpi_code = '{CODE}' LIMIT 1
"""
PRINTED = f"""
    DELETE FROM kpi.published_comparison;
    INSERT INTO kpi.published_comparison BY NAME
    SELECT 'Tổ' AS indicator_vi, 'Groups' AS indicator_en, '{CODE}' AS kpi_code, unit_code,
        window_start AS period_start, window_end AS period_end, 'tổ / groups' AS unit_of_measure,
        '3' AS value_as_published, 3 AS published_value, 0 AS decimals_published, FALSE AS is_approximate,
        FALSE AS synthetic, 'trial' AS source, 'U' AS certainty
    FROM kpi.value LIMIT 1
"""


def test_revisions_and_published_figures_have_units_and_lead_to_kpis(
    report: Path, declared: Catalogue, tmp_path: Path
) -> None:
    shutil.copy(report.parent / "dx.duckdb", tmp_path)
    with duckdb.connect(str(tmp_path / "dx.duckdb")) as connection:
        connection.execute(REVISED)
        connection.execute(PRINTED)
        figures = Figures(connection)
        revised, printed = method_page.pages(figures, declared)[0].tables
    for table in (revised, printed):
        (row,) = (
            {column.title.en: cell for column, cell in zip(table.columns, row, strict=True)} for row in table.rows
        )
        assert row["KPI"] == Link(figures.kpis[CODE].title, f"kpi/{CODE}.html")
        assert row["Unit of measure"].en in {"groups", figures.kpis[CODE].unit_of_measure}
    assert row["Published indicator"] == Bilingual(vi="Tổ", en="Groups")


def test_an_owner_is_the_agency_of_its_name(published: tuple[Path, Published]) -> None:
    warehouse, made = published
    with duckdb.connect(str(warehouse / "releases" / made.release_id / "public" / "dx.duckdb"), read_only=True) as db:
        figures = Figures(db)
        assert figures.owner("team:so_mot") == "Sở Một"
        assert figures.owner("team:so_khong_co") == "so khong co"
        assert figures.owner("ai@tinh.gov.vn") == "ai@tinh.gov.vn"


def test_synthetic_data_are_marked_on_every_page(report: Path) -> None:
    with duckdb.connect(str(report.parent / "dx.duckdb"), read_only=True) as connection:
        ((is_synthetic,),) = connection.execute("SELECT bool_or(synthetic) FROM kpi.value").fetchall()
    for path in pages(report):
        text = path.read_text(encoding="utf-8")
        assert ("DỮ LIỆU MÔ PHỎNG" in text or "SYNTHETIC DATA" in text) is bool(is_synthetic)
