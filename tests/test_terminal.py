"""The terminal: nothing is cut at any width, what is piped is plain, and one language is shown."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from projects import PROJECT, TRIAL, Dx
from rich.console import Console

from dx_pipeline.cli import reader, screen
from dx_pipeline.cli.table import show_table
from dx_pipeline.cli.trend import Trend
from dx_pipeline.release import Published
from dx_pipeline.settings import Settings

ID = "01ebdb65a9ca1a3a82d7926f001d463e5b54b9203781db06cd501032ec09bd5d"
AGENCY = "Sở Lao động - Thương binh và Xã hội, Văn phòng Điều phối Chương trình Đào tạo nghề Đặc thù tỉnh"
HEADINGS = ("Đơn vị", "Kỳ", "Giá trị", "Tử / mẫu", "Mã tệp", "Ghi chú")
ROWS = [
    (AGENCY, "6 tháng đầu năm 2022", "[bold]17,65%[/] *", "70.600 / 400.000", ID, "Đã đính chính " * 12),
    (AGENCY, "quý II/2022", "100%", "13.170.301 / 13.246.648", ID, ""),
    ("Huyện Đức Huệ", "tháng 6/2022", "–", "–", ID[::-1], "Chưa giao"),
]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WIDTHS = (40, 60, 80, 200)


def cells(rows: Sequence[Sequence[str]]) -> list[str]:
    return [re.sub(r"\[/?\w*\]", "", cell).strip() for row in rows for cell in row if cell != "–"]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed on standard output."""
    written = io.StringIO()
    monkeypatch.setattr(screen, "OUT", Console(file=written, highlight=False, width=screen.PIPED_WIDTH))
    return written


def on_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setattr(screen, "OUT", Console(file=written, highlight=False, force_terminal=True, width=width))
    return written


@pytest.mark.parametrize("width", WIDTHS)
def test_a_table_cuts_no_cell_whatever_the_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    written = on_terminal(monkeypatch, width)
    show_table("Đơn vị", HEADINGS, ROWS, right=(2, 3))
    lines = ESCAPES.sub("", written.getvalue()).splitlines()
    joined = " ".join(" ".join(line.split()) for line in lines)
    assert "…" not in joined
    assert all(" ".join(cell.split()) in joined for cell in cells(ROWS))
    assert all(len(line) <= width or ID in line or ID[::-1] in line for line in lines)
    for value in ("6 tháng đầu năm 2022", "17,65% *", "13.170.301 / 13.246.648", ID, "Huyện Đức Huệ"):
        assert any(value in line for line in lines), "on one line"


def test_a_table_that_is_too_wide_names_each_unit_once_above_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    written = on_terminal(monkeypatch, 80)
    rows = [("Thành phố Tây Ninh", window, "16,4% *", "1.555 / 9.480", "không đủ dữ liệu") for window in "ABC"]
    show_table("", HEADINGS[:5], [(*row[:4], row[4] * 3) for row in rows], right=(2, 3))
    shown = ESCAPES.sub("", written.getvalue())
    assert shown.count("Thành phố Tây Ninh") == 1
    assert shown.count("16,4% *") == 3


def test_what_is_piped_is_plain_and_has_a_row_a_line(printed: io.StringIO) -> None:
    show_table("Đơn vị", HEADINGS, ROWS, right=(2, 3))
    lines = printed.getvalue().strip().splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert not re.search(r"[\x1b─-╿]", printed.getvalue())
    for line, row in zip(lines[2:], ROWS, strict=True):
        assert all(cell in line for cell in cells([row]))


def test_a_column_without_anything_is_left_out(printed: io.StringIO) -> None:
    show_table("", ("Đơn vị", "Chỉ tiêu", "Giá trị"), [("A", "–", "1"), ("B", "", "–")])
    assert "Chỉ tiêu" not in printed.getvalue()
    assert "Giá trị" in printed.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
def test_sentences_are_wrapped_between_words(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    written = on_terminal(monkeypatch, width)
    window = screen.together("6 tháng đầu năm 2022")
    screen.paragraph(f"[red]Giữ lại[/]: {AGENCY}: /tmp/{ID}/{ID}.csv ({window})", "- ")
    lines = ESCAPES.sub("", written.getvalue()).splitlines()
    assert all(len(line) <= width or ID in line for line in lines)
    assert all(not line.endswith(" ") for line in lines)
    assert " ".join(" ".join(lines).split()) == (f"- Giữ lại: {AGENCY}: /tmp/{ID}/{ID}.csv (6 tháng đầu năm 2022)")
    assert any("(6 tháng đầu năm 2022)" in line for line in lines)


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, "vi"),
        ({"LANG": "C.UTF-8"}, "vi"),
        ({"LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, "vi"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "vi_VN.UTF-8", "LC_MESSAGES": "en_GB"}, "en"),
        ({"LC_ALL": "", "LANG": "en"}, "en"),
        ({"DX_LANG": "vi", "LC_ALL": "en_US.UTF-8"}, "vi"),
        ({"DX_LANG": "en", "LC_ALL": "vi_VN.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_that_of_the_locale_or_vietnamese(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], code: str
) -> None:
    for name in (reader.LANGUAGE, *reader.LOCALE):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert screen.language().code == code


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1, 2, 3, 8], "▁▂▃█"),
        ([5, None, 5], "▅·▅"),
        ([8, 1], "█▁"),
        ([None, 3], ""),
        ([], ""),
    ],
)
def test_a_trend_is_a_bar_a_month(values: list[float | None], shown: str) -> None:
    months = [date(2022, month, 1) for month in range(1, len(values) + 1)]
    assert Trend(list(zip(months, values, strict=True))).sparkline == shown


def test_values_are_chosen_by_unit_level_and_month_and_written_as_csv(
    dx: Dx, warehouse: Settings, first: Published
) -> None:
    assert first.path.is_dir()

    def rows(*arguments: str) -> list[dict[str, str]]:
        result = dx("kpi", *arguments, "--csv", warehouse=warehouse.warehouse, project=TRIAL)
        assert result.returncode == 0, result.stderr
        return list(csv.DictReader(io.StringIO(result.stdout)))

    of_one = ("community_group_count", "--month", "2022-05")
    communes = rows(*of_one, "--level", "commune")
    assert {row["unit_level"] for row in communes} == {"commune"}
    assert {row["window_end"] for row in communes} == {"2022-05-31"}
    assert {row["window_type"] for row in communes} == {"month", "ytd"}
    code, name = communes[0]["unit_code"], communes[0]["unit_name"]
    for unit in (code, name):
        chosen = rows(*of_one, "--unit", unit, "--level", "commune")
        assert chosen == [row for row in communes if row["unit_code"] == code]
    as_json = dx("kpi", *of_one, "--level", "commune", "--json", warehouse=warehouse.warehouse, project=TRIAL)
    assert [row["value"] for row in json.loads(as_json.stdout)] == [float(row["value"]) for row in communes]
    every = rows("--month", "2022-05")
    assert {row["kpi_code"] for row in every} >= {"community_group_count"}
    none = dx("kpi", *of_one, "--system", "fax", warehouse=warehouse.warehouse, project=TRIAL)
    assert (none.returncode, none.stdout) == (2, "")
    assert "there is no such value: there are --month " in none.stderr


def test_the_report_is_opened_in_the_browser_and_its_path_printed(
    dx: Dx, warehouse: Settings, first: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert first.path.is_dir()
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {opened}\n', encoding="utf-8")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    for language, name in (("vi", "index.html"), ("en", "en.html")):
        page = warehouse.current / "report" / name
        result = dx("open", "--lang", language, warehouse=warehouse.warehouse, project=TRIAL)
        assert (result.returncode, result.stdout.strip()) == (0, str(page))
        assert opened.read_text(encoding="utf-8") == page.as_uri()
    monkeypatch.setenv("BROWSER", "/nowhere/browser %s")
    monkeypatch.setenv("PATH", "/nowhere")
    assert dx("open", warehouse=warehouse.warehouse, project=TRIAL).stdout.strip() == str(page)
    page.unlink()
    without = dx("open", warehouse=warehouse.warehouse, project=TRIAL)
    assert (without.returncode, without.stderr) == (
        2,
        "dx: the current release has no report: make one with 'dx run'.\n",
    )


def seen(width: int, *arguments: str, warehouse: Path) -> str:
    """What a person sees of a command in a terminal of that width, without colours."""
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    variables = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", reader.LANGUAGE}}
    variables |= {"DX_WAREHOUSE": str(warehouse), "PYTHONPATH": str(PROJECT), "LC_ALL": "C.UTF-8", "TERM": "xterm"}
    command = [sys.executable, "-m", "dx_pipeline", "--project", str(TRIAL), *arguments]
    with subprocess.Popen(command, env=variables, stdin=terminal, stdout=terminal, stderr=terminal):
        os.close(terminal)
        written = b"".join(iter(lambda: _read(master), b""))
    os.close(master)
    return ESCAPES.sub("", written.decode()).replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # nobody writes any more
        return b""


@pytest.mark.parametrize("width", [60, 80, 200])
def test_commands_cut_nothing_in_a_terminal(warehouse: Settings, first: Published, width: int) -> None:
    shown = {
        arguments: seen(width, *arguments, warehouse=warehouse.warehouse)
        for arguments in (("kpi",), ("release", "list"), ("doctor",))
    }
    assert not any("…" in text for text in shown.values())
    assert "5 tháng đầu năm 2022" in shown["kpi",]
    assert first.release_id in shown["release", "list"]
    assert max(map(len, shown["kpi",].splitlines())) <= width
    wrong, _, well = shown["doctor",].partition("✓")
    assert "✗" in wrong
    assert "✗" not in well
