"""Every KPI of the connections by hand: few calls, and the arithmetic beside each figure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from facts import attempts, operation, traffic
from figures import Figures, Months, Row, day

from dx_pipeline.declarations.catalogue import Catalogue

pytestmark = pytest.mark.slow

POST, COURT = "public_post", "judicial_record"
MAY = date(2022, 5, 31)
OTHERS = ("business_registration", "civil_status", "legal_documents", "service_catalogue", "social_insurance")


def _may(table: str, rows: Mapping[str, list[Row]]) -> dict[str, Months]:
    return {table: {f"2022-05 {source}": rows.get(source, []) for source in (*OTHERS, POST, COURT)}}


CALLS: dict[str, list[Row]] = {
    **{
        source: [traffic(source, "look_up", "2022-05-31T23:00:00", [0, 1])]
        for source in ("business_registration", "civil_status", "legal_documents", "social_insurance")
    },
    "service_catalogue": [
        {
            **traffic("service_catalogue", "look_up", "2022-05-31T00:00:00", [20]),
            "paired_count": 17,
            "client_only_count": 2,
            "producer_only_count": 1,
        }
    ],
    POST: [
        traffic(POST, "send", "2022-05-28T08:00:00", [50, 30], 8, 2),
        traffic(POST, "send", "2022-05-28T09:00:00", [0, 10, 10], 2, 2),
        traffic(POST, "unknown", "2022-05-01T00:00:00", [0]),  # an hour without a call
    ],
    COURT: [
        traffic(COURT, "look_up", "2022-05-11T08:00:00", [5, 4, 1]),
        traffic(COURT, "cancel", "2022-05-11T09:00:00", [0]),
    ],
}
REGISTERED: dict[str, list[Row]] = {
    **{source: [operation(source, "look_up")] for source in OTHERS},
    POST: [
        operation(POST, "track"),
        operation(POST, "send", status="planned"),
        operation(POST, "send", environment="test"),
    ],
    COURT: [operation(COURT, "look_up"), operation(COURT, "cancel"), operation(COURT, "new", live=day("2022-06-01"))],
    "legal_documents": [operation("legal_documents", "look_up", live=day("2022-06-01"))],
}


@pytest.fixture(scope="module")
def connections(references: Path, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    tried = {
        POST: attempts(POST, "ok", "unchanged", "failed", "empty"),
        COURT: attempts(COURT, "failed", duration=None),
    }
    tables = {
        **_may("connection.traffic", CALLS),
        **_may("connection.register", REGISTERED),
        **_may("connection.attempt", tried),
    }
    return Figures(references, tmp_path_factory.mktemp("may") / "warehouse", declared, tables)


def test_calls_are_counted_by_system_and_in_all(connections: Figures) -> None:
    # The post: 80 + 20; the court: 5 + 4 + 1; the catalogue 20; four systems one each: 134.
    assert connections.of("exchange_volume", MAY, system=POST) == [100, None, 100]
    assert connections.of("exchange_volume", MAY, system=COURT) == [10, None, 10]
    assert connections.of("exchange_volume", MAY) == [134, None, 134]


def test_availability_leaves_the_caller_s_faults_out_of_the_denominator(connections: Figures) -> None:
    # The post: of 100 calls 10 failed at the caller's and 4 at the provider's: 86 of 90 = 95.555…%.
    assert connections.of("connection_availability", MAY, system=POST, statistic="exchange") == [86, 90, 95.56]
    assert connections.of("connection_availability", MAY, system=POST, statistic="caller") == [10, 100, 10]
    # Three of four attempts did not fail; a file that was put into the inbox is no attempt.
    assert connections.of("connection_availability", MAY, system=POST, statistic="attempt") == [3, 4, 75]
    assert connections.of("connection_availability", MAY, system=COURT, statistic="attempt") == [None, None, None]
    # All systems: 134 calls, 10 of them the caller's faults: 120 of 124 = 96.774…%.
    assert connections.of("connection_availability", MAY, statistic="exchange") == [120, 124, 96.77]


def test_freshness_is_the_age_of_the_newest_day_and_that_of_the_oldest_system(connections: Figures) -> None:
    # The post reports 28 May, the court 11 May, all others 31 May.
    assert connections.of("connection_freshness", MAY, system=POST) == [None, None, 3]
    assert connections.of("connection_freshness", MAY, system=COURT) == [None, None, 20]
    assert connections.of("connection_freshness", MAY) == [None, None, 20]


def test_percentiles_are_linear_within_the_bucket(connections: Figures) -> None:
    # The court: 5 calls up to 10 ms, 4 up to 20 ms, 1 up to 50 ms.
    # p50 is the 5th call, the end of the first bucket: 10 ms.
    # p95 is call 9.5: half of the way through the one call of the third bucket: 20 + 30 × 0.5 = 35 ms.
    # p99 is call 9.9: 20 + 30 × 0.9 = 47 ms.
    found = [connections.of("exchange_latency", MAY, system=COURT, statistic=name)[2] for name in ("p50", "p95", "p99")]
    assert found == [10, 35, 47]
    # The post: 50 up to 10 ms, 40 up to 20 ms, 10 up to 50 ms. p50: 10 ms. p95 is call 95: 20 + 30 × 5/10 = 35 ms.
    # p99: 20 + 30 × 9/10 = 47 ms.
    found = [connections.of("exchange_latency", MAY, system=POST, statistic=name)[2] for name in ("p50", "p95", "p99")]
    assert found == [10, 35, 47]


def test_operations_that_are_called_and_not_connected_and_the_reverse(connections: Figures) -> None:
    # The post: `send` was called, and is planned, and connected for tests only; `unknown` had no call: 1 of 1.
    assert connections.of("connection_undeclared", MAY, system=POST) == [1, 1, 1]
    # `track` is connected and had no call: 1 of 1. The court: `cancel` and `new` of three had none.
    assert connections.of("connection_unused", MAY, system=POST) == [1, 1, 1]
    assert connections.of("connection_unused", MAY, system=COURT) == [2, 3, 2]
    # All systems: `look_up` of six systems and `send` were called: 7. Connected: 5 others, 1 + 3 operations.
    assert connections.of("connection_undeclared", MAY) == [1, 7, 1]
    assert connections.of("connection_unused", MAY) == [3, 9, 3]


def test_exchanges_of_which_one_half_is_known(connections: Figures) -> None:
    # The catalogue alone has both sides: 2 + 1 of 20.
    assert connections.of("orphan_exchange_share", MAY, system="service_catalogue") == [3, 20, 15]
    assert connections.of("orphan_exchange_share", MAY) == [3, 20, 15]
    assert connections.of("orphan_exchange_share", MAY, system=POST) == [None, None, None]


def test_systems_are_connected_by_an_operation_that_is_live(connections: Figures) -> None:
    # Of seven systems that of legal documents goes live on 1 June: 6 of 7 = 85.714…%, one decimal.
    assert connections.of("connection_coverage", MAY) == [6, 7, 85.7]
