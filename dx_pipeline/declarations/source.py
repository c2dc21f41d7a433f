"""Sources: who delivers which tables, in which form, and when a delivery is due.

A source is one folder of the inbox: one of the national systems, or the agency that returns one
of the province's own tables. What the rows mean does not belong here: that is `contract`.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dx_pipeline.declarations.connector import Connector, Files
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.document import Bilingual, Declared, Owner
from dx_pipeline.declarations.mistake import no_regular_expression
from dx_pipeline.declarations.xroad import HEADINGS
from dx_pipeline.errors import RuleError
from dx_pipeline.period import Month

NumberStyle = Literal["plain", "vi", "comma"]
Encoding = Literal["utf-8", "utf-16", "windows-1258", "tcvn3", "vni"]
Letters = Literal["unicode", "tcvn3", "vni"]
Compression = Literal["gzip"]


class Excel(Declared):
    """A workbook, `.xlsx` or `.xls`: `header_rows` rows of (merged) headings under `preamble_rows` of title.

    A column's heading is its cells from top to bottom, joined by " / ". `encoding` is that of the
    letters in its cells: workbooks typed in the fonts .VnTime (TCVN3) or VNI are not in Unicode.
    """

    kind: Literal["excel"]
    sheet: str | None = None
    preamble_rows: int = Field(default=0, ge=0)
    header_rows: int = Field(default=1, ge=1)
    encoding: Letters = "unicode"


class Html(Declared):
    """A table of an HTML page, whatever its name ends in: `.xls` files of many reports are such pages.

    `table` says which table of the page it is, counted from 1. Headings are as in a workbook;
    `preamble_rows` counts the rows of the table itself, not the text above it.
    """

    kind: Literal["html"]
    table: int = Field(default=1, ge=1)
    preamble_rows: int = Field(default=0, ge=0)
    header_rows: int = Field(default=1, ge=1)
    encoding: Encoding = "utf-8"
    compression: Compression | None = None


class Csv(Declared):
    """Delimited text, one record a line. Nothing about it is guessed.

    `compression` says how the sender usually sends it; gzip is recognised by its first bytes, and
    read either way. This is also true of the other text formats.
    """

    kind: Literal["csv"]
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    preamble_rows: int = Field(default=0, ge=0)
    encoding: Encoding = "utf-8"
    compression: Compression | None = None


class JsonEnvelope(Declared):
    """A JSON document whose records are the array at `records` (names joined by dots).

    Args:
        count: the name of the number of records that the document announces.
        pages: whether a delivery may be several such documents, one after the other: the pages of
            one answer. `count` may then be that of each page or that of all.
    """

    kind: Literal["json"]
    records: str
    count: str | None = None
    pages: bool = False
    compression: Compression | None = None


class Ndjson(Declared):
    """One JSON object a line."""

    kind: Literal["ndjson"]
    compression: Compression | None = None


class Parquet(Declared):
    """A Parquet file of plain columns. Its metadata, or a boolean column, may say `synthetic: true`."""

    kind: Literal["parquet"]


class XRoadAnswers(Declared):
    """Answers of X-Road's operational monitoring: MIME with gzip JSON, or the pages that land of it.

    Columns are placed by the protocol's current field names, whichever generation is delivered;
    `exchangeId` (xRequestId, else messageId) and `operation` are there besides.

    Args:
        operations: REST paths that count as operations of their own, as service code and path;
            `{…}` matches one step. Any other call counts under its service code and version.
    """

    kind: Literal["xroad"]
    operations: tuple[str, ...] = ()


Format = Annotated[Excel | Html | Csv | JsonEnvelope | Ndjson | Parquet | XRoadAnswers, Field(discriminator="kind")]


class Placement(Declared):
    """Where a contract column is found in the delivery, and how its text is parsed.

    Args:
        header: the heading (or JSON name) as it is printed there.
        constant: the value of every row, where the delivery does not say it.
        title: a regular expression whose one group is the value of every row: it is looked for in
            the lines above the headings (a reporting period is often printed nowhere else).
        number: `plain` 1234.5, `vi` 1.234,5 (dots group thousands), `comma` 1234,5.
        percent: the text may end in a percent sign (a cell in Excel's percent style reads as printed).
        date: the strptime format of a date or timestamp; ISO where none is given. `%s` is the
            seconds since 1970 (UTC), alone.
        values: how the delivery's words map to the contract's codes; any other word is refused.
    """

    header: str | None = None
    constant: str | None = None
    title: str | None = None
    number: NumberStyle = "plain"
    percent: bool = False
    date: str | None = None
    values: dict[str, str] | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Placement:
        if sum(origin is not None for origin in (self.header, self.constant, self.title)) != 1:
            raise RuleError(
                "give either 'header' (where it is), 'constant' (what it always is)"
                " or 'title' (what the lines above the headings say).",
                "hãy ghi đúng một trong ba: 'header' (cột ở đâu), 'constant' (giá trị cố định)"
                " hoặc 'title' (nội dung các dòng phía trên tiêu đề).",
            )
        if self.title is not None and _groups(self.title) != 1:
            raise RuleError(
                f"'{self.title}' must have exactly one group ( ) for the value.",
                f"'{self.title}' phải có đúng một nhóm ( ) cho giá trị.",
            )
        return self


def _groups(pattern: str) -> int:
    """How many groups a regular expression has.

    Raises:
        RuleError: it is none.
    """
    try:
        return re.compile(pattern).groups
    except re.error as error:
        raise no_regular_expression(pattern, error) from error


class Filter(Declared):
    """Lines that are no data (totals, column numbers): those where `header`'s text matches.

    They are counted as filtered under `code`, and kept nowhere.
    """

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    header: str
    matches: str

    @model_validator(mode="after")
    def _is_a_pattern(self) -> Filter:
        _groups(self.matches)
        return self


class Replacement(Declared):
    """How much worse than the delivery that it replaces a delivery may be; beyond that it is held back.

    One line, row or key may be lost of however few, and a sum may change by 10, unless the limit is 0; if every row is
    lost, the delivery is held back. The defaults fit the correction of a few lines.

    Args:
        quarantined_pct: at most this share of its lines is quarantined, unless that of the earlier one was as large.
        rows_lost_pct: at most this much fewer rows are accepted, in percent of the earlier ones.
        keys_lost_pct: at most this share of the earlier keys is no longer there.
        sum_change_pct: at most by this much the sum of a count column (`…_count`) changes over the keys that both have.
            Where the earlier delivery came before its month had ended, counts may grow without limit.
    """

    quarantined_pct: float = Field(default=10, ge=0, le=100)
    rows_lost_pct: float = Field(default=10, ge=0, le=100)
    keys_lost_pct: float = Field(default=10, ge=0, le=100)
    sum_change_pct: float = Field(default=50, ge=0)


class Layout(Declared):
    """One shape of delivery: the table it fills, its format, and where each column is in it.

    Args:
        mode: `snapshot` (the month's latest delivery is the whole truth of that month) or
            `increment` (deliveries of a month add up; for the same key the later row replaces the earlier).
        ignored: headings that are known to be there and carry nothing for the table.
        replacement: beyond which differences a delivery that replaces another one is held back.
    """

    table: str = Field(pattern=r"^[a-z_]+\.[a-z0-9_]+$")
    mode: Literal["snapshot", "increment"] = "snapshot"
    format: Format
    columns: dict[str, Placement]
    ignored: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    replacement: Replacement = Replacement()

    @property
    def headers(self) -> dict[str, str]:
        """Heading by contract column, for the columns that are in the delivery."""
        return {name: field.header for name, field in self.columns.items() if field.header is not None}

    @property
    def expected(self) -> tuple[str, ...]:
        """Every heading the delivery must have, each once."""
        return tuple(dict.fromkeys([*self.headers.values(), *self.ignored]))

    @model_validator(mode="after")
    def _filters_look_at_headings(self) -> Layout:
        for rule in self.filters:
            if rule.header not in self.expected:
                raise RuleError(
                    f"filter '{rule.code}' looks at '{rule.header}', which is no heading of this layout.",
                    f"bộ lọc '{rule.code}' xét '{rule.header}', không phải là tiêu đề cột nào ở đây.",
                )
        return self

    @model_validator(mode="after")
    def _answers_have_known_fields(self) -> Layout:
        for header in self.expected if isinstance(self.format, XRoadAnswers) else ():
            if header not in HEADINGS:
                names = ", ".join(HEADINGS)
                raise RuleError(
                    f"'{header}' is no field of X-Road's records that may be kept: known are {names}.",
                    f"'{header}' không phải là trường được lưu của bản ghi X-Road: có {names}.",
                )
        return self


class Calendar(Declared):
    """When the delivery of a month is due: `due_day` of the following month, `grace_days` tolerated."""

    due_day: int = Field(default=5, ge=1, le=28)
    grace_days: int = Field(default=3, ge=0)

    def due(self, month: Month) -> date:
        """The day by which the delivery of a month is due."""
        return month.plus(1).first.replace(day=self.due_day)

    def late_after(self, month: Month) -> date:
        """The last day on which the delivery of a month is not yet late."""
        return self.due(month) + timedelta(days=self.grace_days)


def _is_delivery_id(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise RuleError(
            f"'{value}' is no SHA-256 of a delivery: write its 64 digits and letters a to f, as 'dx run' prints it.",
            f"'{value}' không phải là SHA-256 của một lần giao: hãy ghi đủ 64 chữ số và chữ a đến f, như 'dx run' in.",
        )
    return value


DeliveryId = Annotated[str, AfterValidator(_is_delivery_id)]
DeliveryIds = Annotated[
    tuple[DeliveryId, ...],
    BeforeValidator(
        lambda value: (value,) if isinstance(value, str) else value,
        json_schema_input_type=str | tuple[str, ...],
    ),
]
"""One delivery, or a list of them."""


class Source(Declared):
    """One source: what it is, who owns it, how bytes are fetched, and what it delivers.

    Args:
        derived: tables that nobody delivers here because the pipeline computes them from what is
            delivered (`connection.traffic` from `connection.exchange`).
        accept: deliveries that somebody has looked at and takes, although they differ more from what they replace than
            the layout allows.
    """

    title: Bilingual
    description: Bilingual
    owner: Owner
    connector: Connector = Files(kind="files")
    calendar: Calendar = Calendar()
    deliveries: tuple[Layout, ...] = Field(min_length=1)
    derived: tuple[str, ...] = ()
    accept: DeliveryIds = ()

    @property
    def delivered(self) -> tuple[str, ...]:
        """The tables it delivers, in the order of declaration."""
        return tuple(dict.fromkeys(layout.table for layout in self.deliveries))

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it fills: what it delivers, then what is derived from that."""
        return (*self.delivered, *self.derived)


class Reference(Declared):
    """A reference table: one CSV file under `warehouse/reference/`, its headings the column names."""

    owner: Owner
    file: str = Field(pattern=r"^[a-z0-9_]+\.csv$")


def reference_source(declared: Reference, table: str, contract: Contract) -> Source:
    """A reference file, as a source whose one delivery is the whole table."""
    layout = Layout(
        table=table,
        format=Csv(kind="csv"),
        columns={name: Placement(header=name) for name in contract.columns},
    )
    return Source(title=contract.title, description=contract.grain, owner=declared.owner, deliveries=(layout,))
