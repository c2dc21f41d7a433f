"""A release in Python, and the views that analysts begin with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from deliveries import GROUPS, groups
from engine import Engine
from projects import PROJECT, TRIAL

import dx_pipeline as dx
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import create_table
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi.words import LEVEL, STATUS, WINDOW
from dx_pipeline.release import Published, named
from dx_pipeline.storage.database import fill

CODE = "community_group_count"
AFTER = date(2026, 6, 30)


@pytest.fixture(scope="module")
def release(published: tuple[Path, Published]) -> Iterator[dx.Release]:
    """The release of the trial project: three groups of May 2022."""
    opened = dx.current(published[0], TRIAL)
    yield opened
    opened.close()


def test_a_kpi_is_a_frame_of_named_values(release: dx.Release) -> None:
    found = release.kpi(CODE, level="district", window="month")
    assert isinstance(found, pd.DataFrame)
    assert dict(zip(found["unit_name"], found["value"], strict=True)) == {
        "Huyện Một": 2.0,
        "Huyện Hai": 1.0,
    }
    assert set(found["window_en"]) == {"May 2022"}
    assert set(found["window_vi"]) == {"tháng 5/2022"}
    assert found["window_end"].dtype.kind == "M"


def test_a_frame_says_what_it_is(release: dx.Release, published: tuple[Path, Published], tmp_path: Path) -> None:
    found = release.kpi(CODE)
    about = found.attrs
    assert about["title_vi"] == release.kpis()["title_vi"][lambda titles: titles.index[0]]
    assert (about["kpi_code"], about["unit_of_measure"], about["valid_from"]) == (CODE, "groups", "2022-08-15")
    assert about["release_id"] == published[1].release_id
    assert set(found.columns) <= set(about["columns"])
    assert all(about["columns"][column] for column in found.columns)
    found.to_parquet(tmp_path / "found.parquet")  # pandas writes `attrs` as JSON
    assert pd.read_parquet(tmp_path / "found.parquet").attrs == about


def test_arguments_choose_values(release: dx.Release) -> None:
    by_code = release.kpi(CODE, unit="703", month="2022-05")
    assert set(by_code["unit_code"]) == {"703"}
    assert release.kpi(CODE, unit="Huyện Một", month="2022-05").equals(by_code)
    (one,) = release.kpi(CODE, unit="703", window="2022-05").to_dict("records")
    assert (one["window_type"], one["value"]) == ("month", 2.0)
    (year_to_date,) = release.kpi(CODE, unit="703", window="2022-01:2022-05").to_dict("records")
    assert year_to_date["window_type"] == "ytd"


def test_a_frame_is_pandas_arrow_or_polars(release: dx.Release) -> None:
    expected = release.kpi(CODE, level="province")
    arrow = release.kpi(CODE, level="province", frame="arrow")
    polars = release.kpi(CODE, level="province", frame="polars")
    assert (type(arrow), type(polars)) == (pa.Table, pl.DataFrame)
    assert arrow.column_names == polars.columns == list(expected.columns)
    assert arrow["value"].to_pylist() == polars["value"].to_list()
    assert expected["value"].dropna().tolist() == arrow["value"].drop_null().to_pylist() != []


def test_a_query_reads_the_release_and_binds_its_values(release: dx.Release) -> None:
    query = "SELECT count(*) AS groups FROM programme.community_group WHERE established_on >= $day"
    assert release.sql(query, {"day": date(2022, 3, 1)})["groups"].tolist() == [2]
    assert release.sql("SELECT 1 AS one", frame="polars").to_dicts() == [{"one": 1}]
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        release.sql("DELETE FROM kpi.value")


def test_a_value_is_explained(release: dx.Release) -> None:
    found = release.explain(CODE, unit="703", window="2022-05")
    assert (found.value["value"], found.withheld) == (2.0, None)
    (delivery,) = [each for each in found.deliveries if each.table_name == "programme.community_group"]
    assert delivery.file_name == "file.dat"
    with pytest.raises(UsageError, match="'May' is no window"):
        release.explain(CODE, window="May")


@pytest.mark.parametrize(
    ("code", "asked", "sentence"),
    [
        ("groups", {}, "'groups' is no KPI of release .*; known are community_group_count, digital_.*"),
        (
            CODE,
            {"level": "ward"},
            ".* has no value with level 'ward' in release .*: it has commune, district, province.",
        ),
        (CODE, {"unit": "999"}, ".* has no value with unit '999' in release .*: see kpi.named."),
        (
            CODE,
            {"window": "2021"},
            ".* has no value with window '2021' in release .*: it has month, quarter, year, ytd.",
        ),
        (CODE, {"month": "2021-05"}, ".* has no value with month '2021-05' in release .*: it has 2022-05.*"),
        (CODE, {"system": "civil_status"}, ".* has no value with system 'civil_status' in release .*: it has none."),
    ],
)
def test_a_wrong_argument_gives_one_sentence(release: dx.Release, code: str, asked: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=f"^{sentence}$") as refused:
        release.kpi(code, **asked)
    assert "\n" not in str(refused.value)


def test_without_a_release_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^there is no release in .*: run 'dx run' first\.$"):
        dx.current(tmp_path, TRIAL)


def test_an_opened_release_stays_when_the_next_one_is_published(sealed: Engine) -> None:
    before = dx.current(sealed.settings.warehouse, TRIAL)
    sealed.put("community_group", groups(*GROUPS, "TCN-25630-02,25630,02/05/2022,,4"), name="more.csv", day=6)
    published = sealed.publish()
    after = dx.current(sealed.settings.warehouse, TRIAL)
    assert before.release_id != after.release_id == published.release_id
    assert before.kpi(CODE, level="province", window="month")["value"].tolist() == [3.0]
    assert after.kpi(CODE, level="province", window="month")["value"].tolist() == [4.0]
    assert before.explain(CODE, window="2022-05").value["value"] == 3.0


def test_the_package_is_imported_without_what_analysts_use() -> None:
    code = "import dx_pipeline, sys; print(sorted({'duckdb', 'pandas', 'pydantic'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="'dx_pipeline' has no attribute 'currant'"):
        _ = dx.currant  # type: ignore[attr-defined] # mypy says so too


def test_named_has_a_row_for_each_value_and_latest_one_for_each_kpi_unit_system_and_statistic(
    release: dx.Release,
) -> None:
    key = "kpi_code, unit_code, system, statistic"
    counts = f"""
        SELECT
            (SELECT count(*) FROM kpi.value) AS value,
            (SELECT count(*) FROM kpi.named) AS named,
            (SELECT count(*) FROM (SELECT DISTINCT {key} FROM kpi.value)) AS parts,
            (SELECT count(*) FROM kpi.latest) AS latest,
            (SELECT count(*) FROM (SELECT DISTINCT {key} FROM kpi.latest)) AS distinct_latest
    """
    (found,) = release.sql(counts).to_dict("records")
    assert found["value"] == found["named"] > found["parts"] > 0
    assert found["latest"] == found["distinct_latest"] == found["parts"]


def test_latest_is_the_last_window_that_has_a_value(release: dx.Release) -> None:
    query = "SELECT window_type, window_end, value FROM kpi.latest WHERE kpi_code = $code AND unit_level = 'province'"
    (found,) = release.sql(query, {"code": CODE}).to_dict("records")
    assert found == {"window_type": "ytd", "window_end": pd.Timestamp(2022, 5, 31), "value": 3.0}


def test_every_column_of_the_views_has_a_comment_and_codes_are_in_words(release: dx.Release) -> None:
    query = (
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE table_name IN ('named', 'latest', 'value')"
    )
    comments = {(row.table_name, row.column_name): row.comment for row in release.sql(query).itertuples()}
    assert all(isinstance(comment, str) and " / " in comment for comment in comments.values())
    for table in ("value", "named", "latest"):
        for column, codes in {"status": STATUS, "unit_level": LEVEL, "window_type": WINDOW}.items():
            for code, words in codes.items():
                assert f"{code} = {words.vi} / {words.en}" in comments[table, column]
        assert "service_catalogue = " in comments[table, "system"]


@pytest.fixture(scope="module")
def through_the_merger() -> Iterator[tuple[duckdb.DuckDBPyConnection, list[tuple[str, str, date]]]]:
    """Values of Tây Ninh's units on the first and last day of each of their rows, and the names that they have then."""
    declared: Catalogue = catalogue.load(PROJECT)
    with duckdb.connect() as connection:
        for table in ("reference.admin_unit", "reference.agency", "reference.system", "kpi.definition", "kpi.value"):
            schema, _, name = table.partition(".")
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            connection.execute(create_table(table, declared.contracts[table].published))
            path = PROJECT / "warehouse" / "reference" / f"{name}.csv"
            if schema == "reference":
                connection.execute(
                    f"INSERT INTO {table} BY NAME FROM read_csv($path, all_varchar = true)", {"path": str(path)}
                )
        fill(connection, "kpi.definition", [{"kpi_code": CODE, "title_vi": "Tổ", "title_en": "Groups"}])
        dated = connection.execute(
            """
            SELECT unit_code, name_vi, day
            FROM (
                SELECT unit_code, name_vi, valid_from, valid_to FROM reference.admin_unit
                UNION ALL
                SELECT unit_code, name_vi, valid_from, valid_to FROM reference.agency WHERE agency_level = 'specialised'
            ), unnest([valid_from, coalesce(valid_to, $after)]) AS days(day)
            """,
            {"after": AFTER},
        ).fetchall()
        rows = [
            {
                "kpi_code": CODE,
                "unit_code": unit,
                "window_type": "month",
                "window_start": day.replace(day=1),
                "window_end": day,
            }
            for unit, _, day in dated
        ]
        fill(connection, "kpi.value", rows)
        named.create(connection, declared)
        yield connection, dated


def test_units_have_the_name_of_the_windows_last_day_through_the_merger(through_the_merger: Any) -> None:
    connection, dated = through_the_merger
    found = connection.execute("SELECT unit_code, unit_name, window_end FROM kpi.named").fetchall()
    assert sorted(found) == sorted(dated)
    names = {(unit, day): name for unit, name, day in found}
    assert names["H53.11", date(2025, 2, 28)] == "Sở Nông nghiệp và Phát triển nông thôn"
    assert names["H53.11", date(2025, 3, 1)] == "Sở Nông nghiệp và Môi trường"
    merger = date(2025, 7, 1)
    renamed = {
        unit
        for unit, day in names
        if day == merger and names.get((unit, merger - timedelta(1)), names[unit, day]) != names[unit, day]
    }
    assert renamed, "no unit has another name after the merger"
