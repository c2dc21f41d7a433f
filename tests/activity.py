"""What a random province delivers in some months: rows of every table, now and then missing, late or wrong."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import facts
from deliveries import put
from hypothesis import Phase
from hypothesis import settings as settings_of_examples
from hypothesis import strategies as st
from projects import PROJECT
from provinces import History, histories
from tables import publish

from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.ingest import ingest
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

Row = dict[str, Any]
PROCEDURES = tuple(f"1.00000{number}" for number in range(1, 7))
OPERATIONS = ("look_up", "send", "cancel")
TABLES = (
    *("statistics.dossier", "statistics.service", "reference.procedure", "programme.community_group"),
    *("programme.digital_enterprise", "programme.plan", "programme.project_milestone", "statistics.portal_sync"),
)


@dataclass(frozen=True)
class Activity:
    """A province, the months that anything is delivered for, what is missing, and chance for all the rest.

    Args:
        is_delivered: whether dossiers come in deliveries, some of them late, repeated, corrected or broken.
    """

    history: History
    months: Sequence[Month]
    missing: frozenset[tuple[str, Month]]
    chance: Random = field(repr=False)
    is_delivered: bool = False

    def publish(self, settings: Settings, catalogue: Catalogue) -> None:
        """Publish every table."""
        if self.is_delivered:
            self._deliver(settings, catalogue)
        for table, rows in self.references(catalogue).items():
            publish(settings, catalogue, table, table.partition(".")[2], None, rows)
        for month in self.months:
            for table in TABLES:
                is_published = self.is_delivered and table == "statistics.dossier"
                if (table, month) not in self.missing and not is_published:
                    publish(settings, catalogue, table, table.partition(".")[2], str(month), self.rows(table, month))
            for system in catalogue.systems:
                if (system, month) not in self.missing:
                    register, traffic = list(self.register(system)), list(self.traffic(system, month))
                    publish(settings, catalogue, "connection.register", system, str(month), register)
                    publish(settings, catalogue, "connection.traffic", system, str(month), traffic)
                statuses = self.chance.choices(["ok", "failed", "unchanged"], k=self.chance.randint(0, 3))
                duration = self.chance.choice([None, 90])
                tried = facts.attempts(system, *statuses, duration=duration)
                publish(settings, catalogue, "connection.attempt", system, str(month), tried)

    def _deliver(self, settings: Settings, catalogue: Catalogue) -> None:
        """Let dossiers come through the inbox, and the lists of agencies and units that they refer to."""
        self.write_lists(settings)
        for month in self.months:
            self._put(settings, month)
        ingest(settings, catalogue, "dossier", self.months)

    def write_lists(self, settings: Settings) -> None:
        """Write the reference files of agencies and units."""
        settings.warehouse.joinpath("reference").mkdir()
        for name, rows in (("agency", self.history.agencies), ("admin_unit", self.history.units)):
            with (settings.warehouse / "reference" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                written = csv.DictWriter(file, list(rows[0]))
                written.writeheader()
                written.writerows(rows)

    def _put(self, settings: Settings, month: Month) -> None:
        """Put the dossiers of a month into the inbox: in parts, some late, repeated, corrected or broken."""
        rows = self.rows("statistics.dossier", month)
        if ("statistics.dossier", month) in self.missing or not rows:
            return
        cut = self.chance.randrange(len(rows))
        broken = [{**row, "channel": "bồ câu"} for row in rows if self.chance.random() < 0.1]
        changed = [{**row, "channel": self.chance.choice(["online", None])} for row in rows[:cut] if row["channel"]]
        wrong = {row["dossier_code"]: row for row in broken}
        first = facts.extract(wrong.get(row["dossier_code"], row) for row in rows[:cut])
        deliveries = [
            ("first.csv", first, 3),
            ("rest.csv", facts.extract(rows[cut:]), 4),
            ("again.csv", first, 5),
            ("first.csv", facts.extract(changed), 9),
            ("late.csv", facts.extract(rows[: cut // 2]), 20),
        ]
        for name, content, day in deliveries[: self.chance.randint(2, len(deliveries))]:
            put(settings, "dossier", content, str(month), name, day)

    def references(self, catalogue: Catalogue) -> dict[str, list[Row]]:
        """The reference tables."""
        systems = [facts.system(name, planned=self.chance.random() < 0.8) for name in catalogue.systems]
        others = {"reference.system": systems, "programme.target": [], "programme.published_figure": []}
        return {**self.history.tables(), **others}

    def rows(self, table: str, month: Month) -> list[Row]:
        """The rows of one table and month."""
        return list(getattr(self, f"_{table.partition('.')[2]}")(month))

    def _day(self, month: Month) -> date:
        return month.first + timedelta(self.chance.randrange((month.last - month.first).days + 1))

    def _in_force(self, rows: Sequence[Row], column: str, month: Month) -> list[str]:
        """The codes of a list at the end of a month, and now and then one that is not in force then."""
        valid = [row[column] for row in rows if row["valid_from"] <= month.last <= (row["valid_to"] or date.max)]
        return [*valid, self.chance.choice(rows)[column]] if self.chance.random() < 0.4 else valid

    def _units(self, month: Month) -> list[str]:
        units = [row for row in self.history.units if row["unit_level"] != "province"]
        return self._in_force(units, "unit_code", month)

    def _dossier(self, month: Month) -> Iterator[Row]:
        channels = ["online", "online", "direct", "post", None]
        for agency in self._in_force(self.history.agencies, "agency_code", month):
            for _ in range(self.chance.choice([0, 1, 2, 3, 3, 3])):
                how = (self.chance.choice(channels), self.chance.choice(PROCEDURES))
                received = facts.dossiers(self.chance.randint(1, 9), agency, self._day(month), *how)
                yield from ({**row, **self._course(row, month)} for row in received)

    def _course(self, row: Row, month: Month) -> Row:
        """What becomes of a dossier until the end of the month: when it ends, and what is said of it."""
        chance, received = self.chance, row["received_on"]
        days = [received + timedelta(chance.randint(0, 20)) for _ in range(3)]
        ended, asked, came = (min(day, month.last) for day in sorted(days, key=lambda _: chance.random()))
        status = chance.choice(["in_progress", "finished", "finished", "finished", "returned", "stopped"])
        supplements = chance.choice([0, 0, 0, 1, 1, 2, None])
        fee, components = chance.choice([None, 0, 5000]), chance.randint(0, 4)
        digitised = chance.randint(0, components)
        is_over = status != "in_progress"
        return {
            "dossier_status": status,
            "due_on": chance.choice([None, received + timedelta(chance.randint(0, 30))]),
            **({f"{status}_on": ended if chance.random() < 0.95 else None} if is_over else {}),
            "supplement_count": supplements,
            **({"supplement_requested_on": min(asked, came)} if supplements else {}),
            **({"supplement_received_on": max(asked, came)} if supplements and chance.random() < 0.7 else {}),
            "has_complaint": chance.choice([None, False, True]),
            "fee_vnd": fee,
            "paid_online": chance.choice([True, False, None]) if fee else None,
            "has_electronic_result": chance.choice([True, False, None]) if is_over else None,
            "components_count": components,
            "components_digitised_count": digitised,
            "components_reused_count": chance.choice([None, min(digitised, 1)]),
            "has_digitised_result": chance.choice([True, False, None]) if is_over else None,
        }

    def _portal_sync(self, month: Month) -> Iterator[Row]:
        for agency in dict.fromkeys(self._in_force(self.history.agencies, "agency_code", month)):
            counts = [self.chance.randint(0, 40) for _ in range(2)]
            names = ("reported_count", "portal_received_count", "synchronised_count")
            yield {"agency_code": agency, **dict(zip(names, [*counts, self.chance.randint(0, counts[1])], strict=True))}

    def _service(self, month: Month) -> Iterator[Row]:
        levels = ["level_3", "level_4"] if month < Month(2022, 8) else ["partial", "full"]
        agencies = [row for row in self.history.agencies if row["agency_level"] == "specialised"]
        for code in self.chance.sample(PROCEDURES, self.chance.randint(1, len(PROCEDURES))):
            level, is_integrated = self.chance.choice(levels), self.chance.random() < 0.5
            authority = self.chance.choice(["province", "district", "commune"])
            agency = self.chance.choice(agencies)["agency_code"] if authority == "province" else None
            listed = facts.service(code, level, integrated=is_integrated, authority=authority, agency=agency)
            yield {**listed, "has_synchronised_fee": self.chance.choice([None, False, True])}

    def _procedure(self, _month: Month) -> Iterator[Row]:
        for code in self.chance.sample(PROCEDURES, self.chance.randint(1, len(PROCEDURES))):
            authority = self.chance.choice(["province", "district", "commune"])
            agencies = [row["agency_code"] for row in self.history.agencies if row["agency_level"] == "specialised"]
            about: Row = {"fee": self.chance.choice([0, 5000]), "requires_result": self.chance.random() < 0.5}
            listed = facts.procedure(code, eligible=self.chance.random() < 0.5, days=self.chance.randint(0, 9), **about)
            place = {"authority_level": authority, "agency_code": self.chance.choice(agencies)}
            until = {"valid_to": self.chance.choice([None, None, date(2022, 8, 15)])}
            yield {**listed, **(place if authority == "province" else {**place, "agency_code": None}), **until}

    def _community_group(self, month: Month) -> Iterator[Row]:
        communes = [row for row in self.history.units if row["unit_level"] == "commune"]
        for number, unit in enumerate(self._in_force(communes, "unit_code", month)):
            for place in range(self.chance.choice([0, 1, 1, 2])):
                dissolved = self.chance.choice([None, None, self._day(month), month.last])
                established = self.chance.choice([self._day(month), month.last + timedelta(1), date(2020, 1, 1)])
                last = dissolved if dissolved is None else max(dissolved, established)
                yield facts.group(f"TCN-{unit}-{number}{place}", unit, established, last)

    def _digital_enterprise(self, month: Month) -> Iterator[Row]:
        for number, unit in enumerate(self._units(month)):
            status, counted = self.chance.choice(["active", "active", "suspended"]), self.chance.randint(0, 9)
            yield facts.enterprises(unit, counted, self.chance.randint(0, counted), status, f"62{number:02}")

    def _plan(self, month: Month) -> Iterator[Row]:
        for agency in dict.fromkeys(self._in_force(self.history.agencies, "agency_code", month)):
            if self.chance.random() < 0.9:
                issued = self.chance.choice([self._day(month), month.last + timedelta(1), None])
                yield facts.plan(agency, issued, "draft" if issued is None else "issued")

    def _project_milestone(self, month: Month) -> Iterator[Row]:
        for number, unit in enumerate(self._units(month)[:4]):
            completed = self.chance.choice([self._day(month), month.last + timedelta(1), None])
            status = "planned" if completed is None else "done"
            code = self.chance.choice(["hoa_thanh_smart_city", "another"])
            yield facts.milestone(f"step_{number}", status, completed, unit, project_code=code)

    def register(self, system: str) -> Iterator[Row]:
        """Some operations of a system, connected or not."""
        for name in self.chance.sample(OPERATIONS, self.chance.randint(0, 3)):
            status = self.chance.choice(["connected", "connected", "planned"])
            environment = self.chance.choice(["production", "production", "test"])
            live = self.chance.choice([date(2021, 1, 1), date(2022, 8, 20), date(2025, 5, 5)])
            yield facts.operation(system, name, status=status, environment=environment, live=live)

    def traffic(self, system: str, month: Month) -> Iterator[Row]:
        """Some hours of calls, those of the first and last hour of the month among them."""
        hours = {(self._day(month), self.chance.randrange(24)) for _ in range(self.chance.randint(0, 5))}
        hours |= {(month.first, 0), (month.last, 23)} if self.chance.random() < 0.5 else set()
        for day, hour in sorted(hours):
            buckets = [self.chance.choice([0, 0, 1, 7]) for _ in facts.BUCKETS]
            calls = sum(buckets)
            caller = self.chance.randint(0, calls // 2)
            others = self.chance.randint(0, calls // 3)
            halves: dict[str, int] = {}
            if system == "service_catalogue":
                paired = self.chance.randint(0, calls)
                halves = {"paired_count": paired, "client_only_count": calls - paired, "producer_only_count": 0}
            name = self.chance.choice(OPERATIONS)
            yield facts.traffic(system, name, f"{day}T{hour:02}:00:00", buckets, caller, others, **halves)


class AnyProvince:
    """The province's own declarations for any province: no suppression, and no rules for its own lists of units."""

    def __init__(self, folder: Path, declared: Catalogue) -> None:
        self.folder, self.declared = folder, declared

    def __repr__(self) -> str:
        """Its folder: what fails is not shown with all declarations."""
        return f"AnyProvince({self.folder})"

    @classmethod
    def made(cls, folder: Path) -> AnyProvince:
        """Copy the declarations into a folder."""
        for part in ("assets", "checks"):
            shutil.copytree(PROJECT / part, folder / part)
        for path in (folder / "checks" / "reference").glob("*.yaml"):
            path.write_text(f"name: reference.{path.stem}\nexpectations: []\n", encoding="utf-8")
        found = catalogue.load(folder)
        return cls(folder, replace(found, province=found.province.model_copy(update={"suppress_below": 0})))

    def lenient(self) -> AnyProvince:
        """The same, but no figure is withheld because too little has come."""
        province = self.declared.province.model_copy(update={"coverage_at_least": 0.0})
        return AnyProvince(self.folder, replace(self.declared, province=province))

    def warehouse(self, folder: Path) -> Settings:
        """A warehouse of such a province."""
        return Settings(folder, self.folder, threads=1)


def few(number: int, *, by_default: int = 1) -> settings_of_examples:
    """So many examples in the long form, each a whole province; chance has no smaller cases to look for."""
    is_long = settings_of_examples().max_examples > 100
    return settings_of_examples(max_examples=number if is_long else by_default, phases=(Phase.explicit, Phase.generate))


SPANS = ((Month(2022, 6), Month(2022, 10)), (Month(2025, 1), Month(2025, 9)))


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    """A province that changes, and two to five months of one of the times in which definitions or units changed."""
    first, last = draw(st.sampled_from(SPANS))
    every = tuple(first.through(last))
    start = draw(st.one_of(st.just(0), st.integers(0, len(every) - 2)))
    months = every[start : start + draw(st.integers(2, 5))]
    history = draw(histories(months[0].first, months[-1].last))
    anything = st.tuples(st.sampled_from([*TABLES, "civil_status", "social_insurance"]), st.sampled_from(months))
    missing = draw(st.one_of(st.just(frozenset()), st.frozensets(anything, max_size=3)))
    return Activity(history, months, missing, draw(st.randoms(use_true_random=True)), draw(st.booleans()))
