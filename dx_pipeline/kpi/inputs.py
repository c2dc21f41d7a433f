"""Inputs: the partitions that figures are computed from, and whether anything of them has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual, in_both
from dx_pipeline.kpi import reference
from dx_pipeline.kpi.figure import protected
from dx_pipeline.settings import Settings
from dx_pipeline.storage import parquet
from dx_pipeline.tables import closing, partition, publication
from dx_pipeline.tables.closing import Closing
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.run import PartitionRun

Known = Mapping[Key, PartitionRun]
"""The latest run of every partition that sources fill."""


def known(settings: Settings, catalogue: Catalogue) -> Known:
    """The latest run of every partition that sources fill; summaries are no inputs."""
    runs = (run for run in partition.runs(settings) if run.kpi_code is None and run.table not in catalogue.summaries)
    return {partition.key_of(run): run for run in runs}


def closings(settings: Settings, catalogue: Catalogue) -> dict[Key, Closing]:
    """The closed months of the tables whose rows are states."""
    tables = [name for name, contract in catalogue.contracts.items() if contract.changes]
    return {key: closed for table in tables for key, closed in closing.every(settings, table).items()}


def not_known(settings: Settings, catalogue: Catalogue, codes: Sequence[str]) -> dict[str, Bilingual]:
    """The KPIs that count states of a table of which what some closed month rests on is not known; why, by code.

    Of KPIs that are withheld together all are named, where one is: their values are shown together.
    """
    damaged = {table: in_both(error) for table, error in closing.damaged(settings).items()}
    tables = {name for name in damaged if name in catalogue.contracts and catalogue.contracts[name].changes}
    if not tables:
        return {}
    sentence = damaged[min(tables)]
    together = protected(catalogue)
    found = {code for code in codes if tables & _tables_read(catalogue, code)}
    return dict.fromkeys(found | (together & {*codes} if found & together else set()), sentence)


def _tables_read(catalogue: Catalogue, code: str) -> set[str]:
    """The tables that a KPI is computed from, also through its views."""
    kpi = catalogue.evaluated[code]
    return {*kpi.every_table, *(table for name in kpi.every_view for table in catalogue.views[name].reads)}


def _states(settings: Settings, catalogue: Catalogue, runs: Known) -> dict[Key, str]:
    """The state of every partition that has been run: its rows, what the run was over, and its result.

    Coverage and the order of states depend on more than the rows: on what was delivered, and when.
    """
    found = {}
    closed = closings(settings, catalogue)
    for key, run in sorted(runs.items(), key=lambda item: str(item[0])):
        path = partition.rows(settings, key)
        rows = parquet.identity(path) if path is not None else None
        found[key] = f"{key} {rows} {run.fingerprint} {run.published} {run.problem} {run.synthetic} {run.revision}"
        if key in closed:
            found[key] += f" states until {closed[key].basis.states_until}"
    return found


def fingerprints(settings: Settings, catalogue: Catalogue, codes: Sequence[str], runs: Known) -> dict[str, str]:
    """A digest of everything that the values of each KPI are computed from."""
    states = _states(settings, catalogue, runs)
    together = protected(catalogue)
    found = {}
    for code in codes:
        kpis = [catalogue.evaluated[each] for each in sorted(together if code in together else {code})]
        views = {name for kpi in kpis for name in kpi.every_view}
        tables = {table for kpi in kpis for table in kpi.every_table} | set(reference.TABLES)
        tables |= {table for name in views for table in catalogue.views[name].reads}
        named = [f"kpi:{kpi.code}" for kpi in kpis] + [f"view:{name}" for name in views]
        inputs = [
            code,
            catalogue.digest("province", *named),
            *sorted({str(key.month) for key in states}),
            *(state for key, state in states.items() if key.table in tables),
        ]
        found[code] = publication.fingerprint(settings, catalogue, partition.evaluated(catalogue, code).table, inputs)
    return found
