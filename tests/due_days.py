"""The trial project with due days: dossiers that are settled, or in progress at the end of a month, on time or late."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from projects import TRIAL

WORDS = "{vi: Thử, en: Trial}"
VIEW = """\
type: dx_pipeline.components.View
attributes:
  title: {vi: Thử, en: Trial}
  grain: {vi: Thử, en: Trial}
  of: statistics.dossier
  date: DAY
  unit: unit_code
  protects: dossiers
  basis: BASIS
  repeats: REPEATS
  excluded: {other: {vi: Thử, en: Trial}, not_in_force: {vi: Thử, en: Trial, is_lost: true}}
  columns:
    DAY: {vi: Thử, en: Trial}
    unit_code: {vi: Thử, en: Trial}
    channel: {vi: Thử, en: Trial}
    is_late: {vi: Thử, en: Trial}
"""
SELECTED = """\
SELECT
    DAY,
    unit.unit_code,
    coalesce(dossier.channel, 'direct') AS channel,
    coalesce(DAY > dossier.due_on, FALSE) AS is_late,
    dossier.as_of,
    CASE WHEN DAY IS NULL THEN 'other' WHEN unit.unit_code IS NULL THEN 'not_in_force' END AS excluded,
    dossier.month,
    dossier.delivery_id,
    dossier.delivery_line
FROM statistics.dossier AS dossier
JOINED
LEFT JOIN reference.unit_of AS unit ON unit.code = dossier.agency_code AND DAY BETWEEN unit.valid_from AND unit.valid_to
"""
IN_PROGRESS = """\
LEFT JOIN (SELECT DISTINCT last_day(month) AS open_on FROM statistics.dossier) AS delivered
    ON open_on >= received_on AND (finished_on IS NULL OR finished_on > open_on)
"""
RATE = """\
type: dx_pipeline.components.Kpi
attributes:
  title: {vi: Thử, en: Trial}
  owner: team:trial
  unit_of_measure: percent
  of: dossier_settled
  versions:
    - version: 1
COUNTED
      valid_from: 2022-01-01
      legal_basis: {vi: Thử, en: Trial}
      formula: {vi: Thử, en: Trial}
"""
ON_TIME = ("counted: NOT is_late", "among: true", "plus: {of: dossier_open, counted: NOT is_late, among: true}")
SATISFIED = ("counted: true", "less: [is_late, channel = 'direct']", "among: true")


def rate(*counted: str) -> str:
    """The declaration of a KPI over what is settled."""
    return RATE.replace("COUNTED", "\n".join(f"      {line}" for line in counted))


def with_due_days(folder: Path) -> Path:
    """A copy of the trial project whose dossiers have due days, with views and KPIs of them."""
    shutil.copytree(TRIAL, folder)
    _replace(folder / "assets/contract/statistics/dossier.yaml", "  dossier_status:", _columns() + "  dossier_status:")
    source = folder / "assets/statistics/dossier/defs.yaml"
    _replace(source, ', "Ngày hẹn trả", "Ngày hoàn thành"]', "]")
    dates = {"due_on": "Ngày hẹn trả", "finished_on": "Ngày hoàn thành"}
    placed = "".join(f'        {name}: {{header: "{head}", date: "%d/%m/%Y"}}\n' for name, head in dates.items())
    _replace(source, "        dossier_status:", placed + "        dossier_status:")
    for name, day, basis, joined in (
        ("dossier_settled", "finished_on", "flow", ""),
        ("dossier_open", "open_on", "stock", IN_PROGRESS),
    ):
        declared = VIEW.replace("DAY", day).replace("BASIS", basis).replace("REPEATS", str(basis == "stock").lower())
        _write(folder / f"assets/view/{name}/defs.yaml", declared)
        _write(folder / f"assets/view/{name}/view.sql", SELECTED.replace("JOINED\n", joined).replace("DAY", day))
    for code, counted in (("on_time_rate", ON_TIME), ("satisfaction_rate", SATISFIED)):
        _write(folder / f"assets/kpi/{code}/defs.yaml", rate(*counted))
    return folder


def _columns() -> str:
    return "".join(f"  {name}: {{type: date, vi: Thử, en: Trial}}\n" for name in ("due_on", "finished_on"))


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Dossier:
    """One line of a delivery: a dossier as it is at that time, in progress until it is finished."""

    number: int
    received_on: date
    due_on: date | None = None
    finished_on: date | None = None
    channel: str = "Trực tuyến"
    agency: str = "H53.07"

    @property
    def line(self) -> str:
        """As the one-stop system writes it."""
        days = ";".join(f"{day:%d/%m/%Y}" if day else "" for day in (self.received_on, self.due_on, self.finished_on))
        status = "Đã giải quyết" if self.finished_on else "Đang giải quyết"
        return f"{self.agency}-220401-{self.number:04};2.000488;{self.agency};{self.channel};{days};{status};0"


def lines(dossiers: Iterable[Dossier]) -> list[str]:
    """As the one-stop system writes them."""
    return [dossier.line for dossier in dossiers]
