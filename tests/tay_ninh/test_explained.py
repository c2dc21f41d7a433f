"""`dx explain` on the sample province: every kind of value answers, and leads to the delivered files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from projects import PROJECT, Dx
from rich.console import Console

from dx_pipeline.cli import explain as cli
from dx_pipeline.cli import reader, screen
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.period import Window
from dx_pipeline.release.explanation import Explanation, Question, Released, opened
from dx_pipeline.release.explanation.rows import Counted, Ranges
from dx_pipeline.settings import Settings
from dx_pipeline.storage.files import digest

Row = dict[str, Any]
LIMITED = ("statistics.dossier", "statistics.portal_sync", "statistics.return_06a")
KINDS = (
    *("definition_version", "window_type", "unit_level", "statistic", "withheld_reason"),
    *("system IS NULL", "part_start IS NULL"),
)
"""What decides how a value of a KPI is explained."""


@pytest.fixture(scope="module")
def warehouse_of_sample(province: dict[str, Any]) -> Settings:
    return Settings(Path(province["warehouse"]), PROJECT, threads=1)


@pytest.fixture(scope="module")
def released(warehouse_of_sample: Settings, declared: Catalogue) -> Iterator[Released]:
    with opened(warehouse_of_sample, declared) as found:
        yield found


def values(released: Released, condition: str) -> list[Row]:
    found = released.connection.execute(f"SELECT * FROM kpi.value WHERE {condition} ORDER BY ALL")
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def of_row(released: Released, row: Row) -> Explanation:
    window = Window(row["window_type"], row["window_start"], row["window_end"])
    places = (row["part_start"], row["system"], row["statistic"])
    return released.explain(Question(row["kpi_code"], row["unit_code"], window, *places))


def problems(row: Row, found: Explanation) -> Iterator[str]:
    """What is wrong with the explanation of a value."""
    if {name: found.value[name] for name in row} != row:
        yield "it is of another value"
    if (row["value"] is None) != (found.withheld is not None):
        yield "it does not say why there is no value"
    if (row["withheld_reason"] == "definition_changed") != bool(found.parts):
        yield "it has not the parts of the window"
    if row["withheld_reason"] == "incomplete" and all(each.state != "missing" for each in found.partitions):
        yield "it does not say what is missing"
    if not all(counts_agree(row, item) for item in found.counted):
        yield "the rows are not those of the value"
    yield from given_away(row, found)
    json.dumps(found.as_json(), default=str)


def given_away(row: Row, found: Explanation) -> Iterator[str]:
    """What an explanation says of rows that nobody may count."""
    of_units = {each.table_name for each in found.deliveries if each.lines_of == "unit"}
    if "statistics.dossier" in of_units:
        yield "it names lines of dossiers"
    for each in found.deliveries:
        if each.table_name in LIMITED and (each.delivery_id, each.rows_in, each.lines) != (None, None, None):
            yield f"it says how many rows of {each.table_name} are in {each.file_name}"
    counts = [item.row_count for item in found.counted if item.row_count is not None]
    if all(row[name] is None for name in ("value", "numerator", "denominator")) and (of_units or counts):
        yield "it counts what is withheld"


def counts_agree(row: Row, item: Counted) -> bool:
    """Whether the rows that an explanation counts are those of the value, where it counts rows."""
    if item.row_count is None or item.item is not None:
        return True
    if item.among == "true":
        return (item.counted_count, item.row_count) == (row["numerator"], row["denominator"])
    return item.among is not None or item.counted != "true" or item.row_count == row["numerator"]


@pytest.fixture(scope="module")
def explanations(released: Released) -> list[tuple[Row, Explanation]]:
    """A row of `kpi.value` for each kind of row that a KPI has, and its explanation."""
    order = "ORDER BY hash(unit_code, window_end, system)"
    places = ", ".join(f"row_number() OVER (PARTITION BY kpi_code, {kind} {order})" for kind in KINDS)
    return [(row, of_row(released, row)) for row in values(released, f"true QUALIFY least({places}) = 1")]


def test_every_kind_of_value_is_explained(released: Released, explanations: list[tuple[Row, Explanation]]) -> None:
    assert {row["kpi_code"] for row, _ in explanations} == set(released.catalogue.kpis)
    wrong = [(row, problem) for row, found in explanations for problem in problems(row, found)]
    assert wrong == []


@pytest.mark.long
def test_every_value_is_explained(released: Released) -> None:
    rows = values(released, "true")
    wrong = [(row, problem) for row in rows for problem in problems(row, of_row(released, row))]
    assert wrong == []


def test_a_figure_is_found_again_in_the_files_that_its_explanation_names(released: Released) -> None:
    """A rate, worked out from nothing but its explanation, the files and the two lists of units."""
    row, *_ = values(
        released,
        "kpi_code = 'online_dossier_rate' AND unit_level = 'agency' AND window_type = 'month' AND value IS NOT NULL",
    )
    found = of_row(released, row)
    heading = {(each.role, each.column_name): each.headings[0].text for each in found.lineage if each.headings}
    latest: dict[str, Row] = {}
    for delivery in found.deliveries:
        if delivery.table_name == "statistics.dossier":
            path = released.settings.inbox / delivery.source / str(delivery.month) / delivery.file_name
            _, *lines = path.read_text(encoding="utf-8-sig").splitlines()
            for dossier in csv.DictReader(lines, delimiter=";"):
                latest[dossier[heading["key", "dossier_code"]]] = dossier
    agencies = agencies_of(row["unit_code"], row["window_end"])
    of_month = [
        dossier[heading["numerator", "channel"]]
        for dossier in latest.values()
        if dossier[heading["unit", "agency_code"]] in agencies
        and dossier[heading["date", "received_on"]].endswith(f"{row['window_end']:/%m/%Y}")
    ]
    assert (of_month.count("Trực tuyến"), len(of_month)) == (row["numerator"], row["denominator"])


def test_inside_the_office_the_lines_named_are_the_dossiers_that_count(
    released: Released, warehouse_of_sample: Settings, declared: Catalogue
) -> None:
    """Of the district with most dossiers: each line named, and no other, is one of them in its latest state."""
    row = max(
        values(released, "kpi_code = 'online_dossier_rate' AND unit_level = 'district' AND window_end = '2022-04-30'"),
        key=lambda row: (row["window_type"] == "month", row["denominator"] or 0),
    )
    with opened(warehouse_of_sample, declared, for_inside=True) as seen:
        found = of_row(seen, row)
    latest: dict[str, tuple[str, int, Row]] = {}
    for each in (each for each in found.deliveries if each.table_name == "statistics.dossier"):
        path = warehouse_of_sample.landing / each.source / str(each.month) / str(each.delivery_id) / "content"
        assert digest(path) == each.delivery_id
        with path.open(encoding="utf-8-sig", newline="") as file:
            next(file)  # the title
            for line, dossier in enumerate(csv.DictReader(file, delimiter=";"), start=3):
                latest[dossier["Mã hồ sơ"]] = (str(each.delivery_id), line, dossier)
    agencies = agencies_of(row["unit_code"], row["window_end"])
    of_unit = [
        (delivery, line, dossier["Kênh nộp"] == "Trực tuyến")
        for delivery, line, dossier in latest.values()
        if dossier["Cơ quan tiếp nhận"] in agencies and dossier["Ngày tiếp nhận"].endswith("/04/2022")
    ]
    named = [each for each in found.deliveries if each.lines_of == "unit" and each.table_name == "statistics.dossier"]
    assert len(named) > 1  # some have a newer state, which came with May
    assert lines_in((each.delivery_id, each.lines) for each in named) == sorted(each[:2] for each in of_unit)
    online = sorted(each[:2] for each in of_unit if each[2])
    assert lines_in((each.delivery_id, each.counted_lines) for each in named) == online
    assert (len(online), len(of_unit)) == (row["numerator"], row["denominator"])
    assert [(item.counted_count, item.row_count) for item in found.counted] == [(len(online), len(of_unit))]


@pytest.mark.parametrize("code", ["digitised_dossier_rate", "dossier_paid_online_rate", "on_time_rate"])
def test_inside_the_office_every_row_that_counts_has_its_line(
    released: Released, warehouse_of_sample: Settings, declared: Catalogue, code: str
) -> None:
    """Also of dossiers that ended before their month's file was made, in the month after."""
    condition = f"kpi_code = '{code}' AND unit_level = 'district' AND window_type = 'month'"
    rows = values(released, f"{condition} AND value IS NOT NULL AND window_start = '2022-03-01'")
    with opened(warehouse_of_sample, declared, for_inside=True) as seen:
        found = of_row(seen, max(rows, key=lambda row: row["denominator"]))
    named = [each for each in found.deliveries if each.lines_of == "unit" and each.table_name == "statistics.dossier"]
    lines = lines_in((each.delivery_id, each.lines) for each in named)
    assert len(lines) == sum(item.row_count or 0 for item in found.counted) > 0


def lines_in(named: Iterable[tuple[str | None, Ranges | None]]) -> list[tuple[str | None, int]]:
    """Every single line of ranges, with its delivery."""
    return sorted(
        (delivery, line)
        for delivery, ranges in named
        for first, last in ranges or ()
        for line in range(first, last + 1)
    )


def agencies_of(unit: str, day: date) -> set[str]:
    """The agencies of a unit and of those directly below it on a day, from the reference files."""

    def listed(name: str) -> list[dict[str, str]]:
        text = (PROJECT / "warehouse" / "reference" / f"{name}.csv").read_text(encoding="utf-8")
        rows = csv.DictReader(io.StringIO(text))
        return [row for row in rows if row["valid_from"] <= str(day) <= (row["valid_to"] or "9999")]

    units = {unit, *(row["unit_code"] for row in listed("admin_unit") if row["parent_code"] == unit)}
    return {row["agency_code"] for row in listed("agency") if row["unit_code"] in units}


def test_every_column_that_is_always_delivered_leads_to_a_heading(
    released: Released, explanations: list[tuple[Row, Explanation]]
) -> None:
    for row, found in explanations:
        for origin in found.lineage:
            contract = released.catalogue.contracts[origin.table_name]
            column = contract.columns.get(origin.column_name)
            is_delivered = contract.origin in {"delivered", "reference"} and column is not None and column.required
            assert origin.headings or origin.derived_from or not is_delivered, (row["kpi_code"], origin)


def test_the_parts_of_a_divided_window_are_asked_for_one_by_one(warehouse_of_sample: Settings, dx: Dx) -> None:
    shown = dx(
        "explain", "service_usage_rate", "--window", "2022", "--lang", "en", warehouse=warehouse_of_sample.warehouse
    )
    assert shown.returncode == 0, shown.stderr
    assert "--window 2022 --part 2022-08-15" in shown.stdout


@pytest.mark.parametrize("language", ["vi", "en"])
def test_an_explanation_fits_into_80_columns(
    explanations: list[tuple[Row, Explanation]], monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(screen, "OUT", Console(file=written, width=80, highlight=False))
    monkeypatch.setenv(reader.LANGUAGE, language)
    for _, found in explanations:
        cli.show(found)
    lines = written.getvalue().splitlines()
    assert not [line for line in lines if len(line) > 80]
    assert not [line for line in lines if "…" in line]
    words = {"vi": "Lần giao", "en": "Deliveries"}
    assert words[language] in lines


def test_json_has_what_the_function_returns(warehouse_of_sample: Settings, released: Released, dx: Dx) -> None:
    arguments = ("connection_availability", "--window", "2022-Q2", "--system", "public_post", "--statistic", "caller")
    shown = dx("explain", *arguments, "--json", warehouse=warehouse_of_sample.warehouse)
    assert shown.returncode == 0, shown.stderr
    question = Question(arguments[0], None, Window.parse("2022-Q2"), None, "public_post", "caller")
    assert json.loads(shown.stdout) == json.loads(json.dumps(released.explain(question).as_json(), default=str))
    assert {each["source"] for each in json.loads(shown.stdout)["deliveries"]} == {"public_post"}


def test_by_default_the_window_is_the_one_that_is_shown_where_few_are(released: Released) -> None:
    found = released.explain(Question("online_dossier_rate"))
    assert (str(found.window), found.value["unit_level"]) == ("2022-01:2022-06", "province")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("online_dossier_rate", "--window", "2022-02:2022-06"), "is no year to date: write it from January on"),
        (("online_dossier_rate", "--window", "2022-Q5"), "'2022-Q5' is no window: write 2022-04, 2022-Q2, 2022, or"),
        (("online_dossier_rate", "--window", "2023"), "has no value of 2023: there are 2022 to 2022."),
        (("connection_availability", "--system", "land"), "has no system 'land': known are business_registration,"),
        (
            ("connection_availability", "--statistic", "p50"),
            "has no statistic 'p50': known are attempt, caller, exchange.",
        ),
        (("service_usage_rate", "--window", "2022", "--part", "2022-08-01"), "parts begin on 2022-01-01, 2022-08-15."),
    ],
)
def test_wrong_questions_end_with_one_sentence_and_status_2(
    warehouse_of_sample: Settings, dx: Dx, arguments: tuple[str, ...], sentence: str
) -> None:
    refused = dx("explain", *arguments, warehouse=warehouse_of_sample.warehouse)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert sentence in refused.stderr
