"""Pages as HTML: complete in themselves, without a script to be read, a font or a file of others.

Vietnamese pages are in the folder of the report, with `index.html` in front; English ones in `en/`, with `en.html`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from html import escape
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.kpi import words
from dx_pipeline.language import LANGUAGES, MISSING, Language
from dx_pipeline.report import download
from dx_pipeline.report.chart import bar, sparkline
from dx_pipeline.report.page import NUMBERS, Column, Drawing, Page, Table
from dx_pipeline.report.place import FRONT
from dx_pipeline.report.window import Window

SIGNS = {"met": "✓", "on_track": "↗", "at_risk": "!", "off_track": "✗", "no_target": "·", "not_enough_data": "?"}
"""Before the words of a status, for who prints in black and white or looks quickly."""


@dataclass(frozen=True)
class Frame:
    """What all pages share.

    Args:
        province: its title.
        release_id: of the release that the report is in.
        menu: the pages that every page leads to.
        is_synthetic: whether a banner says that data are synthetic.
    """

    province: Bilingual
    release_id: str
    menu: Sequence[Page]
    is_synthetic: bool


SCRIPT = "script.js"
"""Sorts and filters tables: a page by itself does without."""


def place(path: str, language: Language) -> str:
    """Where a page or a file of a page is, from the folder of the report."""
    if language.code == "vi":
        return path
    return "en.html" if path == FRONT else f"en/{path}"


def render(frame: Frame, page: Page, language: Language) -> str:
    """A page in a language."""
    here = posixpath.dirname(place(page.path, language))
    other = next(each for each in LANGUAGES if each != language)

    def link(path: str) -> str:
        return posixpath.relpath(place(path, language), here or ".")

    def file(name: str) -> str:
        return posixpath.relpath(f"{download.FOLDER}/{name}", here or ".")

    context: Mapping[str, Any] = {
        "frame": frame,
        "page": page,
        "lang": language,
        "other": other.code,
        "translation": posixpath.relpath(place(page.path, other), here or "."),
        "link": link,
        "file": file,
        "workbook": download.workbook_name(page),
        "script": posixpath.relpath(SCRIPT, here or "."),
        "has_charts": any(isinstance(block, Drawing) for block in page.blocks),
        "t": language.pick,
        "word": lambda text: _word(text, language),
        "table": lambda shown: Markup("".join(_table(shown, language, link, file))),  # noqa: S704 - each part is escaped
        "sign": SIGNS.__getitem__,
        "menu": frame.menu,
        "province": frame.province,
        "release_id": frame.release_id,
        "is_synthetic": frame.is_synthetic,
    }
    text = _environment().get_template("page.html").render(context)
    return re.sub(r"\n\s*\n+", "\n", text).lstrip()


def _table(shown: Table, language: Language, link: Callable[[str], str], file: Callable[[str], str]) -> Iterator[str]:
    """A table, joined here and not in the template: a report has 100,000 cells. HTML wants no end tags of cells."""
    title = escape(language.of(shown.title))
    yield f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">'
    yield f'<table class="sortable" data-filter="{language.pick("Lọc", "Filter")}">'
    yield f"<caption>{title}</caption><thead><tr>"
    for place, column in enumerate(shown.columns):
        kind = " class=n" if column.kind in NUMBERS else ""
        if column.kind == "window":
            kind = f" class=w{_times(shown, place)}"
        yield f"<th scope=col{kind}>{escape(heading(column, language))}"
    yield "</thead><tbody>\n"
    for row in shown.rows:
        yield "<tr>"
        for place, (column, value) in enumerate(zip(shown.columns, row, strict=True)):
            yield _cell(column, value, language, link, is_head=place == 0)
        yield "\n"
    yield "</tbody></table></div>"
    if shown.name is not None:
        words = language.pick("Tải bảng", "Download")
        yield f'<p class="soft download">{words}: <a href="{file(shown.name)}.csv" download>CSV</a></p>'


def _times(shown: Table, place: int) -> str:
    """An attribute of the heading of a column of windows: which one each row has in the order of time.

    There is none where the rows are in that order, as they mostly are: then the script goes by their places.
    """
    times = [row[place].time if isinstance(row[place], Window) else (0, 0) for row in shown.rows]
    order = {time: number for number, time in enumerate(sorted(set(times)))}
    return "" if times == sorted(times) else f" data-w={','.join(str(order[time]) for time in times)}"


def _cell(column: Column, value: Any, language: Language, link: Callable[[str], str], *, is_head: bool) -> str:  # noqa: ANN401
    """A cell of a table."""
    if is_head:
        return f"<th scope=row>{_content(column, value, language, link)}"
    if column.kind in NUMBERS:
        return f"<td>{written(column, value, language)}"
    if column.kind == "day":
        return f"<td class=d>{written(column, value, language)}"
    return f"<td class=t>{_content(column, value, language, link)}"


def _content(column: Column, value: Any, language: Language, link: Callable[[str], str]) -> str:  # noqa: ANN401
    if value is None:
        return MISSING
    if column.kind == "link":
        return f'<a href="{link(value.path)}">{escape(_word(value.words, language))}</a>'
    if column.kind == "status":
        return f"<b class={value}>{SIGNS[value]} {escape(language.of(words.STATUS[value]))}</b>"
    if column.kind == "bar":
        return bar(*value)
    if column.kind == "trend":
        return sparkline(value.values, language.of(value.label), value.breaks)
    return escape(written(column, value, language))


def _word(text: Bilingual | str, language: Language) -> str:
    return language.of(text) if isinstance(text, Bilingual) else text


def heading(column: Column, language: Language) -> str:
    """The heading of a column, with its unit of measure."""
    unit = language.unit(column.unit) if column.unit and column.unit != "percent" else ""
    return f"{language.of(column.title)} ({unit})" if unit else language.of(column.title)


def written(column: Column, value: Any, language: Language) -> str:  # noqa: ANN401 - a cell of any kind
    """A cell in words or figures."""
    if value is None:
        return MISSING
    if isinstance(value, Bilingual):
        said = language.of(value)
        return said[0].upper() + said[1:] if column.kind == "window" else said
    if column.kind == "share":
        return language.figure(100 * value, "percent")
    if column.kind == "number":
        return language.figure(value, column.unit)
    return language.day(value) if isinstance(value, date) else str(value)


@lru_cache
def template(name: str) -> str:
    """The text of a style sheet or of the script, without the blanks at the beginnings of its lines."""
    text = resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
    return re.sub(r"\n\s*", "\n", text).strip()


def colours() -> dict[str, str]:
    """The colours that the styles name."""
    return dict(re.findall(r"--(\w+):(#\w+)", template("style.css")))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    loader = PackageLoader("dx_pipeline.report")
    environment = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.globals |= {
        "css": Markup(template("style.css")),  # noqa: S704 - our own
        "chart_css": Markup(template("chart.css")),  # noqa: S704 - our own
        "sparkline": sparkline,
        "statuses": words.STATUS,
        "synthetic": words.SYNTHETIC,
    }
    return environment
