"""Trials: the sample's systems live on this machine, so that anyone can try the connectors out.

    http       the judicial records: whole, by offset, by days and by cursor, with a bearer token
    xroad      the service catalogue: operational monitoring and service lists
    postgres   the one-stop system: a view of dossiers

What they serve are the rows of the sample's deliveries, and they say beside them that they are
synthetic. They listen on the loopback interface (PostgreSQL on a socket) and to nobody else.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pyarrow as pa
import yaml

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.declarations.document import Bilingual, Document
from dx_pipeline.declarations.source import JsonEnvelope
from dx_pipeline.errors import DxError, UsageError
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.period import Month
from dx_pipeline.sample import exchange, one_stop, opmon, world
from dx_pipeline.sample.form import Form
from dx_pipeline.sample.opmon import Monitoring, services
from dx_pipeline.sample.serving import Asked, Handler, Record, Reply, Service, by_cursor, by_offset, by_window, whole
from dx_pipeline.sample.workday import UTC_OFFSET_HOURS
from dx_pipeline.sample.writing import records
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect

REGISTER, TRAFFIC, DOSSIER = "connection.register", "connection.traffic", "statistics.dossier"
EXCHANGE = "connection.exchange"
JUDICIAL, CATALOGUE, ONE_STOP = "judicial_record", "service_catalogue", "dossier"
TOKEN, DSN = "DX_SAMPLE_TOKEN", "DX_SAMPLE_DSN"
PAGE_RECORDS, MOST_DAYS, DATE_FORMAT = 1_000, 5, "%d/%m/%Y"
MARK = {SYNTHETIC_KEY: True}
SERVER, CLIENT, PROVIDER = "VN/GOV/H53/ss1", "/".join(opmon.CLIENT), "/".join(opmon.PROVIDER)

Node = dict[str, Any]
"""A piece of YAML."""


@dataclass(frozen=True)
class Endpoint:
    """One way to fetch what is served, and how a source declares that it is fetched so.

    Args:
        name: which connector, and which paging.
        title: what it is, in a few words.
        address: where it is.
        source: whose rows it serves.
        file: where that source is declared, beneath the project.
        environment: the variables that the connector takes from the environment, with their values.
        attributes: what stands under `attributes:` otherwise than before, `connector` above all.
        note: what else there is to know, or to write otherwise than where files are delivered.
        declaration: the whole declaration so, as YAML; None where the source is not declared.
    """

    name: str
    title: Bilingual
    address: str
    source: str
    file: str
    environment: Mapping[str, str]
    attributes: Node
    note: Bilingual
    declaration: str | None


@dataclass(frozen=True)
class Trial:
    """What is served, and what is not and why (one sentence each)."""

    endpoints: tuple[Endpoint, ...]
    absent: tuple[str, ...]


@contextmanager
def serving(
    settings: Settings, catalogue: Catalogue, months: Sequence[Month], *, scale: float, seed: int, port: int = 0
) -> Iterator[Trial]:
    """Serve the sample of some months for as long as the block lasts.

    Args:
        settings: the reference files, and the scratch space of DuckDB.
        catalogue: who delivers what, and in which form.
        months: what is served; the last one's end is what the X-Road server remembers.
        scale: as in the sample's deliveries.
        seed: likewise.
        port: of the HTTP service; the X-Road server has the next one. With 0 both are free ones.

    Raises:
        UsageError: a port is taken, or a source that is to be served is no longer declared.
    """
    for source in (JUDICIAL, ONE_STOP):
        if source not in catalogue.sources:
            message = f"there is no source '{source}' to serve: restore its folder under assets/ from the repository."
            raise UsageError(message)
    made_up = world.build(settings.reference, seed=seed, scale=scale)
    token = secrets.token_urlsafe(24)
    with ExitStack() as stack:
        http = stack.enter_context(_service(_pages(settings, catalogue, made_up, months), port, token=token))
        xroad = stack.enter_context(
            _service(_security_server(settings, catalogue, made_up, months[-1]), port and port + 1)
        )
        endpoints = [*_of_http(settings, catalogue, http.url, token), _of_xroad(settings, catalogue, xroad.url)]
        absent: list[str] = []
        try:
            dsn = stack.enter_context(one_stop.serving(_dossiers(catalogue, made_up, months)))
            endpoints.append(_of_postgres(settings, catalogue, dsn))
        except DxError as error:
            absent.append(str(error))
        yield Trial(tuple(endpoints), tuple(absent))


def _service(handlers: Mapping[str, Handler], port: int, token: str | None = None) -> Service:
    try:
        return Service(handlers, token=token, lifetime_seconds=None, most_requests=None, port=port)
    except OSError as error:
        message = f"port {port} cannot be listened on: choose another one with '--port', or leave it out."
        raise UsageError(message) from error


# What is served


def _pages(
    settings: Settings, catalogue: Catalogue, made_up: world.World, months: Sequence[Month]
) -> dict[str, Handler]:
    """What answers at each path of the HTTP service. The month is asked for as `thang=YYYY-MM`."""
    registers: dict[str, list[Record]] = {}
    traffic: dict[str, list[tuple[date, Record]]] = {}
    with connect(settings) as database:
        for month in months:
            rows = {table: world.rows(made_up, table, JUDICIAL, month) for table in (REGISTER, TRAFFIC)}
            printed = {
                table: records(database, rows[table], _json_form(catalogue, made_up, table, month)) for table in rows
            }
            registers[str(month)] = printed[REGISTER]
            traffic[str(month)] = list(zip(_days(rows[TRAFFIC]), printed[TRAFFIC], strict=True))
    all_days = [dated for month in months for dated in traffic[str(month)]]

    def of_month(answering: Callable[[Callable[[], Sequence[Record]]], Handler]) -> Handler:
        def answer(asked: Asked) -> Reply:
            month = asked.query["thang"]
            return answering(lambda: [record for _, record in traffic.get(month, [])])(asked)

        return _patient(answer)

    return {
        "/register": _patient(lambda asked: whole(lambda: registers.get(asked.query["thang"], []), **MARK)(asked)),
        "/traffic/by-offset": of_month(lambda found: by_offset(found, PAGE_RECORDS, **MARK)),
        "/traffic/by-cursor": of_month(lambda found: by_cursor(found, PAGE_RECORDS, **MARK)),
        "/traffic/by-day": _patient(by_window(lambda: all_days, DATE_FORMAT, MOST_DAYS, **MARK)),
    }


def _patient(answering: Handler) -> Handler:
    """A handler that says so where a parameter is missing or makes no sense."""

    def answer(asked: Asked) -> Reply:
        try:
            return answering(asked)
        except (KeyError, ValueError):
            message = b'{"Status": 0, "Message": "a parameter is missing or wrong: see the declaration"}'
            return Reply(message, status=HTTPStatus.BAD_REQUEST)

    return answer


def _json_form(catalogue: Catalogue, made_up: world.World, table: str, month: Month) -> Form:
    """The form of the judicial records' delivery of a table, as the envelope of an answer has it."""
    source = catalogue.sources[JUDICIAL].source
    layout = next(layout for layout in source.deliveries if layout.table == table)
    envelope = JsonEnvelope(kind="json", records="Data", count="DataCount")
    return Form(
        layout=layout.model_copy(update={"format": envelope}),
        contract=catalogue.contracts[table],
        title=source.title.vi,
        month=month,
        seed=made_up.seed,
        names=made_up.province.names,
    )


def _days(traffic: pa.Table) -> list[date]:
    return [(moment + timedelta(hours=UTC_OFFSET_HOURS)).date() for moment in traffic["hour_at"].to_pylist()]


def _security_server(
    settings: Settings, catalogue: Catalogue, made_up: world.World, month: Month
) -> dict[str, Handler]:
    """What answers at each path of the security server."""
    halves = world.rows(made_up, EXCHANGE, CATALOGUE, month)
    layout = next(each for each in catalogue.sources[CATALOGUE].source.deliveries if each.table == EXCHANGE)
    with connect(settings) as database:
        told = exchange.texts(database, exchange.recent(halves, month, datetime.now(UTC)), layout)
    found = [json.loads(text) for text in told]
    listed = {PROVIDER: sorted({operation.partition("/")[0] for operation in halves["operation"].to_pylist()})}
    listing = services(listed, listed, is_synthetic=True)
    return {"/": Monitoring(found, is_synthetic=True), "/listClients": listing, "/r1/*": listing}


def _dossiers(catalogue: Catalogue, made_up: world.World, months: Sequence[Month]) -> Iterator[pa.Table]:
    contract = catalogue.contracts[DOSSIER]
    schema = arrow_schema(contract, contract.columns)
    for month in months:
        yield world.rows(made_up, DOSSIER, ONE_STOP, month).select(schema.names).cast(schema)


# How it is declared


def _of_http(settings: Settings, catalogue: Catalogue, url: str, token: str) -> Iterator[Endpoint]:
    of_month = {"thang": "{month}"}
    pagings: dict[str, tuple[str, Bilingual, Node]] = {
        "offset_limit": (
            "by-offset",
            Bilingual(vi="HTTP, theo vị trí (offset/limit)", en="HTTP, by offset and limit"),
            {
                "query": of_month,
                "paging": {"kind": "offset_limit", "size": PAGE_RECORDS, "total": "Total"},
            },
        ),
        "date_window": (
            "by-day",
            Bilingual(vi="HTTP, theo khoảng ngày (tối đa 5 ngày)", en="HTTP, by windows of at most 5 days"),
            {
                "date_format": DATE_FORMAT,
                "paging": {"kind": "date_window", "first": "tuNgay", "last": "denNgay", "days": MOST_DAYS},
            },
        ),
        "cursor": (
            "by-cursor",
            Bilingual(vi="HTTP, theo con trỏ", en="HTTP, by cursor"),
            {"query": of_month, "paging": {"kind": "cursor", "next": "paging.next"}},
        ),
    }
    for name, (path, title, how) in pagings.items():
        register = {"name": "register", "path": "/register", "query": of_month, "records": "Data"}
        traffic = {"name": "traffic", "path": f"/traffic/{path}", "records": "Data", **how}
        connector = {"kind": "http", "base_url": url, "auth": {"bearer_env": TOKEN}, "requests": [register, traffic]}
        pages = {"mode": "increment", "format": {"kind": "json", "records": "Data", "count": "DataCount"}}
        yield _endpoint(
            settings,
            catalogue,
            JUDICIAL,
            f"http_{name}",
            title,
            address=url,
            environment={TOKEN: token},
            attributes={"connector": connector},
            note=Bilingual(
                vi="connection.traffic: thêm 'mode: increment' (mỗi trang là một lần giao), bỏ 'compression'.",
                en="connection.traffic: add 'mode: increment' (a page is a delivery), leave 'compression' out.",
            ),
            changed={TRAFFIC: pages},
        )


def _of_xroad(settings: Settings, catalogue: Catalogue, url: str) -> Endpoint:
    connector = {"kind": "xroad", "base_url": url, "client": CLIENT, "server": SERVER}
    return _endpoint(
        settings,
        catalogue,
        CATALOGUE,
        "xroad",
        Bilingual(
            vi="X-Road: nhật ký vận hành (7 ngày gần nhất) và danh sách dịch vụ",
            en="X-Road: operational monitoring of the last 7 days, and service lists",
        ),
        address=url,
        environment={},
        attributes={"connector": connector},
        note=Bilingual(
            vi="Máy chủ X-Road quên sau 7 ngày: các lượt trao đổi cuối tháng mẫu được dời về quanh hôm nay; hãy"
            f" lấy tháng hiện tại. 'register_of: [{PROVIDER}]' lấy thêm danh sách dịch vụ.",
            en="An X-Road server forgets after 7 days: the sample's exchanges are moved to the days around now; fetch"
            f" the current month. 'register_of: [{PROVIDER}]' fetches the list of services, too.",
        ),
    )


def _of_postgres(settings: Settings, catalogue: Catalogue, dsn: str) -> Endpoint:
    connector = {
        "kind": "postgres",
        "dsn_env": DSN,
        "name": ONE_STOP,
        "relation": f"{one_stop.SCHEMA}.{one_stop.VIEW}",
        "columns": [one_stop.CURSOR, *one_stop.COLUMNS.values(), SYNTHETIC_KEY],
        "month": one_stop.MONTH,
        "cursor": one_stop.CURSOR,
    }
    rows = {
        "table": DOSSIER,
        "mode": "increment",
        "format": {"kind": "parquet"},
        "columns": {name: {"header": header} for name, header in one_stop.COLUMNS.items()},
        "ignored": [one_stop.CURSOR],
    }
    return _endpoint(
        settings,
        catalogue,
        ONE_STOP,
        "postgres",
        Bilingual(vi="PostgreSQL: khung nhìn hồ sơ của hệ thống một cửa", en="PostgreSQL: the one-stop system's view"),
        address=dsn,
        environment={DSN: dsn},
        attributes={"connector": connector, "deliveries": [rows]},
        note=Bilingual(
            vi="Kết nối bằng tài khoản chỉ đọc; chỉ các cột nêu tên rời khỏi cơ sở dữ liệu.",
            en="The account may only read; nothing but the columns named leaves the database.",
        ),
    )


def _endpoint(
    settings: Settings,
    catalogue: Catalogue,
    source: str,
    name: str,
    title: Bilingual,
    *,
    address: str,
    environment: Mapping[str, str],
    attributes: Node,
    note: Bilingual,
    changed: Mapping[str, Node] | None = None,
) -> Endpoint:
    declared = catalogue.sources.get(source)
    file = f"assets/{declared.group if declared else 'connection'}/{source}/defs.yaml"
    declaration = None
    if declared is not None:
        document = Document(settings.project / file).value
        document["attributes"] |= attributes
        for layout in document["attributes"]["deliveries"]:
            layout.update((changed or {}).get(layout["table"], {}))
        declaration = as_yaml(document)
    return Endpoint(name, title, address, source, file, environment, attributes, note, declaration)


def as_yaml(value: Any) -> str:  # noqa: ANN401 - whatever stands in the YAML
    """A piece of a declaration, as it is written in one."""
    return str(yaml.dump(value, Dumper=_Plain, allow_unicode=True, sort_keys=False, default_flow_style=None, width=110))


class _Plain(yaml.SafeDumper):
    """What stands there twice is written twice: declarations have no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - as the base class has it
        return True
