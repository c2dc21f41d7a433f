"""Live systems: the sample's systems on this machine, for trying the connectors.

    http       the judicial records: whole, by offset, by days and by cursor, with a bearer token
    xroad      the service catalogue: operational monitoring and service lists
    postgres   the one-stop system: a view of dossiers

They serve the rows of the sample's deliveries, marked as synthetic, on the loopback interface
(PostgreSQL on a socket). `live.yaml` has the declarations that fetch from them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Any

import pyarrow as pa
import yaml
from pydantic import BaseModel

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.declarations.document import Bilingual, Document
from dx_pipeline.declarations.source import JsonEnvelope
from dx_pipeline.errors import DxError, UsageError
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.period import Month
from dx_pipeline.sample import exchange, postgres_server, rows, scenario, xroad_server
from dx_pipeline.sample import http_server as web
from dx_pipeline.sample.form import form_of
from dx_pipeline.sample.http_server import Handler, Record, Reply, Request, Service
from dx_pipeline.sample.scenario import Scenario
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
CLIENT, PROVIDER = "/".join(xroad_server.CLIENT.values()), "/".join(xroad_server.PROVIDER.values())
DECLARED = Path(__file__).with_name("live.yaml").read_text(encoding="utf-8")


class Endpoint(BaseModel):
    """One way to fetch what is served (a connector and its paging), and how a source declares it.

    Args:
        file: where the source is declared, below the project.
        environment: the environment variables that the connector needs, with their values.
        attributes: what replaces the declaration's attributes of the same name.
        note: what else changes in the declaration, or is good to know.
        declaration: the whole changed declaration as YAML.
    """

    name: str
    title: Bilingual
    address: str
    source: str
    file: str
    environment: Mapping[str, str]
    attributes: Mapping[str, Any]
    note: Bilingual
    declaration: str


@dataclass(frozen=True)
class LiveSystems:
    """What is served, and what is not and why (one sentence each)."""

    endpoints: tuple[Endpoint, ...]
    absent: tuple[DxError, ...]


@contextmanager
def serving(
    settings: Settings, catalogue: Catalogue, months: Sequence[Month], *, scale: float, seed: int, port: int = 0
) -> Iterator[LiveSystems]:
    """Serve the sample of some months within a `with` block.

    Args:
        settings: the reference files, and the scratch space of DuckDB.
        catalogue: the sources and their layouts.
        months: what is served; the X-Road server has the last days of the last one.
        scale: as in the sample's deliveries.
        seed: as in the sample's deliveries.
        port: of the HTTP service; the X-Road server has the next one. With 0 both are free ones.

    Raises:
        UsageError: a port is in use, or a source that is served is not declared.
    """
    for source in (JUDICIAL, CATALOGUE, ONE_STOP):
        if source not in catalogue.sources:
            raise UsageError(
                f"there is no source '{source}' to serve: restore its folder under assets/ from the repository.",
                f"không có nguồn '{source}' để mở: hãy phục hồi thư mục của nguồn dưới assets/ từ kho mã nguồn.",
            )
    made = scenario.build(settings.reference, seed=seed, scale=scale)
    token = secrets.token_urlsafe(24)
    with ExitStack() as stack:
        http = stack.enter_context(_service(_pages(settings, catalogue, made, months), port, token=token))
        monitoring = _security_server(settings, catalogue, made, months[-1])
        xroad = stack.enter_context(_service(monitoring, port and port + 1))
        dsn = ""
        absent: list[DxError] = []
        columns = _declared()["postgres"]["attributes"]["deliveries"][0]["columns"]
        headers = {name: column["header"] for name, column in columns.items()}
        try:
            dsn = stack.enter_context(postgres_server.serving(_dossiers(catalogue, made, months), headers))
        except DxError as error:
            absent.append(error)
        endpoints = _endpoints(settings, catalogue, {TOKEN: token, DSN: dsn}, http=http.url, xroad=xroad.url, dsn=dsn)
        yield LiveSystems(tuple(endpoint for endpoint in endpoints if endpoint.address), tuple(absent))


def _service(handlers: Mapping[str, Handler], port: int, token: str | None = None) -> Service:
    try:
        return Service(handlers, token=token, most_requests=None, port=port)
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be listened on: choose another one with '--port', or leave it out.",
            f"không dùng được cổng {port}: hãy chọn cổng khác bằng '--port', hoặc bỏ tùy chọn này.",
        ) from error


def _pages(settings: Settings, catalogue: Catalogue, made: Scenario, months: Sequence[Month]) -> dict[str, Handler]:
    """What answers at each path of the HTTP service. The month is the parameter `thang=YYYY-MM`."""
    envelope = JsonEnvelope(kind="json", records="Data", count="DataCount")
    registers: dict[str, list[Record]] = {}
    traffic: dict[str, list[Record]] = {}
    by_day: list[tuple[date, Record]] = []
    with connect(settings) as database:
        for month in months:
            for table, printed in ((REGISTER, registers), (TRAFFIC, traffic)):
                form = form_of(catalogue, made, JUDICIAL, table, month)
                as_json = replace(form, layout=form.layout.model_copy(update={"format": envelope}))
                found = rows.make(made, table, JUDICIAL, month)
                printed[str(month)] = records(database, found, as_json)
                if table == TRAFFIC:
                    hours = (moment + timedelta(hours=UTC_OFFSET_HOURS) for moment in found["hour_at"].to_pylist())
                    by_day += zip((hour.date() for hour in hours), printed[str(month)], strict=True)

    def of_month(
        found: Mapping[str, list[Record]], paged: Callable[[Callable[[], Sequence[Record]]], Handler]
    ) -> Handler:
        return _checked(lambda request: paged(lambda: found.get(request.query["thang"], []))(request))

    return {
        "/register": of_month(registers, lambda found: web.whole(found, **MARK)),
        "/traffic/by-offset": of_month(traffic, lambda found: web.by_offset(found, PAGE_RECORDS, **MARK)),
        "/traffic/by-cursor": of_month(traffic, lambda found: web.by_cursor(found, PAGE_RECORDS, **MARK)),
        "/traffic/by-day": _checked(web.by_window(lambda: by_day, DATE_FORMAT, MOST_DAYS, **MARK)),
    }


def _checked(handler: Handler) -> Handler:
    """A handler that answers 400 if a parameter is missing or wrong."""

    def reply(request: Request) -> Reply:
        try:
            return handler(request)
        except (KeyError, ValueError):
            message = b'{"Status": 0, "Message": "a parameter is missing or wrong: see the declaration"}'
            return Reply(message, status=HTTPStatus.BAD_REQUEST)

    return reply


def _security_server(settings: Settings, catalogue: Catalogue, made: Scenario, month: Month) -> dict[str, Handler]:
    """What answers at each path of the security server."""
    halves = rows.make(made, EXCHANGE, CATALOGUE, month)
    with connect(settings) as database:
        recent = exchange.recent(halves, month, datetime.now(UTC))
        found = records(database, recent, form_of(catalogue, made, CATALOGUE, EXCHANGE, month))
    listed = {PROVIDER: sorted({operation.partition("/")[0] for operation in halves["operation"].to_pylist()})}
    listing = xroad_server.services(listed, listed, is_synthetic=True)
    monitoring = xroad_server.Monitoring(found, is_synthetic=True)
    return {"/": monitoring, "/listClients": listing, "/r1/*": listing}


def _dossiers(catalogue: Catalogue, made: Scenario, months: Sequence[Month]) -> Iterator[pa.Table]:
    """The states of dossiers that each month's extract has, recorded on the month's last day."""
    contract = catalogue.contracts[DOSSIER]
    schema = arrow_schema(contract, contract.columns)
    for month in months:
        states = rows.make(made, DOSSIER, ONE_STOP, month).select(schema.names).cast(schema)
        yield states.append_column(postgres_server.RECORDED_ON, pa.array([month.last] * states.num_rows, pa.date32()))


def _declared(**addresses: str) -> dict[str, Any]:
    """`live.yaml` with its words filled in."""
    text = Template(DECLARED).safe_substitute(
        addresses,
        client=CLIENT,
        provider=PROVIDER,
        page_records=PAGE_RECORDS,
        most_days=MOST_DAYS,
        date_format=DATE_FORMAT,
    )
    return dict(yaml.safe_load(text))


def _endpoints(
    settings: Settings, catalogue: Catalogue, values: Mapping[str, str], **addresses: str
) -> Iterator[Endpoint]:
    for name, item in _declared(**addresses).items():
        file = f"assets/{catalogue.sources[item['source']].group}/{item['source']}/defs.yaml"
        document = Document(settings.project / file).value
        document["attributes"] |= item["attributes"]
        for layout in document["attributes"]["deliveries"]:
            layout.update(item.get("layouts", {}).get(layout["table"], {}))
        environment = {variable: values[variable] for variable in item["environment"]}
        changed = {"name": name, "file": file, "environment": environment, "declaration": as_yaml(document)}
        yield Endpoint.model_validate(item | changed)


def as_yaml(value: Mapping[str, Any]) -> str:
    """A part of a declaration, as it is written in one."""
    return str(yaml.dump(value, Dumper=_Plain, allow_unicode=True, sort_keys=False, default_flow_style=None, width=110))


class _Plain(yaml.SafeDumper):
    """YAML without anchors: declarations have none."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - as the base class has it
        return True
