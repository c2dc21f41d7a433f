"""Changes of the sample's values: every pair of shown values has its row, and every row adds up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from dx_pipeline.kpi.change import PARTS


@pytest.fixture(scope="module")
def connection(province: dict[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published database of the sample."""
    with duckdb.connect(f"{province['warehouse']}/current/dx.duckdb", read_only=True) as opened:
        yield opened


def test_every_row_adds_up_and_only_rounding_is_called_so(connection: duckdb.DuckDBPyConnection) -> None:
    ((rows, wrong, beyond),) = connection.execute(
        f"""
        SELECT
            count(*),
            count(*) FILTER (difference <> {" + ".join(PARTS)}),
            count(*) FILTER (abs(rounding) > 10.0 ** -decimals + 0.00001)
        FROM kpi.change
        JOIN (SELECT DISTINCT kpi_code, decimals FROM kpi.definition) USING (kpi_code)
        """
    ).fetchall()
    assert rows > 2000
    assert (wrong, beyond) == (0, 0)


def test_each_shown_month_after_a_shown_month_has_a_row(connection: duckdb.DuckDBPyConnection) -> None:
    ((missing,),) = connection.execute(
        """
        SELECT count(*)
        FROM kpi.value AS later
        JOIN kpi.value AS earlier USING (kpi_code, window_type, unit_code)
        WHERE
            window_type = 'month' AND later.value IS NOT NULL AND earlier.value IS NOT NULL
            AND earlier.window_end = later.window_start - 1 AND later.part_start IS NULL AND earlier.part_start IS NULL
            AND later.system IS NOT DISTINCT FROM earlier.system
            AND later.statistic IS NOT DISTINCT FROM earlier.statistic
            AND NOT EXISTS (
                SELECT * FROM kpi.change
                WHERE
                    change.kpi_code = later.kpi_code AND change.unit_code = later.unit_code
                    AND change.window_type = 'month' AND change.window_end = later.window_end
                    AND change.system IS NOT DISTINCT FROM later.system
                    AND change.statistic IS NOT DISTINCT FROM later.statistic
                    AND change.difference = later.value::DECIMAL(38, 6) - earlier.value::DECIMAL(38, 6)
            )
        """
    ).fetchall()
    assert missing == 0


def test_the_rate_of_the_province_is_taken_apart_by_its_units(connection: duckdb.DuckDBPyConnection) -> None:
    """The parts of the online rate of services of April, computed again from the shown counts."""
    rows = connection.execute(
        """
        SELECT unit_level, unit_code, window_end = '2022-04-30' AS is_later, numerator, denominator
        FROM kpi.value
        WHERE
            kpi_code = 'online_dossier_rate_with_service' AND window_type = 'month'
            AND window_end IN ('2022-03-31', '2022-04-30') AND unit_level IN ('province', 'agency', 'district')
        """
    ).fetchall()
    whole = {is_later: (n, d) for level, _, is_later, n, d in rows if level == "province"}
    shown = {(unit, is_later): (n, d) for level, unit, is_later, n, d in rows if level != "province" and n is not None}
    common = {unit for unit, _ in shown if {(unit, False), (unit, True)} <= shown.keys()}
    members = [(shown[unit, False], shown[unit, True]) for unit in common]
    rest = tuple(
        tuple(whole[is_later][at] - sum(shown[unit, is_later][at] for unit in common) for at in (0, 1))
        for is_later in (False, True)
    )
    rate = 0.0
    for (n0, d0), (n1, d1) in [*members, rest]:
        if d0 and d1:
            rate += 100 * (d0 / whole[False][1] + d1 / whole[True][1]) / 2 * (n1 / d1 - n0 / d0)
    difference = 100 * (whole[True][0] / whole[True][1] - whole[False][0] / whole[False][1])
    ((found, mix, others),) = connection.execute(
        """
        SELECT rate, mix, difference - rate - mix - rounding FROM kpi.change
        WHERE
            kpi_code = 'online_dossier_rate_with_service' AND window_type = 'month' AND window_end = '2022-04-30'
            AND unit_level = 'province' AND compared_with = 'window'
        """
    ).fetchall()
    assert others == 0
    assert float(found) == pytest.approx(rate, abs=1e-5)
    assert float(mix) == pytest.approx(difference - rate, abs=1e-5)
