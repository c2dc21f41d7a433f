"""Reading: every format gives the same rows, and whatever arrives is refused in a sentence or accounted for."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deliveries import MAY, accepted, contract, layout, source, staged
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dx_pipeline import formats, privacy
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.period import Month
from dx_pipeline.sample import writing
from dx_pipeline.sample.form import Form

CONTRACT = contract(
    "code",
    code={"type": "text", "required": True},
    place_name="text",
    status={"type": "text", "allowed": ["open", "closed"]},
    dossier_count={"type": "integer", "min": 0},
    amount_vnd="number",
    share_pct="number",
    is_online="boolean",
    received_on="date",
    seen_at="timestamp",
)
PLACED: dict[str, str | dict[str, Any]] = {
    "code": "Mã",
    "place_name": "Địa bàn / Tên",
    "status": {"header": "Địa bàn / Tình trạng", "values": {"Hòa hoãn": "open", "Đã khoá": "closed"}},
    "dossier_count": {"header": "Số lượng", "number": "vi"},
    "amount_vnd": {"header": "Số tiền", "number": "comma"},
    "share_pct": {"header": "Tỷ lệ", "number": "vi", "percent": True},
    "is_online": "Trực tuyến",
    "received_on": {"header": "Ngày", "date": "%d/%m/%Y"},
    "seen_at": "Lúc",
}
FORMATS: dict[str, dict[str, Any]] = {
    "csv": {"kind": "csv", "preamble_rows": 1},
    "csv_of_excel": {"kind": "csv", "delimiter": ";", "preamble_rows": 2},
    "csv_utf_16": {"kind": "csv", "delimiter": "\t", "preamble_rows": 1, "encoding": "utf-16"},
    "csv_windows_1258": {"kind": "csv", "delimiter": ";", "preamble_rows": 1, "encoding": "windows-1258"},
    "csv_gzip": {"kind": "csv", "preamble_rows": 1, "compression": "gzip"},
    "excel": {"kind": "excel", "preamble_rows": 2, "header_rows": 2},
    "html": {"kind": "html", "header_rows": 2},
    "html_windows_1258": {"kind": "html", "header_rows": 2, "encoding": "windows-1258"},
    "json": {"kind": "json", "records": "Data.Rows", "count": "DataCount"},
    "json_gzip": {"kind": "json", "records": "Data", "compression": "gzip"},
    "ndjson": {"kind": "ndjson"},
    "ndjson_gzip": {"kind": "ndjson", "compression": "gzip"},
    "parquet": {"kind": "parquet"},
}
LAYOUTS = {name: layout(shape, PLACED) for name, shape in FORMATS.items()}
LETTERS = "aăâbcdđeêghiklmnoôơpqrstuưvxyàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệ ỳýỷỹỵĂÂĐÊÔƠƯ0123456789-/.,;\"'()%"
TEXTS = st.none() | st.text(LETTERS, max_size=20).map(lambda text: " ".join(f"Đ{text}".split()))
SECONDS = st.integers(630_000_000, 7_000_000_000)  # 1989 to 2191
ROW = st.fixed_dictionaries(
    {
        "code": st.from_regex(r"[A-Z]{1,3}[0-9]{1,3}", fullmatch=True),
        "place_name": TEXTS,
        "status": st.sampled_from([None, "open", "closed"]),
        "dossier_count": st.none() | st.integers(0, 10**9),
        "amount_vnd": st.none() | st.integers(-(10**9), 10**9).map(lambda number: number / 4),
        "share_pct": st.none() | st.integers(0, 10_000).map(lambda number: number / 100),
        "is_online": st.none() | st.booleans(),
        "received_on": st.none() | st.dates(date(1901, 1, 1), date(2190, 12, 31)),
        "seen_at": st.none() | SECONDS.map(lambda at: datetime.fromtimestamp(at, UTC)),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=12, unique_by=lambda row: row["code"])


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    spill = tmp_path_factory.mktemp("spill")
    connection = duckdb.connect(config={"temp_directory": str(spill), "threads": 1})
    connection.execute("SET TimeZone = 'Asia/Ho_Chi_Minh'")
    return connection


def write(database: duckdb.DuckDBPyConnection, folder: Path, name: str, made: list[dict[str, Any]]) -> Path:
    form = Form(LAYOUTS[name], CONTRACT, "Bảng thử", Month.parse(MAY), 1, {})
    path = folder / f"{name}.{form.extension}"
    writing.write(database, path, pa.Table.from_pylist(made, arrow_schema(CONTRACT, CONTRACT.columns)), form)
    return path


def rows_read(database: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The rows that `staged` accepted."""
    return [dict(zip(CONTRACT.columns, row, strict=True)) for row in accepted(database, CONTRACT)]


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=ROWS)
def test_what_was_written_in_a_format_is_what_is_read(
    name: str, made: list[dict[str, Any]], database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    counts = staged(database, write(database, tmp_path, name, made), LAYOUTS[name], CONTRACT)
    assert rows_read(database) == made
    assert (counts.rows_in, counts.accepted) == (len(made), len(made))


@pytest.mark.parametrize("name", FORMATS)
def test_a_delivery_says_in_every_format_that_it_is_synthetic(
    name: str, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = write(database, tmp_path, name, GOOD)
    assert formats.load(database, path, LAYOUTS[name], "raw").is_synthetic


def marked(database: duckdb.DuckDBPyConnection, folder: Path, mark: bool | str) -> Path:  # noqa: FBT001 - a cell
    """A view as a Parquet file, with such a mark in a column."""
    table = pq.read_table(write(database, folder, "parquet", GOOD)).replace_schema_metadata(None)
    pq.write_table(table.append_column("synthetic", pa.array([mark] * len(GOOD))), folder / "view.parquet")
    return folder / "view.parquet"


@pytest.mark.parametrize("mark", [True, False])
def test_a_column_of_a_parquet_file_may_say_that_its_rows_are_synthetic(
    mark: bool,  # noqa: FBT001 - a parameter of the test
    database: duckdb.DuckDBPyConnection,
    tmp_path: Path,
) -> None:
    path, shape = marked(database, tmp_path, mark), LAYOUTS["parquet"]
    assert formats.headings_shared(path, shape) == len(PLACED)
    assert formats.load(database, path, shape, "raw").is_synthetic is mark
    staged(database, path, shape, CONTRACT)
    assert rows_read(database) == GOOD


def test_a_column_that_only_has_the_name_of_the_mark_is_unknown(
    database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with pytest.raises(DeliveryRefusedError, match="the column 'synthetic' is unknown"):
        formats.load(database, marked(database, tmp_path, "x"), LAYOUTS["parquet"], "raw")


GOOD = [
    {
        "code": f"A{number}", "place_name": "Đông Hòa", "status": "open", "dossier_count": 1_234 * number,
        "amount_vnd": 0.5, "share_pct": 99.5, "is_online": True, "received_on": date(2022, 5, 3),
        "seen_at": datetime(2022, 5, 3, 8, tzinfo=UTC),
    }
    for number in range(20)
]  # fmt: skip

KINDS = st.sampled_from(["flip", "cut", "drop", "repeat", "insert"])
DAMAGE = st.lists(st.tuples(KINDS, st.floats(0, 1), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4)


def damaged(content: bytes, damage: list[tuple[str, float, bytes]]) -> bytes:
    for kind, where, some in damage:
        place = int(where * max(0, len(content) - 1))
        before, after = content[:place], content[place:]
        end_of_line = after.find(b"\n") + 1 or len(after)
        content = {
            "flip": before + some + after[len(some) :],
            "cut": before,
            "drop": before + after[10 * len(some) :],
            "repeat": before + after[:end_of_line] + after,
            "insert": before + some + after,
        }[kind]
    return content


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(damage=DAMAGE)
@example(damage=[("flip", 0.984375, b"\x80")])  # of Parquet: in the name of the program that wrote it
def test_a_damaged_delivery_is_refused_in_a_sentence_or_conserved(
    name: str, damage: list[tuple[str, float, bytes]], database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = write(database, tmp_path, name, GOOD)
    content = path.read_bytes()
    if name.endswith("gzip"):  # damage within, too: else only the archive is tried
        path.write_bytes(gzip.compress(damaged(gzip.decompress(content), damage)))
    else:
        path.write_bytes(damaged(content, damage))
    privacy.apply(path, path.name, tmp_path / "kept", source(LAYOUTS[name]), {"statistics.trial": CONTRACT})
    refusal = "."
    try:
        staged(database, path, LAYOUTS[name], CONTRACT).check()
    except DeliveryRefusedError as error:
        refusal = str(error)
    assert refusal.endswith(".")


def test_a_nul_in_utf_16_quarantines_its_line_and_cuts_no_cell(
    database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = write(database, tmp_path, "csv_utf_16", GOOD)
    path.write_bytes(path.read_bytes().decode("utf-16").replace("Đông Hòa", "Đông\x00Hòa", 1).encode("utf-16"))
    counts = staged(database, path, LAYOUTS["csv_utf_16"], CONTRACT)
    assert (counts.accepted, counts.quarantined) == (len(GOOD) - 1, 1)
    assert database.execute("SELECT reason_code FROM quarantined").fetchall() == [("not_utf8",)]
    assert rows_read(database) == GOOD[1:]


def test_a_damaged_footer_of_parquet_is_refused_and_ends_no_process(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    pq.write_table(pa.table({"a": ["x", "y"]}), path)
    path.write_bytes(path.read_bytes().replace(b"%\x02\x18\x01a", b"%\x00\x18\x01a"))  # the column may not be empty
    with pytest.raises(DeliveryRefusedError, match="damaged"):
        formats.load(duckdb.connect(), path, layout({"kind": "parquet"}, {"code": "a"}), "raw")
    filtered = privacy.apply(path, path.name, tmp_path / "kept", source(LAYOUTS["parquet"]), {})
    assert filtered.content is None
