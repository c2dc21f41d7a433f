"""Nobody who has all of `current/` finds a count of dossiers that was withheld, over all KPIs, views and tables."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from engine import Engine
from projects import PROJECT
from public_numbers import (
    OF_DIFFERENCE,
    OF_KPIS,
    OF_SUMMARY,
    THRESHOLD,
    Number,
    Reader,
    confined_in_form,
    of_summary,
    of_values,
)

from dx_pipeline import release
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.kpi.figure import protected
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.no_cover,  # an attacker calculates in Python: tracing it takes as long again
]

MONTHS = list(Month(2022, 1).through(Month(2022, 6)))
Row = dict[str, Any]
RATE_OF_ALL = "online_dossier_rate"
SUMMARY, RETURN = "statistics.dossier_summary", "statistics.return_06a"

RATE = """\
type: dx_pipeline.components.Kpi
attributes:
  title: {{vi: Thử, en: Trial}}
  owner: team:thu
  unit_of_measure: percent
  of: {view}
  versions:
    - version: 1
      counted: {counted}
      among: true
{more}
      valid_from: 2022-01-01
      legal_basis: {{vi: Thử, en: Trial}}
      formula: {{vi: Thử, en: Trial}}
"""


STILL_IN_PROGRESS = "      plus: {of: dossier_open, counted: NOT is_overdue, among: true}"


def read(files: str) -> list[Row]:
    """Rows of Parquet files with KPI values or a summary."""
    found = duckdb.read_parquet(files, hive_partitioning=False)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def ask(database: Path, query: str) -> list[Row]:
    """Rows of a query over a database."""
    with duckdb.connect(database, read_only=True) as connection:
        found = connection.execute(query)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@dataclass(frozen=True)
class Release:
    """What is in `current/`, and what is not."""

    current: Path
    engine: Engine

    def rows(self, query: str) -> list[Row]:
        """Rows of a query over the public database."""
        return ask(self.current / "dx.duckdb", query)

    def inside(self, query: str) -> list[Row]:
        """Rows of a query over the internal database."""
        return ask(self.current.parent / "internal" / "dx_internal.duckdb", query)

    def values(self) -> list[Row]:
        """The values of all KPIs, from the files beside the database."""
        return read(f"{self.current}/kpi/value.parquet")

    def reader(self, values: Sequence[Row], summary: Sequence[Row]) -> Reader:
        """Somebody who has these rows, and knows the units and the calendar."""
        units = self.rows("SELECT unit_code, parent_code FROM reference.admin_unit WHERE valid_from <= '2022-06-30'")
        above = {row["unit_code"]: row["parent_code"] for row in units}
        above |= {row["unit_code"]: "72" for row in values if row["unit_level"] == "agency"}
        values = [row for row in values if row["system"] is None and row["part_start"] is None]
        windows = [(row, (row["unit_code"], row["window_start"], row["window_end"])) for row in values]
        usage = [(row, where) for row, where in windows if row["kpi_code"] == "service_usage_rate"]
        return Reader(
            above,
            sorted(above),
            MONTHS,
            {**dict(of_values(values)), **dict(of_summary(summary))},
            frozenset(w for row, w in windows if row["withheld_reason"] == "silent" and row["kpi_code"] in OF_KPIS),
            {where: int(row["numerator"]) for row, where in usage if row["numerator"] is not None},
        )

    def truth(self, reader: Reader) -> np.ndarray:
        """How many dossiers each atom of the reader has."""
        received = "unit_code, date_trunc('month', received_on)::DATE, channel = 'online', has_online_service"
        received += ", is_full_online_eligible, is_channel_missing, has_fee_to_pay, has_fee_to_pay AND is_paid_online"
        settled = "unit_code, date_trunc('month', ended_on)::DATE, channel = 'online', is_late, has_result_document"
        settled += ", has_result_document AND has_electronic_result, is_digitised"
        in_progress = "unit_code, date_trunc('month', open_on)::DATE, is_overdue"
        found = np.zeros(len(reader.every_atom))
        for event, columns in (("received", received), ("settled", settled), ("open", in_progress)):
            for unit, day, *answers, count in self.engine.view(
                f"dossier_{event}", f"{columns}, count(*)", "excluded IS NULL GROUP BY ALL"
            ):
                if (atom := reader.every_atom.get((event, unit, Month.of(day), tuple(answers)))) is not None:
                    found[atom] += count
        return found


def candidates(values: Sequence[Row], summary: Sequence[Row]) -> Iterator[Number]:
    """Every number that would be in these rows, withheld ones among them."""
    for row in values:
        if row["withheld_reason"] in {None, "few_dossiers"}:
            filled = {**row, "numerator": 0, "denominator": 0}
            yield from (number for number, _ in of_values([filled]))
    for row in summary:
        names = (row["withheld_columns"] or "").split(", ") if row["withheld_reason"] == "few_dossiers" else []
        yield from (number for number, _ in of_summary([{**row, **dict.fromkeys(filter(None, names), 0)}]))


@pytest.fixture(scope="module")
def published(province: dict[str, Any], declared_province: Catalogue) -> Release:
    settings = Settings(province["warehouse"], PROJECT)
    return Release(settings.current.resolve(), Engine(settings, declared_province))


@pytest.fixture(scope="module")
def declared_province() -> Catalogue:
    return catalogue.load(PROJECT)


@pytest.fixture(scope="module")
def several_views(province: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The same dossiers, with rates of those settled, and a copy of a view under another name."""
    folder = tmp_path_factory.mktemp("several_views")
    for part in ("assets", "checks"):
        shutil.copytree(PROJECT / part, folder / part)
    shutil.copytree(folder / "assets/view/dossier_received", folder / "assets/view/dossier_copied")
    for code, view, counted, more in (
        ("copied_rate", "dossier_copied", "channel = 'online'", ""),
        ("late_rate", "dossier_settled", "is_late", ""),
        ("settled_online_rate", "dossier_settled", "channel = 'online'", ""),
        ("timely_rate", "dossier_settled", "NOT is_late", STILL_IN_PROGRESS),
        ("content_rate", "dossier_settled", "true", "      less: [is_late, channel = 'online']"),
    ):
        (folder / "assets/kpi" / code).mkdir()
        text = RATE.format(view=view, counted=counted, more=more)
        (folder / "assets/kpi" / code / "defs.yaml").write_text(text, encoding="utf-8")
    settings = Settings(folder / "warehouse", folder)
    for part in ("tables", "landing"):
        shutil.copytree(province["warehouse"] / part, settings.warehouse / part)
    declared = catalogue.load(folder)
    first, *others = declared.evaluated
    assert evaluate(settings, declared, first, beside=others).run.published
    release.publish(settings, declared)
    return Release(settings.current.resolve(), Engine(settings, declared))


def attack(found: Release, values: Sequence[Row], summary: Sequence[Row], one_in: int | None) -> Iterator[Number]:
    """The small numbers that some rows confine: of one in so many districts, each for itself, or of all at once."""
    reader = found.reader(values, summary)
    truth, every = found.truth(reader), set(candidates(values, summary))
    for number, value in reader.shown.items():
        assert truth[reader.atoms(number)].sum() == value, number
        assert value >= THRESHOLD or number[0] in OF_DIFFERENCE.values(), number
    small = sorted(
        (
            number
            for number in every
            if (0 if number[0] not in OF_DIFFERENCE.values() else 1) <= truth[reader.atoms(number)].sum() < THRESHOLD
            and number[1:] not in reader.empty
        ),
        key=lambda number: (number[1].isdecimal(), number),  # agencies first: they add up to the province
    )
    assert len(small) > 500
    districts = sorted(unit for unit in reader.above if len(unit) == len("703"))
    for unit in ["72"] if one_in is None else districts[::one_in]:
        one = reader.within(unit)
        yield from one.confined(number for number in small if number[1] in one.above)


@pytest.mark.parametrize("one_in", [3, pytest.param(1, marks=pytest.mark.long)])
def test_no_small_count_is_confined_by_all_that_is_published_of_its_district(
    several_views: Release, one_in: int
) -> None:
    summary = several_views.rows(f"FROM {SUMMARY}")
    assert not list(attack(several_views, several_views.values(), summary, one_in))


def few_differences(values: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Where two numbers of one unit and window differ by few dossiers, of which one counts a part of the other.

    Those online are a part of all, those of procedures with a service, or eligible ones, of those of all procedures.
    """
    shown: dict[tuple[Any, ...], dict[str, tuple[int, int]]] = {}
    for row in values:
        if row["kpi_code"].startswith(RATE_OF_ALL) and row["numerator"] is not None:
            where = (row["unit_code"], row["window_type"], row["window_start"], row["window_end"])
            shown.setdefault(where, {})[row["kpi_code"]] = (int(row["numerator"]), int(row["denominator"]))
    few = []
    for where, rates in shown.items():
        every = rates.get(RATE_OF_ALL)
        for online, total in rates.values():
            differences = [total - online]
            if every is not None:
                differences += [every[0] - online, every[1] - total]
            few += [(*where, difference) for difference in differences if 0 < difference < THRESHOLD]
    return few


@pytest.mark.parametrize("name", ["published", "several_views"])
def test_no_two_numbers_of_one_unit_and_window_differ_by_few_dossiers(
    name: str, request: pytest.FixtureRequest
) -> None:
    assert few_differences(request.getfixturevalue(name).values()) == []


@pytest.fixture(scope="module")
def naive(several_views: Release, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], list[Row]]:
    """The values and the summary where only what is small itself is withheld."""
    declared = several_views.engine.catalogue
    everything = replace(declared, province=declared.province.model_copy(update={"suppress_below": 0}))
    settings = replace(several_views.engine.settings, warehouse=tmp_path_factory.mktemp("naive"))
    not_evaluated = shutil.ignore_patterns("kpi.value", SUMMARY)
    shutil.copytree(several_views.engine.settings.tables, settings.tables, ignore=not_evaluated)
    first, *others = sorted(protected(declared))
    assert evaluate(settings, everything, first, beside=others).run.published
    values = [row for row in read(f"{settings.tables}/kpi.value/*/rows.parquet") if row["units_on"] is None]
    for row in values:
        if any(row[name] is not None and row[name] < THRESHOLD for name in ("numerator", "denominator")):
            row.update(dict.fromkeys(("numerator", "denominator", "value")), withheld_reason="few_dossiers")
    summary = read(f"{settings.tables}/{SUMMARY}/*/rows.parquet")
    for row in summary:
        small = [name for name in OF_SUMMARY if row[name] is not None and row[name] < THRESHOLD]
        if small:
            row.update(dict.fromkeys(small), withheld_columns=", ".join(small), withheld_reason="few_dossiers")
    return values, summary


def test_small_differences_are_there_where_only_small_numbers_are_withheld(
    naive: tuple[list[Row], list[Row]],
) -> None:
    assert few_differences(naive[0])


@pytest.mark.long
@pytest.mark.parametrize("name", ["published", "several_views"])
def test_no_small_count_is_confined_over_all_units(name: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(name)
    assert not list(attack(found, found.values(), found.rows(f"FROM {SUMMARY}"), None))


def test_the_same_attack_finds_counts_where_only_small_ones_are_withheld(
    several_views: Release, naive: tuple[list[Row], list[Row]]
) -> None:
    assert next(attack(several_views, *naive, one_in=1))


def test_every_empty_cell_is_marked(published: Release) -> None:
    for table in (SUMMARY, RETURN):
        for row in published.rows(f"FROM {table}"):
            empty = [name for name, value in row.items() if name.endswith("_count") and value is None]
            if row.get("unit_level", "province") != "province":
                empty.remove("received_channel_missing_count")  # of the province alone
            assert ", ".join(empty) == (row["withheld_columns"] or "")
            assert table == RETURN or (row["withheld_reason"] is None) == (not empty)


@pytest.mark.parametrize("until", ["2022-01-31", pytest.param("2022-06-30", marks=pytest.mark.long)])
def test_no_small_cell_of_form_06a_is_confined(published: Release, until: str) -> None:
    query = f"FROM {RETURN} WHERE period_end <= '{until}'"
    shown, truth = published.rows(query), published.inside(query)
    assert len(shown) == len(truth) > 50
    assert any(row["settled_total_count"] for row in shown)
    assert not list(confined_in_form(shown, truth))


def test_the_same_attack_finds_cells_of_form_06a_where_only_small_ones_are_withheld(published: Release) -> None:
    truth = published.inside(f"FROM {RETURN}")
    counts = [name for name in truth[0] if name.endswith("_count")]
    shown = [{**row, **{name: None for name in counts if row[name] < THRESHOLD}} for row in truth]
    assert next(confined_in_form(shown, truth))
