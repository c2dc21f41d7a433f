"""The province: what the rest of the pipeline has to know about it. Declared in `assets/province.yaml`."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from dx_pipeline.declarations.document import Bilingual, Declared, Document
from dx_pipeline.declarations.mistake import no_time_zone
from dx_pipeline.errors import RuleError, UsageError
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROVINCE = "assets/province.yaml"
"""Where a project declares its province: a folder without it is no project."""

CODE = r"^[A-Z][0-9]{2}$"
NO_TITLE, NO_CODE = Bilingual(vi="(tên tỉnh)", en="(name of the province)"), "H00"
"""What a new project has in place of its province's title and code."""


URL = re.compile(r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::\d+)?(?:/[^\s<>\"{}|\\^`]*)?")
EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def _is_url(value: str) -> str:
    if not URL.fullmatch(value):
        raise RuleError(
            f"'{value}' is no address of a page: write one that begins with https://.",
            f"'{value}' không phải là địa chỉ trang: hãy ghi địa chỉ bắt đầu bằng https://.",
        )
    return value


def _is_email(value: str) -> str:
    if not EMAIL.fullmatch(value):
        raise RuleError(
            f"'{value}' is no e-mail address: write one such as so@tinh.gov.vn.",
            f"'{value}' không phải là địa chỉ thư điện tử: hãy ghi địa chỉ như so@tinh.gov.vn.",
        )
    return value


Url = Annotated[str, AfterValidator(_is_url)]


class Contact(Declared):
    """Whom readers of the published data can ask.

    Args:
        name: of an office, not of a person: it is published.
        email: its e-mail address.
        url: its page. One of the two is needed.
    """

    name: Bilingual
    email: Annotated[str, AfterValidator(_is_email)] | None = None
    url: Url | None = None

    @model_validator(mode="after")
    def _can_be_reached(self) -> Contact:
        if self.email is None and self.url is None:
            raise RuleError(
                "'contact' has no address: write 'email' or 'url'.",
                "'contact' chưa có địa chỉ: hãy ghi 'email' hoặc 'url'.",
            )
        return self


class Province(Declared):
    """One province.

    Args:
        title: its name, as it is in titles.
        code: its code in the electronic documents system, the first part of its agencies' codes.
        time_zone: IANA name; times without a zone in deliveries are in it, and a month begins at its midnight.
        first_month: the first month (YYYY-MM) of the monthly partitions.
        suppress_below: published cells that count fewer dossiers than this are withheld.
        coverage_at_least: values that rest on a smaller share of what is expected are withheld.
        closing_day: the day of the following month until which deliveries change a month's figures; later ones are
            proposed as revisions. Without it no month is ever closed.
        notify: environment variables that have addresses for notifications, as Apprise writes them
            (`mailtos://…`, `jsons://…`): who is to know what failed, was held back or is late.
        public_key: the Ed25519 public key, in PEM, by which releases of the province are signed. Without it none is.
        licence: the address of the licence under which the data are published; nothing is said without it.
        contact: whom readers of the published data can ask; nobody is named without it.
        headline: the KPIs that are shown first, in this order.
        local: the tables and KPIs that are about this province alone; `dx init` leaves them out.
    """

    title: Bilingual
    code: str = Field(pattern=CODE)
    time_zone: str = "Asia/Ho_Chi_Minh"
    first_month: str
    suppress_below: int = Field(default=10, ge=1)
    coverage_at_least: float = Field(default=0.8, ge=0, le=1)
    closing_day: int | None = Field(default=None, ge=1, le=28)
    notify: tuple[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")], ...] = ()
    public_key: str | None = None
    licence: Url | None = None
    contact: Contact | None = None
    headline: tuple[str, ...] = ()
    local: tuple[str, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _is_a_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise no_time_zone(value) from error
        return value

    @field_validator("first_month")
    @classmethod
    def _is_a_month(cls, value: str) -> str:
        try:
            Month.parse(value)
        except UsageError as error:
            raise RuleError(str(error), error.vi) from error
        return value

    @field_validator("public_key")
    @classmethod
    def _is_a_public_key(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                _public_key(value)
            except ValueError as error:
                raise RuleError(
                    "write an Ed25519 public key in PEM, from '-----BEGIN PUBLIC KEY-----' on.",
                    "hãy ghi khóa công khai Ed25519 dạng PEM, bắt đầu từ '-----BEGIN PUBLIC KEY-----'.",
                ) from error
        return value

    @property
    def verifying_key(self) -> Ed25519PublicKey | None:
        """The key that signatures of releases are checked with."""
        return _public_key(self.public_key) if self.public_key is not None else None

    @property
    def blanks(self) -> tuple[str, ...]:
        """The keys that nobody has filled in since `dx init`."""
        blank = {"title": self.title == NO_TITLE, "code": self.code == NO_CODE}
        return tuple(key for key, is_blank in blank.items() if is_blank)

    def has_closed(self, month: Month, today: date) -> bool:
        """Whether deliveries for a month no longer change its figures by themselves."""
        return self.closing_day is not None and today > month.plus(1).first.replace(day=self.closing_day)

    @property
    def start(self) -> Month:
        """The first month of the monthly partitions."""
        return Month.parse(self.first_month)


def declared_in(project: Path) -> tuple[Document, Province]:
    """The province of the project in a folder, and the document that declares it.

    Raises:
        UsageError: the folder is no project.
        DeclarationError: a value is wrong.
    """
    if not (project / PROVINCE).is_file():
        raise UsageError(
            f"{project} is no project: it has no {PROVINCE}. Make one with 'dx init {project}'.",
            vi=f"{project} không phải là dự án: không có {PROVINCE}. Hãy tạo dự án bằng 'dx init {project}'.",
        )
    document = Document(project / PROVINCE)
    return document, document.read(Province)


def open_province(project: Path | str | None = None, warehouse: Path | str | None = None) -> tuple[Settings, Province]:
    """The settings and the province of a project, by arguments or by the environment: no other declaration is read.

    Raises:
        UsageError: the folder is no project.
        DeclarationError: a value of the province is wrong.
    """
    settings = Settings.from_environment(project, warehouse)
    _, province = declared_in(settings.project)
    return replace(settings, time_zone=province.time_zone), province


def _public_key(text: str) -> Ed25519PublicKey:
    """An Ed25519 public key.

    Raises:
        ValueError: the text is no such key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(type(key).__name__)  # noqa: TRY004 - pydantic reports values that are wrong
    return key
