"""A published figure is recomputed from its own counts: rounding is no difference, anything beyond it is flagged."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import duckdb
import pytest
from deliveries import GROUPS, groups
from engine import Engine
from hypothesis import given
from hypothesis import strategies as st
from projects import TRIAL

from dx_pipeline import release
from dx_pipeline.cli.reader import LANGUAGE
from dx_pipeline.cli.reference import quarantined
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.declarations.sql import create_table, sql_file
from dx_pipeline.ingest import ingest
from dx_pipeline.storage.database import insert

pytestmark = pytest.mark.slow

FIGURE, VALUE, COMPARISON = "programme.published_figure", "kpi.value", "kpi.published_comparison"
PRINTED = {
    "kpi_code": "online_dossier_rate",
    "unit_code": "72",
    "period_start": "2022-01-01",
    "period_end": "2022-06-30",
    "unit_of_measure": "percent",
    "value_as_published": "as printed",
    "is_approximate": "false",
    "source": "trial",
    "certainty": "U",
}


def compared(declared: Catalogue, figures: Sequence[Mapping[str, Any]], columns: str) -> list[tuple[Any, ...]]:
    """Columns of the comparison of some figures with no measured value, in their order."""
    contracts = {name: declared.contracts[name] for name in (FIGURE, VALUE, COMPARISON)}
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA programme; CREATE SCHEMA kpi")
        for name, contract in contracts.items():
            connection.execute(create_table(name, contract.published))
        known = contracts[FIGURE].published
        rows = [
            {
                **dict.fromkeys(known),
                **PRINTED,
                "is_approximate": False,
                "period_start": None,
                "period_end": None,
                "indicator_vi": f"{number:06}",
                **figure,
            }
            for number, figure in enumerate(figures)
        ]
        insert(connection, FIGURE, rows, arrow_schema(contracts[FIGURE], known))
        connection.execute(sql_file(release.__file__, "published_comparison"), {"reported": []})
        return connection.execute(f"SELECT {columns} FROM {COMPARISON} ORDER BY indicator_vi").fetchall()


def printed(exact: Fraction, decimals: int) -> Decimal:
    """A number as it is printed: rounded half up."""
    place = Decimal(1).scaleb(-decimals)
    with_more = Decimal(exact.numerator * 10**12 // exact.denominator).scaleb(-12)
    return with_more.quantize(place, ROUND_HALF_UP)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**7), st.integers(1, 10**7), st.integers(0, 4), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_half_up_is_never_flagged_and_one_more_in_the_last_place_always(
    declared: Catalogue, drawn: list[tuple[int, int, int, bool]]
) -> None:
    figures, expected = [], []
    for numerator, denominator, decimals, is_raised in drawn:
        rounded = printed(Fraction(100 * numerator, denominator), decimals)
        shown = rounded + Decimal(1).scaleb(-decimals) if is_raised else rounded
        counts = {"numerator": numerator, "denominator": denominator, "decimals_published": decimals}
        figures.append({**counts, "value": float(shown)})
        expected.append((float(rounded), is_raised))
    assert compared(declared, figures, "recomputed_value, is_beyond_rounding") == expected


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        # 960/1,818 = 52.805…%, printed with one decimal.
        ({"value": 52.8, "decimals_published": 1, "numerator": 960, "denominator": 1818}, (52.8, 0, False)),
        # 731/1,777 = 41.136…%.
        ({"value": 41.11, "decimals_published": 2, "numerator": 731, "denominator": 1777}, (41.14, -0.03, True)),
        # A count is its own numerator.
        ({"value": 484, "decimals_published": 0, "numerator": 484, "unit_of_measure": "groups"}, (484, 0, False)),
        ({"value": 484, "decimals_published": 0, "numerator": 485, "unit_of_measure": "groups"}, (485, -1, True)),
        # A ratio without its denominator, or without counts, cannot be recomputed.
        ({"value": 96, "decimals_published": 0, "numerator": 1777}, (None, None, None)),
        ({"value": 34.37, "decimals_published": 2}, (None, None, None)),
        # About 96%: nobody claims that it is exact.
        (
            {"value": 96, "decimals_published": 0, "numerator": 9, "denominator": 10, "is_approximate": True},
            (90, 6, None),
        ),
    ],
)
def test_what_follows_from_the_counts_that_were_published(
    declared: Catalogue, figure: dict[str, Any], expected: tuple[object, ...]
) -> None:
    columns = "recomputed_value, recomputed_difference, is_beyond_rounding"
    assert compared(declared, [figure], columns) == [expected]


def with_figures(engine: Engine, *figures: Mapping[str, object]) -> Engine:
    """The engine in a warehouse of which the published figures are these."""
    path = engine.settings.warehouse / "reference" / "published_figure.csv"
    shutil.copytree(TRIAL / "warehouse" / "reference", path.parent, dirs_exist_ok=True)
    names = list(engine.catalogue.contracts[FIGURE].columns)
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows({"indicator_vi": f"Số {number}", **PRINTED, **each} for number, each in enumerate(figures))
    return engine


def test_a_figure_is_beside_the_value_of_its_period_or_the_reason_why_there_is_none(engine: Engine) -> None:
    count: dict[str, Any] = {
        "kpi_code": "community_group_count",
        "value": 5,
        "decimals_published": 0,
        "unit_of_measure": "groups",
    }
    rate: dict[str, Any] = {"value": 17.65, "decimals_published": 2}
    may = {"period_start": "2022-05-01", "period_end": "2022-05-31"}
    with_figures(engine, count | may, rate | may, rate | may | {"kpi_code": ""})
    engine.put("community_group", groups(*GROUPS, title="# SYNTHETIC"))
    made = engine.publish()
    with duckdb.connect(str(made.path / "public" / "dx.duckdb"), read_only=True) as connection:
        columns = "measured_value, measured_difference, not_measured_reason, synthetic"
        found = connection.execute(f"SELECT {columns} FROM {COMPARISON} ORDER BY indicator_vi").fetchall()
    assert found == [
        (3, -2, None, True),
        (None, None, "incomplete", False),  # nothing was delivered for dossiers
        (None, None, "no_kpi", False),
    ]


def test_a_figure_that_belongs_to_no_value_of_its_kpi_is_named_with_its_line(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = {"kpi_code": "community_group_count", "value": 5, "decimals_published": 0, "unit_of_measure": "groups"}
    wrong: dict[str, dict[str, object]] = {
        "unknown_reference": {"kpi_code": "community_groups"},
        "unknown_unit": {"unit_code": "27"},
        "no_window": {"period_start": "2022-05-02", "period_end": "2022-05-02"},
        "other_unit_of_measure": {"unit_of_measure": "percent"},
        "more_decimals_than_published": {"value": 5.1},
        "unit_not_in_force": {"period_start": "2003-01-01", "period_end": "2003-12-31"},
    }
    not_ours = {"kpi_code": "", "period_start": "2022-05-02", "period_end": "2022-05-02", "unit_of_measure": "points"}
    with_figures(engine, right, right | not_ours, *(right | each for each in wrong.values()))
    ingest(engine.settings, engine.catalogue, "published_figure", [None])
    found = quarantined(engine.settings, engine.catalogue)
    assert [(row.file, row.line, row.reason_code) for row in found] == [
        ("published_figure.csv", line, code) for line, code in enumerate(wrong, start=4)
    ]
    said = {
        "en": ("line 4, kpi_code: there is no such code in", "correct it, run 'dx run' again"),
        "vi": ("dòng 4, kpi_code: mã này không có trong danh mục", "sửa rồi chạy lại 'dx run'"),
    }
    for language, (why, remedy) in said.items():
        monkeypatch.setenv(LANGUAGE, language)
        assert why in found[0].sentence
        assert all(remedy in row.sentence for row in found)
