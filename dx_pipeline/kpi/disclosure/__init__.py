"""Disclosure control: which counts are withheld, over all published tables and KPIs at once.

A *cell* is a count of dossiers that may be published: the dossiers of some *kinds* in some *places*. A kind is
whatever is distinguished within a place: the month and the answers to every counting condition, for example
"received 2022-04, online". A place is the smallest unit that dossiers belong to. All sums follow from these sets
and are listed nowhere: the unit tree, the calendar, a condition within another, tables that count the same.

Guarantee. Every sensitive cell (its count is under the threshold) is withheld, and there are two complete tables of
dossiers, in whole numbers and with all that is published exactly as it is, between which this cell differs by at
least the threshold. So whoever knows every published number and every sum can neither confine a sensitive cell to an
interval narrower than the threshold nor know that it is under the threshold. Only the cells in `exposed` are without
this protection: facts that everybody knows confine them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from dx_pipeline.kpi.disclosure.count_table import NEVER, SHOWN, Cell, CountTable, Role
from dx_pipeline.kpi.disclosure.protection import protect

__all__ = ["NEVER", "Cell", "Role", "Suppression", "suppression"]


@dataclass(frozen=True)
class Suppression:
    """The cells that are not shown, by their keys.

    Attributes:
        sensitive: cells, and differences, that count too few.
        complementary: cells that protect them, and what is hidden together with either.
        exposed: sensitive ones that are not protected, because all they count is confined by what everybody knows.
    """

    sensitive: frozenset[Hashable]
    complementary: frozenset[Hashable]
    exposed: frozenset[Hashable]

    @property
    def withheld(self) -> frozenset[Hashable]:
        """Every cell that is not shown."""
        return self.sensitive | self.complementary


def suppression(counts: Mapping[tuple[str, str], int], cells: Sequence[Cell], *, threshold: int) -> Suppression:
    """Which of the cells are withheld.

    The same counts and cells give the same answer, in whatever order they come and on every machine.

    Args:
        counts: dossiers by place and kind, with 0 where there could have been some. A pair that is absent cannot
            occur, and everybody knows it: a unit that did not exist in that month.
        cells: everything that is published about these dossiers, in one list.
        threshold: the smallest count that is shown.
    """
    table = CountTable(counts, cells, threshold)
    with threadpool_limits(1, "blas"):  # of tens of thousands of small products; other threads would only wait for work
        protect(table)
    sensitive, complementary, exposed = set(), set(), set()
    is_sensitive = table.is_sensitive[table.area_of, table.scope_of].tolist()
    is_protected = table.is_protected[table.area_of, table.scope_of].tolist()
    is_withheld = table.is_withheld[table.area_of, table.scope_of].tolist()
    for cell, small, protected, withheld in zip(cells, is_sensitive, is_protected, is_withheld, strict=True):
        if small:
            sensitive.add(cell.key)
            if not protected:
                exposed.add(cell.key)
        elif withheld and cell.role in SHOWN:
            complementary.add(cell.key)
    return Suppression(frozenset(sensitive), frozenset(complementary), frozenset(exposed))
