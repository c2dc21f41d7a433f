"""Summaries: public tables of counts by unit and month, whose columns count rows of views.

A summary is evaluated like a KPI with one figure a column, so units, coverage and suppression are those of KPIs. What
its columns mean is in the contract of its table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydantic import Field

from dx_pipeline.declarations import kpi as kpis
from dx_pipeline.declarations.binding import Binder
from dx_pipeline.declarations.contract import IDENTIFIER, Contract
from dx_pipeline.declarations.counting import Counting, Expression
from dx_pipeline.declarations.document import Bilingual, Declared, Document, Owner
from dx_pipeline.declarations.kpi import DeclaredKpi, Definition, Version
from dx_pipeline.declarations.level import LEVELS, Level
from dx_pipeline.declarations.mistake import Mistake, no_contract
from dx_pipeline.declarations.view import Known

ABOUT = ("month", "unit_code", "unit_level", "withheld_columns", "withheld_reason", "coverage", "synthetic")
"""The columns that every summary has besides its counts."""


class Counted(Declared):
    """What one column counts: the rows of a view for which `where` is true; on some levels only, if it names them."""

    of: str = Field(pattern=IDENTIFIER)
    where: Expression = "true"
    levels: tuple[Level, ...] = LEVELS


class Summary(Declared):
    """One summary.

    Args:
        counts: what each column counts, by its name in the contract.
    """

    title: Bilingual
    description: Bilingual
    owner: Owner
    counts: dict[str, Counted] = Field(min_length=1)


@dataclass(frozen=True)
class DeclaredSummary:
    """A summary as it is declared under `assets/<schema>/<name>/`.

    Args:
        table: its table.
        kpi: the figures of its columns, as a KPI that is in no table of KPIs; its code is the name of the table.
    """

    table: str
    summary: Summary
    kpi: DeclaredKpi

    @property
    def name(self) -> str:
        """The name of its table without the schema."""
        return self.table.rpartition(".")[2]


def read(document: Document, table: str, contract: Contract | None, known: Known, binder: Binder) -> DeclaredSummary:
    """The summary in `document`, checked against the contract of its table and the views that are known.

    Raises:
        DeclarationError: the contract has other columns, or what is counted is no condition on rows of a view.
    """
    summary = document.read(Summary, "attributes")
    if contract is None or contract.origin != "computed":
        raise document.error(no_contract(table, "computed"))
    if differing := sorted({*ABOUT, *summary.counts} ^ contract.columns.keys()):
        differs = Mistake(
            f"'{differing[0]}' is only here, or only in the contract of {table}.",
            f"'{differing[0]}' chỉ có ở đây, hoặc chỉ có trong hợp đồng dữ liệu của {table}: hãy ghi ở cả hai nơi.",
        )
        raise document.error(differs, "attributes")
    definition = Definition(
        title=summary.title,
        owner=summary.owner,
        unit_of_measure="dossiers",
        decimals=0,
        windows=("month",),
        versions=(
            Version(
                version=1,
                statistics={name: Counting(**count.model_dump()) for name, count in summary.counts.items()},
                valid_from=date.min,
                legal_basis=summary.title,
                formula=summary.description,
            ),
        ),
    )
    counted = kpis.read_definition(document, table, definition, known, binder, ("attributes", "counts"))
    return DeclaredSummary(table, summary, counted)
