"""The public ledger gives no count of few rows away of a table that withholds some; analysts inside see everything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deliveries import dossiers
from engine import Engine
from projects import TRIAL
from test_explain import DOSSIER_RATE, MAY, received

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.period import Month
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.release.explanation import Question, opened
from dx_pipeline.settings import Settings
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.public_ledger import sums
from dx_pipeline.tables.run import PartitionRun

pytestmark = pytest.mark.slow

LEDGER = ("delivery", "conservation", "partition", "quarantine", "stripped", "expectation")
EVERYBODY = received("H53.07", 20, 25) + received("H53.20", 15, 30)


def rows(database: Path, query: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute(query)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def corrected(engine: Engine, again: int, *, spoilt: bool = False) -> dict[str, Any]:
    """What is public of ninety dossiers of which one agency delivers some again, in a file of its own."""
    engine.put("dossier", dossiers(*EVERYBODY))
    lines = [line.replace("Trực tuyến", "Bưu điện") if spoilt else line for line in EVERYBODY[:again]]
    engine.put("dossier", dossiers(*lines), name="H53.07.csv", day=7)
    engine.publish()
    current = engine.settings.current / "dx.duckdb"
    public: dict[str, Any] = {
        name: rows(current, f"FROM ledger.{name} WHERE source = 'dossier' OR source IS NULL ORDER BY ALL")
        for name in LEDGER
    }
    public["attempt"] = rows(current, "FROM connection.attempt WHERE source = 'dossier' ORDER BY ALL")
    package = json.loads((engine.settings.current / "datapackage.json").read_text(encoding="utf-8"))
    public["held_back"] = [item for item in package["dx"]["held_back"] if item["source"] == "dossier"]
    with opened(engine.settings, engine.catalogue) as released:
        for unit in (None, "H53.07"):
            plain = released.explain(Question(DOSSIER_RATE, unit, MAY)).as_json()
            del plain["value"]["release_id"]
            public[f"explained {unit}"] = plain
    return public


def test_the_public_ledger_is_the_same_however_few_rows_a_delivery_has(
    references: Path, declared: Catalogue, tmp_path: Path
) -> None:
    """One, three or seven dossiers that come again: neither counts, sizes, lines nor hashes say how many."""
    found = []
    for again in (1, 3, 7):
        shutil.copytree(references, tmp_path / str(again))
        found.append(corrected(Engine(Settings(tmp_path / str(again), TRIAL, threads=1), declared), again))
    assert [row["file_name"] for row in found[0]["delivery"]] == ["H53.07.csv", "file.dat"]
    assert [row["rows_accepted"] for row in found[0]["conservation"]] == [90]
    assert json.dumps(found[0], default=str) == json.dumps(found[1], default=str) == json.dumps(found[2], default=str)


def test_analysts_inside_see_every_delivery(engine: Engine) -> None:
    corrected(engine, 3)
    inside = engine.settings.internal / "dx_internal.duckdb"
    delivered = rows(
        inside,
        "SELECT file_name, rows_in, rows_accepted, rows_duplicate, size_bytes > 0 AS has_size"
        " FROM ledger.delivery JOIN ledger.conservation USING (source, month, delivery_id)"
        " WHERE source = 'dossier' ORDER BY file_name",
    )
    assert [tuple(row.values()) for row in delivered] == [("H53.07.csv", 3, 3, 0, True), ("file.dat", 90, 87, 3, True)]
    partitions = "SELECT row_count FROM ledger.partition WHERE table_name = 'statistics.dossier'"
    assert rows(inside, partitions) == [{"row_count": 90}]


def test_why_a_small_delivery_was_refused_is_for_analysts_inside(engine: Engine) -> None:
    engine.put("dossier", dossiers(*EVERYBODY))
    engine.put("dossier", dossiers(*EVERYBODY[:3]).replace("Mã hồ sơ".encode(), b"Khac"), name="H53.07.csv", day=7)
    engine.publish()
    query = "SELECT problem FROM ledger.delivery WHERE disposition = 'refused'"
    assert rows(engine.settings.current / "dx.duckdb", query) == [{"problem": None}]
    (inside,) = rows(engine.settings.internal / "dx_internal.duckdb", query)
    assert "Mã hồ sơ" in inside["problem"]


def run(month: str, *counts: tuple[int, int, int, int], source: str = "dossier") -> PartitionRun:
    """The run of a month: of each delivery the rows accepted, duplicate, filtered, quarantined."""
    every = [
        Counts(delivery_id="0", rows_in=sum(each), accepted=a, duplicate=d, filtered=f, quarantined=q)
        for each in counts
        for a, d, f, q in [each]
    ]
    name = f"{source}_{month}"
    about: Mapping[str, Any] = {"fingerprint": "", "published": True, "synthetic": False, "rows": 0}
    return PartitionRun(
        table="statistics.dossier", partition=name, source=source, month=month, counts=tuple(every), **about
    )


JANUARY, FEBRUARY, MARCH = "2022-01", "2022-02", "2022-03"


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        # Deliveries and sources are summed; a few lines that are no data, or in quarantine, name nobody.
        (
            [run(JANUARY, (90, 0, 1, 2), (0, 12, 1, 0)), run(JANUARY, (30, 0, 0, 0), source="other")],
            [(JANUARY, None, 136, 120, 12, 2, 2)],
        ),
        # February repeats three rows: it has a row with the smaller month, and with the next one if that is too few.
        (
            [run(JANUARY, (90, 20, 0, 0)), run(FEBRUARY, (80, 3, 0, 0)), run(MARCH, (70, 11, 0, 0))],
            [(JANUARY, None, 110, 90, 20, 0, 0), (None, "2022-02, 2022-03", 164, 150, 14, 0, 0)],
        ),
        (
            [run(JANUARY, (90, 20, 0, 0)), run(FEBRUARY, (80, 3, 0, 0)), run(MARCH, (70, 0, 0, 0))],
            [(None, "2022-01, 2022-02, 2022-03", 263, 240, 23, 0, 0)],
        ),
        # Where all months together are too few, the count and what would give it away are empty.
        (
            [run(JANUARY, (90, 0, 0, 0)), run(FEBRUARY, (80, 3, 0, 2))],
            [(None, "2022-01, 2022-02", None, 170, None, 0, 2)],
        ),
        ([run(JANUARY, (4, 0, 1, 0))], [(None, JANUARY, None, None, None, 1, 0)]),
    ],
)
def test_months_with_too_few_rows_have_no_row_of_their_own(
    runs: list[PartitionRun], shown: list[tuple[Any, ...]]
) -> None:
    columns = ("month", "months", "rows_in", "rows_accepted", "rows_duplicate", "rows_filtered", "rows_quarantined")
    assert [tuple(row.get(name) for name in columns) for row in sums(runs, 10, {})] == shown


def test_what_is_accepted_does_not_give_few_changed_dossiers_of_earlier_months_away() -> None:
    """Three rows of February are of January: without them February has its published count."""
    runs = [run(JANUARY, (90, 0, 0, 0)), run(FEBRUARY, (80, 0, 0, 0)), run(MARCH, (70, 0, 0, 0))]
    february, march = (Key("statistics.dossier", "dossier", Month.parse(month)) for month in (FEBRUARY, MARCH))
    columns = ("month", "months", "rows_in", "rows_accepted")
    shown = [tuple(row.get(name) for name in columns) for row in sums(runs, 10, {february: 3, march: 12})]
    assert shown == [(JANUARY, None, 90, 90), (None, "2022-02, 2022-03", 150, 150)]
    alone = [tuple(row.get(name) for name in columns) for row in sums(runs[:2], 10, {february: 3})]
    assert alone == [(None, "2022-01, 2022-02", None, None)]


def test_the_earlier_states_of_a_month_are_found_in_its_rows(engine: Engine) -> None:
    """May has ninety dossiers; a file of one agency has one of April that has changed since."""
    engine.put("dossier", dossiers(*EVERYBODY))
    changed = EVERYBODY[0].replace("-220502-", "-220429-").replace("02/05/2022", "29/04/2022")
    engine.put("dossier", dossiers(changed), name="H53.07.csv", day=7)
    engine.publish()
    query = "SELECT rows_in, rows_accepted FROM ledger.conservation WHERE table_name = 'statistics.dossier'"
    assert rows(engine.settings.internal / "dx_internal.duckdb", f"{query} ORDER BY ALL") == [
        {"rows_in": 1, "rows_accepted": 1},
        {"rows_in": 90, "rows_accepted": 90},
    ]
    assert rows(engine.settings.current / "dx.duckdb", query) == [{"rows_in": None, "rows_accepted": None}]
