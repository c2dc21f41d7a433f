"""Benchmark: X-Road records to traffic, against DuckDB alone reading the same records.

python benchmarks/exchanges.py [records]

The records (half of them client halves) come in recorded answers of 10,000: MIME with a gzip part.
The pipeline does everything: filter, land, read, audit, publish, and derive the traffic. DuckDB alone
reads the same JSON by `read_json`, twice: as the documents that are in the answers, and, which is
easier, as one object a line. Each part runs in a process of its own, so its peak of memory is its own.
"""

from __future__ import annotations

import gzip
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from dx_pipeline import audit
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.xroad import CURRENT
from dx_pipeline.ingest import ingest
from dx_pipeline.period import Month
from dx_pipeline.sample.xroad_server import answer
from dx_pipeline.settings import Settings, default_project
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

SYSTEM = "service_catalogue"
MONTH = Month(2022, 6)
MIDNIGHT = 1_654_016_400
PAGE = 10_000

RECORDS = """
    SELECT (number // 2) // $half AS page, {
        'monitoringDataTs': $midnight + second + 1, 'securityServerType': side,
        'requestInTs': ($midnight + second) * 1000 + 100 + delay, 'requestOutTs': ($midnight + second) * 1000 + 102,
        'responseInTs': ($midnight + second) * 1000 + 102 + lasted,
        'responseOutTs': ($midnight + second) * 1000 + 105 + lasted,
        'clientXRoadInstance': 'VN', 'clientMemberClass': 'GOV', 'clientMemberCode': 'H53',
        'clientSubsystemCode': 'LGSP', 'serviceXRoadInstance': 'VN', 'serviceMemberClass': 'GOV',
        'serviceMemberCode': 'G05', 'serviceSubsystemCode': 'DANHMUC', 'serviceType': 'REST',
        'serviceCode': CASE WHEN number % 10 < 2 THEN 'Metadata' ELSE 'Category' END, 'restMethod': 'GET',
        'restPath': '/DM_' || number // 2 % 36, 'messageProtocolVersion': '1', 'xRoadVersion': '7.4.2',
        'messageId': 'VN-' || md5('m' || number // 2), 'xRequestId': uuid, 'requestSize': 200 + number % 700,
        'responseSize': 200 + number * 37 % 90000, 'requestAttachmentCount': 0, 'responseAttachmentCount': 0,
        'succeeded': number // 2 % 100 <> 7,
        'statusCode': CASE WHEN number // 2 % 100 <> 7 THEN 200 ELSE 500 END} AS record
    FROM (
        SELECT number, number // 2 * $seconds // $exchanges AS second, number // 2 * 7919 % 400 AS lasted,
            CASE number % 2 WHEN 0 THEN 'Client' ELSE 'Producer' END AS side, number % 2 * 3 AS delay,
            regexp_replace(md5('' || number // 2), '(.{8})(.{4})(.{4})(.{4})(.{12})', '\\1-\\2-\\3-\\4-\\5') AS uuid
        FROM range($records) AS numbers(number)
    )
"""


def main() -> None:
    """Make the records, measure, and print one line for each measure."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        _make(Path(folder), records)
        figures = {part: _measured(part, folder) for part in ("documents", "lines", "ours")}
    ours = figures["ours"]
    print(f"exchanges  {records:,} records to {ours['calls']:,.0f} calls in {ours['seconds']:.1f} s")
    million = 1_000_000 / (records / 2)
    print(f"cost       {ours['seconds'] * million:.1f} s, {ours['cpu'] * million:.1f} CPU s for a million exchanges")
    print(f"memory     {ours['peak_mib']:,.0f} MiB at most")
    for part in ("documents", "lines"):
        alone = figures[part]
        time, cpu = (ours[each] / alone[each] for each in ("seconds", "cpu"))
        print(f"{part:10} {time:5.2f} x the time, {cpu:5.2f} x the CPU time of DuckDB alone ({alone['cpu']:.1f} CPU s)")


def _make(folder: Path, records: int) -> None:
    """Answers in the inbox, and the same records as documents and as lines."""
    inbox = folder / "warehouse" / "inbox" / SYSTEM / str(MONTH)
    for place in (inbox, folder / "documents", folder / "lines"):
        place.mkdir(parents=True)
    with duckdb.connect() as connection, ThreadPoolExecutor(2) as pool:
        bound = {"half": PAGE // 2, "midnight": MIDNIGHT, "seconds": 29 * 86_400, "exchanges": records // 2}
        pages = connection.execute(
            f"""SELECT page, string_agg(to_json(record)::VARCHAR, chr(10)) AS lines, count(*)
                FROM ({RECORDS}) GROUP BY page ORDER BY page""",
            {**bound, "records": records},
        )
        while found := pages.fetchmany(20):
            for written in [pool.submit(_write, folder, inbox, *page) for page in found]:
                written.result()


def _write(folder: Path, inbox: Path, page: int, lines: str, count: int) -> None:
    document = gzip.compress(b'{"records":[' + lines.replace("\n", ",").encode() + b"]}", 6, mtime=0)
    (folder / "documents" / f"{page:04}.json.gz").write_bytes(document)
    (folder / "lines" / f"{page:04}.json.gz").write_bytes(gzip.compress(lines.encode(), 6, mtime=0))
    (inbox / f"answer_{page:04}.dat").write_bytes(answer(document, count))


def _measured(part: str, folder: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--part", part, folder]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def _part(part: str, folder: Path) -> dict[str, object]:
    found = _ours(folder) if part == "ours" else _alone(part, folder)
    return {**found, "peak_mib": _peak_kib() // 1024}


def _peak_kib() -> int:
    """The peak memory of this process; on Linux without its parent's."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _ours(folder: Path) -> dict[str, object]:
    settings, declared = Settings(warehouse=folder / "warehouse"), catalogue.load(default_project())
    audit.load()  # Great Expectations takes seconds to import, whatever there is to audit
    took = _timed(lambda: ingest(settings, declared, SYSTEM, [MONTH]))
    rows = partition.rows(settings, Key("connection.traffic", SYSTEM, MONTH))
    with duckdb.connect() as connection:
        (calls,) = connection.execute("SELECT sum(call_count)::BIGINT FROM read_parquet($1)", [str(rows)]).fetchall()[0]
    shutil.rmtree(folder / "warehouse")
    return {**took, "calls": calls}


def _alone(part: str, folder: Path) -> dict[str, object]:
    files = [str(path) for path in sorted((folder / part).iterdir())]
    with duckdb.connect() as connection:
        if part == "lines":
            columns = ", ".join(f"{name}: 'VARCHAR'" for name in CURRENT)
            query = f"SELECT * FROM read_json($1, format = 'newline_delimited', columns = {{{columns}}})"
        else:
            query = "SELECT unnest(records, recursive := true) FROM read_json($1, maximum_object_size = 100000000)"
        return _timed(lambda: connection.execute(f"CREATE TABLE alone AS {query}", [files]).fetchall())


def _timed(work: Callable[[], object]) -> dict[str, object]:
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        print(json.dumps(_part(sys.argv[2], Path(sys.argv[3]))))
    else:
        main()
