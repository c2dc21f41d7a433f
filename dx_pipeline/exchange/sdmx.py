"""KPI values as SDMX 3.0: structure in SDMX-ML, observations in SDMX-CSV 2.0.

Standards: SDMX 3.0 (sdmx.org); code lists CL_OBS_STATUS and CL_CONF_STATUS of the SDMX Statistical Working Group, of
which only the codes in use are written. A year to date, and a part of a window, are time ranges (`2022-01-01/P6M`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from pysdmx.io import write_sdmx
from pysdmx.io.format import Format
from pysdmx.io.pd import PandasDataset
from pysdmx.model import (
    Code,
    Codelist,
    Component,
    Components,
    Concept,
    ConceptScheme,
    Dataflow,
    DataStructureDefinition,
    DataType,
    ItemReference,
    Organisation,
    Role,
    Schema,
)
from pysdmx.model.message import Header

from dx_pipeline.declarations.sql import sql_file

STRUCTURE, DATA = "sdmx_structure.xml", "sdmx_kpi_value.csv"
VERSION = "1.0"
FLOW, SCHEME = "KPI_VALUE", "CS_KPI_VALUE"
PREPARED = datetime(2000, 1, 1, tzinfo=UTC)
"""Every message has a date; the same release gives the same bytes."""

OBS_STATUS = {"A": "Normal value", "O": "Missing value", "Q": "Missing value; suppressed"}
CONF_STATUS = {"F": "Free (free for publication)", "N": "Not for publication, restricted for internal use only"}
WINDOW = {"month": "Month", "quarter": "Quarter", "ytd": "Year to date", "year": "Year"}
EVALUATION = {
    "met": "Target met", "on_track": "On track", "at_risk": "At risk", "off_track": "Off track",
    "no_target": "No target", "not_enough_data": "Not enough data",
}  # fmt: skip

UNITS = """
    SELECT replace(unit_code, '.', '-') AS code, min(unit_name) FROM kpi.named
    WHERE units_on IS NULL GROUP BY ALL ORDER BY ALL
"""
"""The codes of SDMX have no dots: they become hyphens."""

DIMENSIONS = {
    "INDICATOR": "KPI",
    "STATISTIC": "Statistic of a KPI with several",
    "SYSTEM": "Connected system; _T is all of them together",
    "REF_AREA": "Unit: the province, an agency, a district or a commune",
    "WINDOW": "Kind of window",
}
ATTRIBUTES = {
    "OBS_STATUS": (DataType.STRING, "Observation status"),
    "CONF_STATUS": (DataType.STRING, "Confidentiality status"),
    "UNIT_MEASURE": (DataType.STRING, "Unit of measure"),
    "DEFINITION_VERSION": (DataType.INTEGER, "Version of the KPI's definition"),
    "NUMERATOR": (DataType.DOUBLE, "Numerator"),
    "DENOMINATOR": (DataType.DOUBLE, "Denominator"),
    "TARGET": (DataType.DOUBLE, "Target"),
    "EVALUATION": (DataType.STRING, "Value beside its target"),
    "COVERAGE": (DataType.DOUBLE, "Share (0-1) of the expected data that the value rests on"),
    "SYNTHETIC": (DataType.BOOLEAN, "Whether synthetic data are in it"),
}


def write(connection: duckdb.DuckDBPyConnection, agency: str, release_id: str, folder: Path) -> None:
    """Write the structure and the observations of a release.

    Args:
        connection: has the tables of the release.
        agency: the code of the province, which maintains the structure.
        release_id: of the release.
        folder: where to.
    """
    lists = list(_codelists(connection, agency))
    concepts = _concepts(agency)
    components = Components(list(_components(agency, {each.id: each for each in lists}, concepts)))
    definition = DataStructureDefinition(
        id=FLOW, agency=agency, version=VERSION, name="Values of KPIs", components=components
    )
    flow = Dataflow(id=FLOW, agency=agency, version=VERSION, name="Values of KPIs", structure=definition)
    header = Header(id=release_id, prepared=PREPARED, sender=Organisation(id=agency))
    write_sdmx(
        [*lists, concepts, definition, flow], Format.STRUCTURE_SDMX_ML_3_0, str(folder / STRUCTURE), header=header
    )
    rows = connection.execute(sql_file(__file__, "sdmx")).df().rename(columns=str.upper)
    schema = Schema("dataflow", agency, FLOW, components, VERSION, generated=PREPARED)
    dataset = PandasDataset(structure=schema, data=rows)
    write_sdmx(dataset, Format.DATA_SDMX_CSV_2_0_0, str(folder / DATA))


def _codelists(connection: duckdb.DuckDBPyConnection, agency: str) -> Iterable[Codelist]:
    def listed(name: str, title: str, codes: Sequence[tuple[str, str]]) -> Codelist:
        items = [Code(id=code, name=words) for code, words in codes]
        return Codelist(id=f"CL_{name}", agency=agency, version=VERSION, name=title, items=items)

    def queried(query: str) -> list[tuple[str, str]]:
        return connection.execute(query).fetchall()

    yield listed("INDICATOR", "KPIs", queried("SELECT DISTINCT kpi_code, title_en FROM kpi.definition ORDER BY ALL"))
    statistics = queried("SELECT DISTINCT statistic, statistic FROM kpi.value WHERE statistic IS NOT NULL ORDER BY ALL")
    yield listed("STATISTIC", "Statistics", [("_Z", "Not applicable"), *statistics])
    systems = queried("SELECT system, name_en FROM reference.system ORDER BY ALL")
    yield listed("SYSTEM", "Systems", [("_T", "Total"), *systems])
    yield listed(
        "REF_AREA", "Units",
        queried(UNITS),
    )  # fmt: skip
    yield listed("WINDOW", "Windows", list(WINDOW.items()))
    yield listed("OBS_STATUS", "Observation status", list(OBS_STATUS.items()))
    yield listed("CONF_STATUS", "Confidentiality status", list(CONF_STATUS.items()))
    yield listed("EVALUATION", "Value beside its target", list(EVALUATION.items()))


def _concepts(agency: str) -> ConceptScheme:
    named = {
        **DIMENSIONS,
        "TIME_PERIOD": "The window, or the part of it that one definition is in force in",
        "OBS_VALUE": "Value",
        **{name: words for name, (_, words) in ATTRIBUTES.items()},
    }
    items = [Concept(id=name, name=words) for name, words in named.items()]
    return ConceptScheme(id=SCHEME, agency=agency, version=VERSION, name="Concepts of KPI values", items=items)


def _components(agency: str, lists: dict[str, Codelist], concepts: ConceptScheme) -> Iterable[Component]:
    def made(name: str, role: Role, kind: DataType, *, required: bool) -> Component:
        reference = ItemReference("Concept", agency, concepts.id, VERSION, name)
        codes = lists.get(f"CL_{name}")
        level = "O" if role is Role.ATTRIBUTE else None
        return Component(name, required, role, reference, kind, local_codes=codes, attachment_level=level)

    for name in DIMENSIONS:
        yield made(name, Role.DIMENSION, DataType.STRING, required=True)
    yield made("TIME_PERIOD", Role.DIMENSION, DataType.PERIOD, required=True)
    yield made("OBS_VALUE", Role.MEASURE, DataType.DOUBLE, required=False)
    for name, (kind, _) in ATTRIBUTES.items():
        yield made(name, Role.ATTRIBUTE, kind, required=name in {"OBS_STATUS", "CONF_STATUS"})
