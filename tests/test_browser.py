"""The report in a real browser: from the file system, without a network, by keyboard, on a phone, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from visits import Visit, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

KINDS = (
    "index.html", "en.html", "systems.html", "system/judicial_record.html", "units.html", "unit/703.html",
    "quality.html", "revisions.html", "methods.html", "kpi/online_dossier_rate.html", "en/kpi/exchange_latency.html",
)  # fmt: skip
"""A page of each kind."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1200, "height": 900}, locale="vi-VN")
    context.set_offline(True)
    yield Visit(context)
    context.close()


@pytest.fixture(scope="module")
def report(province: dict[str, Any]) -> Path:
    """The folder of the report of the sample province."""
    return (Path(province["warehouse"]) / "current" / "report").resolve()


def test_every_page_opens_without_a_network_or_an_error(visit: Visit, report: Path) -> None:
    pages = sorted(report.rglob("*.html"))
    assert len(pages) > 100
    for path in pages:
        page = visit.open(path)
        assert page.locator("h1").count() == 1, path
        assert "DỮ LIỆU MÔ PHỎNG" in page.content() or "SYNTHETIC DATA" in page.content(), path
        for chart in page.locator("svg.chart, svg.calendar").all():
            assert "MÔ PHỎNG" in (said := chart.text_content() or "") or "SYNTHETIC" in said, path
        assert visit.problems == [], path


def test_three_clicks_from_the_front_page_lead_to_why_a_figure_is_what_it_is(visit: Visit, report: Path) -> None:
    page = visit.open(report / "index.html")
    page.get_by_role("link", name="Tỷ lệ hồ sơ xử lý trực tuyến (mọi hồ sơ)").first.click()
    for said in ("17,65%", "Số này dựa trên gì", "Vì sao thay đổi", "766/QĐ-TTg", "Điều cần biết về số này"):
        assert page.get_by_text(said).count() > 0, said
    page.get_by_text("Câu SQL của định nghĩa").click()
    assert page.locator("pre").is_visible()


def test_a_page_leads_to_itself_in_the_other_language_and_back(visit: Visit, report: Path) -> None:
    page = visit.open(report / "kpi" / "online_dossier_rate.html")
    page.get_by_role("link", name="English").click()
    assert page.url == (report / "en" / "kpi" / "online_dossier_rate.html").as_uri()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_text("17.65%").count() > 0
    page.get_by_role("link", name="Tiếng Việt").click()
    assert page.url == (report / "kpi" / "online_dossier_rate.html").as_uri()


@pytest.mark.parametrize("name", KINDS)
def test_a_page_has_no_barrier_that_can_be_found_by_machine(visit: Visit, report: Path, name: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = visit.open(report / name)
    for details in page.locator("details").all():
        details.evaluate("element => element.open = true")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_report()


def test_the_keyboard_reaches_content_links_and_headings_that_sort(visit: Visit, report: Path) -> None:
    page = visit.open(report / "kpi" / "online_dossier_rate.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    table = page.locator("table", has_text="Dương Minh Châu").first
    table.get_by_role("button", name="Giá trị").focus()
    page.keyboard.press("Enter")
    shown = table.locator("tbody tr td:nth-child(3)").all_text_contents()
    without = {"–", "bị che"}
    known = [text for text in shown if text.strip() not in without]
    figures = [float(text.strip().rstrip("%").replace(".", "").replace(",", ".")) for text in known]
    assert figures == sorted(figures)
    assert len(figures) > 1
    assert {text.strip() for text in shown[len(figures) :]} <= without


def test_windows_are_sorted_in_the_order_of_time(visit: Visit, report: Path) -> None:
    page = visit.open(report / "kpi" / "exchange_latency.html")
    page.get_by_text("Mọi kỳ của toàn tỉnh").first.click()
    table = page.locator("table", has_text="Mọi kỳ của toàn tỉnh")
    for turn in (1, -1):
        table.get_by_role("button", name="Kỳ").click()
        shown = list(dict.fromkeys(table.locator("tbody tr th").all_text_contents()))
        in_time = ["Tháng 2/2022", "2 tháng đầu năm 2022", "Tháng 3/2022", "Quý I/2022", "Tháng 4/2022"]
        places = [shown.index(next(each for each in shown if each.strip() == one)) for one in in_time]
        assert places == sorted(places)[::turn]


def test_the_filter_keeps_the_rows_that_have_a_word(visit: Visit, report: Path) -> None:
    page = visit.open(report / "kpi" / "online_dossier_rate.html")
    table = page.locator("table", has_text="Sở Tư pháp").first
    table.locator("xpath=../preceding-sibling::label[1]/input").fill("tư pháp")
    visible = table.locator("tbody tr:visible th")
    assert visible.all_inner_texts() == ["Sở Tư pháp"]


@pytest.mark.parametrize("name", KINDS)
def test_a_phone_shows_a_page_without_moving_it_sideways(browser: Browser, report: Path, name: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = Visit(context).open(report / name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_a_page_without_scripts_shows_every_row(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = Visit(context).open(report / "units.html")
    assert page.locator("tbody tr").count() > 100
    assert page.locator("table button").count() == 0
    context.close()


def test_paper_has_the_figures_and_no_menu(visit: Visit, report: Path) -> None:
    page = visit.open(report / "index.html")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.get_by_text("17,65%").first.is_visible()
    assert len(page.pdf()) > 10_000
