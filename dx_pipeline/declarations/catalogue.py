"""The catalogue: every declaration of a project, read once and checked against each other.

assets/province.yaml                    the province
assets/contract/<schema>/<table>.yaml   contracts
assets/<group>/<name>/defs.yaml         sources (systems, tables, reference files), views, KPIs and summaries
checks/<schema>/<table>.yaml            suites
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path

from dx_pipeline.declarations import kpi as kpis
from dx_pipeline.declarations import suite as suites
from dx_pipeline.declarations import summary as summaries
from dx_pipeline.declarations import view as views
from dx_pipeline.declarations.binding import Binder
from dx_pipeline.declarations.consistency import check_layouts, check_references
from dx_pipeline.declarations.contract import IDENTIFIER, Audience, Contract
from dx_pipeline.declarations.document import Document
from dx_pipeline.declarations.kpi import DeclaredKpi
from dx_pipeline.declarations.mistake import Mistake, no_contract
from dx_pipeline.declarations.province import Province, declared_in
from dx_pipeline.declarations.source import Reference, Source, reference_source
from dx_pipeline.declarations.suite import Suite
from dx_pipeline.declarations.summary import DeclaredSummary
from dx_pipeline.declarations.view import SCHEMA, DeclaredView, Known
from dx_pipeline.errors import DeclarationError
from dx_pipeline.settings import Settings

COMPONENTS = "dx_pipeline.components"
KINDS = frozenset({"Inbox", "Kpi", "Nightly", "Reference", "Release", "Summary", "System", "Table", "View"})
"""The types of components that a project may declare, besides Dagster's own."""
WITH_SUITE = frozenset({"delivered", "reference"})
OWN_CONTRACTS = Path(__file__).parent / "contracts"
"""The contracts of the tables that the pipeline itself writes or computes from, by name: no project declares them."""
KPI_TABLE = "kpi.value"

DERIVED_FROM = {"connection.traffic": "connection.exchange"}
"""The tables that can be derived, and the delivered table that each of them is derived from."""


@dataclass(frozen=True)
class DeclaredSource:
    """A source and where it is declared: `group` and `name` are its two folders under `assets/`."""

    group: str
    name: str
    source: Source
    reference_file: str | None = None

    @property
    def is_reference(self) -> bool:
        """Whether it is a file in git, without months."""
        return self.reference_file is not None


@dataclass(frozen=True)
class Catalogue:
    """Everything that is declared, by name. Names are sorted, so that every loop over them is repeatable.

    `digests` are of declarations, by name; `files` of the files that these are read from, by path from the project;
    what is accepted counts in neither.
    """

    province: Province
    contracts: dict[str, Contract]
    sources: dict[str, DeclaredSource]
    views: dict[str, DeclaredView]
    kpis: dict[str, DeclaredKpi]
    suites: dict[str, Suite]
    digests: dict[str, str]
    summaries: dict[str, DeclaredSummary] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @cached_property
    def evaluated(self) -> dict[str, DeclaredKpi]:
        """What is counted on views: each KPI by its code, and each summary, as one, by its table."""
        return {**self.kpis, **{table: summary.kpi for table, summary in self.summaries.items()}}

    def digest(self, *names: str) -> str:
        """One digest of the declarations named (`province`, `contract:…`, `source:…`, `suite:…`, `kpi:…`)."""
        return sha256("\n".join(self.digests[name] for name in sorted(names)).encode()).hexdigest()

    def table_digest(self, tables: Iterable[str], *names: str) -> str:
        """One digest of the contracts of tables, their suites where they have one, and the declarations named."""
        of_tables = {f"{kind}:{table}" for table in tables for kind in ("contract", "suite")}
        return self.digest(*names, *(of_tables & self.digests.keys()))

    def of_audience(self, audience: Audience) -> dict[str, Contract]:
        """The contracts of the tables that releases have for an audience; analysts inside see them whole."""
        found = {name: contract for name, contract in self.contracts.items() if contract.audience == audience}
        if audience == "internal":
            limited = {name: each for name, each in self.contracts.items() if each.balance or each.inside_only}
            found |= {name: contract.inside for name, contract in limited.items()}
        return dict(sorted(found.items()))

    def withholds(self, table: str) -> bool:
        """Whether nobody outside the office may know how many rows of a table a delivery has.

        Where everybody sees all rows, or the public table that is derived from single exchanges, there is no secret.
        """
        names = (table, *(derived for derived, origin in DERIVED_FROM.items() if origin == table))
        return not any(name in self.contracts and self.contracts[name].shows_every_row for name in names)

    def source_withholds(self, source: str) -> bool:
        """Whether any table that a source delivers withholds something."""
        return any(self.withholds(table) for table in self.sources[source].source.tables)

    def sources_of(self, table: str) -> tuple[str, ...]:
        """The sources that deliver a table."""
        return tuple(name for name, declared in self.sources.items() if table in declared.source.tables)

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems that the province is connected to: the sources of group `connection`."""
        return tuple(name for name, declared in self.sources.items() if declared.group == "connection")

    @property
    def monthly(self) -> tuple[str, ...]:
        """The sources that deliver month by month."""
        return tuple(name for name, declared in self.sources.items() if not declared.is_reference)


@cache
def load(project: Path) -> Catalogue:
    """Every declaration of the project in a folder.

    Raises:
        UsageError: the folder is no project.
        DeclarationError: the first mistake found, with file, line and what is allowed.
    """
    return _Reader(project).catalogue()


def open_project(project: Path | str | None = None, warehouse: Path | str | None = None) -> tuple[Settings, Catalogue]:
    """The settings and the catalogue of a project, by arguments or by the environment (see `Settings`).

    Raises:
        UsageError: the folder is no project.
        DeclarationError: a declaration is wrong.
    """
    settings = Settings.from_environment(project, warehouse)
    catalogue = load(settings.project)
    return replace(settings, time_zone=catalogue.province.time_zone), catalogue


class _Reader:
    def __init__(self, project: Path) -> None:
        self.assets = project / "assets"
        self.checks = project / "checks"
        self.contracts: dict[str, Contract] = {}
        self.sources: dict[str, DeclaredSource] = {}
        self.views: dict[str, DeclaredView] = {}
        self.kpis: dict[str, DeclaredKpi] = {}
        self.summaries: dict[str, DeclaredSummary] = {}
        self.suites: dict[str, Suite] = {}
        self.digests: dict[str, str] = {}
        self.files: dict[str, str] = {}

    def catalogue(self) -> Catalogue:
        document, province = declared_in(self.assets.parent)
        self.digests["province"] = self._digest(document.path)
        self._read_contracts()
        self._read_sources()
        self._read_figures()
        self._read_suites()
        for position, code in enumerate(province.headline):
            if code not in self.kpis:
                known = ", ".join(self.kpis)
                unknown = Mistake(
                    f"'{code}' is no declared KPI: known are {known}.",
                    f"'{code}' không phải là KPI đã khai báo: có {known}.",
                )
                raise document.error(unknown, "headline", position)
        figures = (self.views, self.kpis, self.suites, self.digests, self.summaries, dict(sorted(self.files.items())))
        return Catalogue(province, self.contracts, self.sources, *figures)

    def _read_contracts(self) -> None:
        documents: dict[str, Document] = {}
        paths = {f"{path.parent.name}.{path.stem}": path for path in OWN_CONTRACTS.glob("*/*.yaml")}
        for path in (self.assets / "contract").glob("*/*.yaml"):
            name = f"{path.parent.name}.{path.stem}"
            if name in paths:
                raise DeclarationError(
                    path,
                    1,
                    f"{name} is a table of the pipeline itself: remove this contract.",
                    f"{name} là bảng của chính chương trình: hãy bỏ hợp đồng dữ liệu này.",
                )
            paths[name] = path
        for name, path in sorted(paths.items()):
            documents[name] = document = Document(path)
            self.contracts[name] = document.read(Contract)
            self.digests[f"contract:{name}"] = self._digest(path)
        for name, contract in self.contracts.items():
            if contract.columns_of is not None:
                other = self.contracts[contract.columns_of]
                self.contracts[name] = contract.model_copy(update={"columns": other.columns, "key": other.key})
        check_references(self.contracts, documents)

    @cached_property
    def _components(self) -> list[tuple[str, str, str, Document]]:
        """Kind, group, name and document of every component, in the order of their folders."""
        found = []
        for path in sorted(self.assets.glob("*/*/defs.yaml")):
            group, name = path.parent.parent.name, path.parent.name
            document = Document(path)
            if not re.fullmatch(IDENTIFIER, name):
                no_name = Mistake(
                    f"the folder '{name}' is no name: use lower-case letters, digits and _.",
                    f"thư mục '{name}' có tên không hợp lệ: hãy dùng chữ thường không dấu, chữ số và _.",
                )
                raise document.error(no_name)
            found.append((kind_of(document), group, name, document))
        return found

    def _read_sources(self) -> None:
        for kind, group, name, document in self._components:
            if kind == "Reference":
                self._add_reference(document, group, name)
            elif kind in {"System", "Table"}:
                self._add_source(document, DeclaredSource(group, name, document.read(Source, "attributes")))

    def _read_figures(self) -> None:
        """Read views, each after those that it reads, KPIs and summaries; all SQL is bound against empty tables."""
        known = Known(self.contracts, self.views)
        binder = Binder({name: contract.readable for name, contract in self.contracts.items()})
        pending = {name: document for kind, _, name, document in self._components if kind == "View"}
        for name, document in views.in_order(pending):
            view = views.read(document, name, known, binder)
            binder.add_view(view.table, view.sql)
            self.views[name] = view
            self.digests[f"{SCHEMA}:{name}"] = self._digest(document.path, view.path)
        for code, document in ((name, each) for kind, _, name, each in self._components if kind == "Kpi"):
            kpi = kpis.read(document, code, known, binder)
            self.kpis[code] = kpi
            self.digests[f"kpi:{code}"] = self._digest(document.path, *(query.path for query in kpi.queries.values()))
        for kind, group, name, document in self._components:
            if kind == "Summary":
                table = f"{group}.{name}"
                self.summaries[table] = summaries.read(document, table, self.contracts.get(table), known, binder)
                self.digests[f"kpi:{table}"] = self._digest(document.path)
        binder.close()

    def _add_source(self, document: Document, declared: DeclaredSource) -> None:
        if declared.name in self.sources:
            twice = Mistake(
                f"'{declared.name}' is declared twice: a source is one inbox folder.",
                f"'{declared.name}' được khai báo hai lần: mỗi nguồn là một thư mục trong hộp nhận.",
            )
            raise document.error(twice)
        is_own = declared.is_reference  # reference files are the project's own
        check_layouts(document, declared.source, self.contracts, may_have_personal_data=is_own)
        self._check_derived(document, declared.source)
        self.sources[declared.name] = declared
        # To accept a delivery concerns its month alone: others are not read again, earlier releases are as they were.
        digest = sha256(document.without("attributes", "accept").encode()).hexdigest()
        self._list(document.path, digest)
        self.digests[f"source:{declared.name}"] = digest

    def _check_derived(self, document: Document, source: Source) -> None:
        for position, table in enumerate(source.derived):
            where = ("attributes", "derived", position)
            if table not in DERIVED_FROM:
                known = ", ".join(DERIVED_FROM)
                underivable = Mistake(
                    f"'{table}' cannot be derived: known are {known}.",
                    f"'{table}' không thể là bảng dẫn xuất: có {known}.",
                )
                raise document.error(underivable, *where)
            if table in source.delivered or DERIVED_FROM[table] not in source.delivered:
                origin = DERIVED_FROM[table]
                undelivered = Mistake(
                    f"{table} is derived from {origin}: deliver that one, and not {table}.",
                    f"{table} được dẫn xuất từ {origin}: hãy giao bảng đó, không giao {table}.",
                )
                raise document.error(undelivered, *where)

    def _add_reference(self, document: Document, group: str, name: str) -> None:
        declared = document.read(Reference, "attributes")
        table = f"{group}.{name}"
        contract = self.contracts.get(table)
        if contract is None or contract.origin != "reference":
            raise document.error(no_contract(table, "reference"))
        source = reference_source(declared, table, contract)
        self._add_source(document, DeclaredSource(group, name, source, declared.file))

    def _read_suites(self) -> None:
        for path in sorted(self.checks.glob("*/*.yaml")):
            name = f"{path.parent.name}.{path.stem}"
            document = Document(path)
            contract = self.contracts.get(name)
            if contract is None:
                no_table = Mistake(
                    f"{name} is no declared table: name the file after its table.",
                    f"{name} không phải là bảng đã khai báo: hãy đặt tên tệp theo tên bảng.",
                )
                raise document.error(no_table)
            suite = suites.read(document, contract)
            if suite.name != name:
                misnamed = Mistake(
                    f"the suite is called '{suite.name}': call it '{name}'.",
                    f"bộ kiểm định có tên '{suite.name}': hãy đặt tên là '{name}'.",
                )
                raise document.error(misnamed, "name")
            self.suites[name] = suite
            self.digests[f"suite:{name}"] = self._digest(path)
        for name in self._without_suite():
            schema, table = name.split(".")
            raise DeclarationError(
                self.assets / "contract" / schema / f"{table}.yaml",
                1,
                f"{name} has no suite: write checks/{schema}/{table}.yaml.",
                f"{name} chưa có bộ kiểm định: hãy viết checks/{schema}/{table}.yaml.",
            )

    def _without_suite(self) -> Iterator[str]:
        for name, contract in self.contracts.items():
            is_own = (OWN_CONTRACTS / f"{name.replace('.', '/')}.yaml").is_file()
            if contract.origin in WITH_SUITE and not is_own and name not in self.suites:
                yield name

    def _digest(self, *paths: Path) -> str:
        """One digest of the content of files, each of which is listed with its own."""
        digests = [sha256(path.read_bytes()) for path in paths]
        for path, digest in zip(paths, digests, strict=True):
            self._list(path, digest.hexdigest())
        return sha256(b"".join(digest.digest() for digest in digests)).hexdigest()

    def _list(self, path: Path, digest: str) -> None:
        home = self.assets.parent if path.is_relative_to(self.assets.parent) else OWN_CONTRACTS.parents[2]
        self.files[path.relative_to(home).as_posix()] = digest


def kind_of(document: Document) -> str:
    """The type of a component, without the name of the package.

    Raises:
        DeclarationError: there is no such type.
    """
    written = document.value.get("type") if isinstance(document.value, dict) else None
    kind = str(written).removeprefix(f"{COMPONENTS}.")
    if kind not in KINDS and (written is None or str(written).startswith("dx_pipeline")):
        names = ", ".join(f"{COMPONENTS}.{name}" for name in sorted(KINDS))
        unknown = Mistake(
            f"'{written}' is no type of component: known are {names}.",
            f"'{written}' không phải là loại thành phần: có {names}.",
        )
        raise document.error(unknown, "type")
    return kind
