"""The report as PDF, tagged for screen readers (PDF/UA-1), for signing and filing: `bao-cao.pdf` and `report.pdf`.

Typst sets it, with the fonts that it brings: the same release gives the same bytes on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pikepdf
import typst

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.kpi import words
from dx_pipeline.language import Language
from dx_pipeline.report import html
from dx_pipeline.report.page import (
    NUMBERS,
    PICTURES,
    Block,
    Cards,
    Closed,
    Code,
    Drawing,
    Heading,
    Link,
    Notes,
    Page,
    Paragraph,
    Table,
)

NAMES = {"vi": "bao-cao.pdf", "en": "report.pdf"}

COMPRESSED = pikepdf.ObjectStreamMode.generate

WHOLE, SHOWN = 40, 15
"""Tables of more rows are cut to so many: all of them are in the report's pages and downloads."""

SETUP = """
#set document(title: {title}, date: none)
#set page(paper: "a4", flipped: true, margin: 16mm, numbering: "1 / 1", footer: context [
  #set text(8pt)
  {footer} #h(1fr) #counter(page).display("1 / 1", both: true)
])
#set text(lang: "{language}", size: 9pt)
#set table(stroke: 0.4pt + luma(180), inset: 4pt)
#show table.cell.where(y: 0): set text(weight: "bold")
#show heading: set block(above: 1.2em, below: 0.7em)
"""


TITLE = Bilingual(vi="Báo cáo chuyển đổi số", en="Report on digital transformation")


def write(pages: Sequence[Page], frame: html.Frame, language: Language, folder: Path) -> None:
    """Write the report in a language as PDF.

    Args:
        pages: what is in it, in order.
        frame: what all pages share.
        language: the language.
        folder: the folder of the report.
    """
    with TemporaryDirectory() as place:
        root = Path(place)
        mark = f"{language.of(words.SYNTHETIC)} – " if frame.is_synthetic else ""
        footer = f"{mark}{language.of(TITLE)} – {language.of(frame.province)} – {frame.release_id}"
        parts = [SETUP.format(title=_string(language.of(TITLE)), footer=f"#{_string(footer)}", language=language.code)]
        parts.append(f'#text(20pt, weight: "bold", {_string(language.of(TITLE))})\n')
        parts.append(f"#text(14pt, {_string(language.of(frame.province))})\n")
        if frame.is_synthetic:
            parts.append(f'#block(fill: rgb("#fff4d6"), inset: 6pt, {_string(language.of(words.SYNTHETIC))})\n')
        for number, page in enumerate(pages):
            parts.append(f"#heading(level: 1, {_string(language.of(page.title))})\n")
            for block in page.blocks:
                parts += _block(block, language, root, f"{number}")
        source = root / "report.typ"
        source.write_text("\n".join(parts), encoding="utf-8")
        pdf = typst.compile(str(source), root=place, ignore_system_fonts=True, pdf_standards=["ua-1"], timestamp=0)
    with pikepdf.open(BytesIO(pdf)) as document:  # Typst does not compress the tags of cells: they are most of the file
        document.save(folder / NAMES[language.code], deterministic_id=True, object_stream_mode=COMPRESSED)


def _block(block: Block, language: Language, root: Path, name: str) -> Iterator[str]:
    match block:
        case Heading(title):
            yield f"#heading(level: 2, {_string(language.of(title))})\n"
        case Paragraph(said, _):
            yield f"#par({_string(language.of(said))})\n"
        case Notes(sentences, _):
            if sentences:
                yield f"#list({', '.join(_string(language.of(sentence)) for sentence in sentences)})\n"
        case Table():
            yield _table(block, language)
        case Drawing(chart, table):
            path = root / f"{name}-{len(list(root.iterdir()))}.svg"
            path.write_text(_alone(str(chart.svg(language))), encoding="utf-8")
            yield f"#image({_string(path.name)}, width: 150mm, alt: {_string(language.of(chart.label))})\n"
            yield _table(table, language)
        case Cards(cards):
            columns = [
                _string(heading)
                for heading in (
                    "KPI", language.pick("Kỳ", "Window"), language.pick("Giá trị", "Value"),
                    language.pick("Đánh giá", "Status"), language.pick("Ghi chú", "Notes"),
                )
            ]  # fmt: skip
            cells = []
            for card in cards:
                words_of_it = card.title.words
                cells += [
                    language.of(words_of_it) if isinstance(words_of_it, Bilingual) else words_of_it,
                    language.of(card.window), language.of(card.value),
                    language.of(words.STATUS[card.status]), ". ".join(language.of(each) for each in card.sentences),
                ]  # fmt: skip
            head = f"table.header({', '.join(columns)})"
            yield f"#table(columns: (2fr, 1.3fr, 0.8fr, 1fr, 3fr), {head}, {', '.join(map(_string, cells))})\n"
        case Closed() | Code():
            return


def _table(table: Table, language: Language) -> str:
    """A table without its drawn columns, and what is left out of a long one."""
    shown = [place for place, column in enumerate(table.columns) if column.kind not in PICTURES]
    columns = [table.columns[place] for place in shown]
    widths = ", ".join("auto" if column.kind in NUMBERS or column.kind == "day" else "1fr" for column in columns)
    aligned = ", ".join("right" if column.kind in NUMBERS else "left" for column in columns)
    head = ", ".join(_string(html.heading(column, language)) for column in columns)
    rows = table.rows if len(table.rows) <= WHOLE else table.rows[:SHOWN]
    cells = [
        _string(_cell(column, row[place], language))
        for row in rows
        for place, column in zip(shown, columns, strict=True)
    ]
    made = f"#table(columns: ({widths},), align: ({aligned},), table.header({head}), {', '.join(cells)})\n"
    rest = len(table.rows) - len(rows)
    if rest > 0:
        more = language.pick(
            f"… và {rest} dòng nữa trong báo cáo trên máy.", f"… and {rest} more rows in the report's pages."
        )
        made += f"#text(8pt, {_string(more)})\n"
    return made


def _cell(column: Any, value: Any, language: Language) -> str:  # noqa: ANN401 - a cell of any kind
    if isinstance(value, Link):
        value = value.words
    if column.kind == "status" and value is not None:
        return f"{html.SIGNS[value]} {language.of(words.STATUS[value])}"
    written = html.written(column, value, language)
    return written.replace("_", "_\N{ZERO WIDTH SPACE}") if column.kind == "text" else written  # long names break there


def _alone(svg: str) -> str:
    """A chart as a file of its own, with the styles that a page has for it."""
    styles = html.template("chart.css")
    plain = re.sub(r"svg(\.\w+)? ", "", styles)
    for name, colour in html.colours().items():
        plain = plain.replace(f"var(--{name})", colour)
    return svg.replace(">", f' xmlns="http://www.w3.org/2000/svg"><style>{plain}</style>', 1)


def _string(text: str) -> str:
    """A text as a literal of Typst."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
