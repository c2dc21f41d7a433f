"""How a source is fetched, as its `defs.yaml` declares it under `connector:`.

A declaration has no secrets: it names the environment variables that contain them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from dx_pipeline.declarations.document import Declared
from dx_pipeline.errors import RuleError

EnvironmentName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
JsonPlace = Annotated[str, Field(pattern=r"^[^.]+(\.[^.]+)*$")]
"""Names joined by dots, from the outermost object of a JSON document inwards."""

XRoadId = Annotated[str, Field(pattern=r"^[^/\s]+(/[^/\s]+){2,3}$")]
"""An X-Road identifier: instance/class/member, and mostly a subsystem."""

XRoadServerId = Annotated[str, Field(pattern=r"^[^/\s]+(/[^/\s]+){3}$")]
"""A security server: instance/class/member/server code."""

MOST_DAYS = 5
PLACEHOLDERS = frozenset({"month", "first_day", "last_day"})


class Bounds(Declared):
    """Limits on time, attempts and volume of one run; what is left is fetched by the next run.

    Args:
        attempts: how often one page is asked for.
        first_wait_seconds: doubled from attempt to attempt, with jitter, up to `longest_wait_seconds`.
        longest_wait_seconds: also the longest `Retry-After` that is waited for.
        connect_seconds: until a connection is established.
        answer_seconds: until an answer has arrived whole, from the first byte of the request to the last trailer.
        total_seconds: for all that is asked of the source in one run.
        page_bytes: of one answer, unpacked.
        pages: of one month in one run.
    """

    attempts: int = Field(default=5, ge=1, le=20)
    first_wait_seconds: float = Field(default=1, ge=0, le=60)
    longest_wait_seconds: float = Field(default=120, ge=0, le=3600)
    connect_seconds: float = Field(default=10, gt=0, le=300)
    answer_seconds: float = Field(default=120, gt=0, le=3600)
    total_seconds: float = Field(default=3600, gt=0, le=6 * 3600)
    page_bytes: int = Field(default=64 * 1024 * 1024, ge=1)
    pages: int = Field(default=10_000, ge=1)


class Tls(Declared):
    """Certificates, as paths in the environment: the authority that is trusted, and our own certificate and key."""

    authority_file_env: EnvironmentName | None = None
    certificate_file_env: EnvironmentName | None = None
    key_file_env: EnvironmentName | None = None


class Files(Declared):
    """The inbox folder; and, where there is an address, the files that lie in a folder there.

    Args:
        address: an fsspec URL of a folder (`s3://…`, `sftp://…`, a local path). `{month}` in it
            is replaced by YYYY-MM; without it, the month is a folder beneath, as in the inbox.
    """

    kind: Literal["files"]
    address: str | None = None
    bounds: Bounds = Bounds(page_bytes=1024**3)

    @model_validator(mode="after")
    def _has_no_secret(self) -> Files:
        if self.address and re.search(r"//[^/@]*:[^/@]*@", self.address):
            raise RuleError(
                "an address may not contain a password: give it by fsspec's own environment variables (FSSPEC_…).",
                "địa chỉ không được chứa mật khẩu: hãy đặt mật khẩu trong các biến môi trường của fsspec (FSSPEC_…).",
            )
        return self


class Bearer(Declared):
    """A token sent as `Authorization: Bearer`; it comes from the environment and is kept nowhere."""

    bearer_env: EnvironmentName


class Whole(Declared):
    """One answer has everything; asked again, the server may answer that nothing has changed."""

    kind: Literal["whole"]


class OffsetLimit(Declared):
    """Paging by number: `offset` records are skipped, up to `limit` are returned.

    The set may grow at its end. It ends with an answer without records, or after `total` records; a
    page that is not full is not the end, because servers may return fewer than were asked for.
    """

    kind: Literal["offset_limit"]
    offset: str = "offset"
    limit: str = "limit"
    size: int = Field(default=500, ge=1)
    total: JsonPlace | None = None


class DateWindow(Declared):
    """Paging by days, a few at a time: from and to, both inclusive, in `date_format`.

    A day is requested once it has ended. Windows that ended up to `recheck_days` ago are requested
    again, on the condition that they have changed.
    """

    kind: Literal["date_window"]
    first: str
    last: str
    days: int = Field(default=MOST_DAYS, ge=1, le=MOST_DAYS)
    recheck_days: int = Field(default=0, ge=0, le=62)


class CursorPaging(Declared):
    """Each answer has at `next` the cursor of the following page; an answer without one is the last so far."""

    kind: Literal["cursor"]
    parameter: str = "cursor"
    next: JsonPlace
    limit: str | None = None
    size: int = Field(default=500, ge=1)


Paging = Annotated[Whole | OffsetLimit | DateWindow | CursorPaging, Field(discriminator="kind")]


class Request(Declared):
    """One stream of pages of an HTTP source.

    Args:
        path: beneath the base URL. In it and in `query`, `{month}`, `{first_day}` and `{last_day}`
            are replaced by the month that is fetched; the days are written in `date_format`. A request
            that names no month returns the present state: it is made for the current month only.
        records: where the array of records is in the JSON answer.
    """

    name: Name
    path: str = Field(pattern=r"^/[^?#]*$")
    query: dict[str, str] = Field(default_factory=dict)
    date_format: str = "%d/%m/%Y"
    records: JsonPlace
    paging: Paging = Whole(kind="whole")

    @model_validator(mode="after")
    def _placeholders_are_known(self) -> Request:
        for found in re.findall(r"\{([^}]*)\}", " ".join([self.path, *self.query.values()])):
            if found not in PLACEHOLDERS:
                raise RuleError(
                    f"'{{{found}}}' is not known: write {{month}}, {{first_day}} or {{last_day}}.",
                    f"'{{{found}}}' không được biết: hãy ghi {{month}}, {{first_day}} hoặc {{last_day}}.",
                )
        return self

    @property
    def names_month(self) -> bool:
        """Whether the request is for a month, and not for the present state."""
        has_placeholder = "{" in "".join([self.path, *self.query.values()])
        return has_placeholder or isinstance(self.paging, DateWindow)


class _Addressed(Declared):
    """A server, at an address that is declared or given by the environment."""

    base_url: str | None = Field(default=None, pattern=r"^https?://[^?#@]+$")
    base_url_env: EnvironmentName | None = None
    tls: Tls = Tls()
    bounds: Bounds = Bounds()

    @model_validator(mode="after")
    def _one_address(self) -> _Addressed:
        if (self.base_url is None) == (self.base_url_env is None):
            raise RuleError(
                "give either 'base_url' or 'base_url_env' (the environment variable that contains it).",
                "hãy ghi 'base_url' hoặc 'base_url_env' (biến môi trường chứa địa chỉ), chỉ một trong hai.",
            )
        return self


class Http(_Addressed):
    """A server that answers in JSON, page by page. A page is one delivery, landed as it came."""

    kind: Literal["http"]
    auth: Bearer | None = None
    requests: tuple[Request, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> Http:
        names = [request.name for request in self.requests]
        if len(set(names)) < len(names):
            raise RuleError(
                "two requests have the same name: deliveries that have landed are recognised by it.",
                "hai yêu cầu trùng tên: hãy đặt tên khác nhau, vì các lần giao đã nhận được nhận ra theo tên.",
            )
        return self


class XRoad(_Addressed):
    """An X-Road security server: its operational monitoring (PR-OPMON), and its services (PR-MREST).

    Args:
        client: who asks, as instance/class/member/subsystem.
        server: whose records are asked for, as instance/class/member/server code.
        about: only records about this client of the server, where not all are wanted.
        operational_data: whether records of the traffic are fetched.
        register_of: members or subsystems whose services are listed, each for the register.
        retention_days: how long the server keeps its records.
        settle_seconds: records younger than this may still be incomplete (PR-OPMON: 60 by default).
    """

    kind: Literal["xroad"]
    client: XRoadId
    server: XRoadServerId
    about: XRoadId | None = None
    operational_data: bool = True
    register_of: tuple[XRoadId, ...] = ()
    retention_days: int = Field(default=7, ge=1, le=366)
    settle_seconds: int = Field(default=120, ge=60, le=86_400)


class Postgres(Declared):
    """A view or a query of a PostgreSQL database, read on from where the last reading ended.

    Args:
        dsn_env: the environment variable with the connection string (of an account that only reads).
        relation: a table or view (`schema.name`), or else
        query: one SELECT, without a semicolon.
        columns: those that are read; nothing else leaves the database.
        month: the date or timestamp column by which a row belongs to a month; where rows change, that of the change.
        cursor: the column by which rows are read on: never NULL, and never smaller in a newer row.
        settle_seconds: rows whose (timestamp) cursor is younger are left for the next run, because
            transactions that started earlier may still add to them.
        rows: of one delivery; rows with the same cursor stay together, so it may be more.
    """

    kind: Literal["postgres"]
    dsn_env: EnvironmentName
    name: Name
    relation: str | None = Field(default=None, pattern=r"^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$")
    query: str | None = None
    columns: tuple[str, ...] = Field(min_length=1)
    month: Name
    cursor: Name
    settle_seconds: int = Field(default=0, ge=0, le=86_400)
    rows: int = Field(default=250_000, ge=1)
    statement_seconds: float = Field(default=600, gt=0, le=3600)
    bounds: Bounds = Bounds(page_bytes=1024**3)

    @model_validator(mode="after")
    def _one_origin(self) -> Postgres:
        if (self.relation is None) == (self.query is None):
            raise RuleError(
                "give either 'relation' (a table or view) or 'query' (one SELECT).",
                "hãy ghi 'relation' (bảng hoặc khung nhìn) hoặc 'query' (một câu SELECT), chỉ một trong hai.",
            )
        if self.cursor not in self.columns:
            raise RuleError(
                f"'{self.cursor}' is the cursor: name it among the columns.",
                f"'{self.cursor}' là con trỏ (cursor): hãy ghi nó trong các cột.",
            )
        return self


def _named(value: Any) -> Any:
    """A connector without settings may be given by its name alone."""
    return {"kind": value} if isinstance(value, str) else value


_ByKind = Annotated[Files | Http | XRoad | Postgres, Field(discriminator="kind")]

Connector = Annotated[_ByKind, BeforeValidator(_named, json_schema_input_type=Literal["files"] | _ByKind)]
