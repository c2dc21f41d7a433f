"""KPI values as SDMX 3.0: structure in SDMX-ML, observations in SDMX-CSV 2.0.

Standards: SDMX 3.0 (sdmx.org); code lists CL_OBS_STATUS and CL_CONF_STATUS of the SDMX Statistical Working Group, of
which only the codes in use are written. CL_UNIT_MEASURE is a list of our own: codes are the English words of units.
A year to date, and a part of a window, are time ranges (`2022-01-01/P6M`). Names are in both languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.exchange.sdmx_names import add_vietnamese
from dx_pipeline.kpi import words
from dx_pipeline.language import ENGLISH, VIETNAMESE
from dx_pipeline.language import UNITS as UNIT_SIGNS
from dx_pipeline.vietnamese.heading import folded

STRUCTURE, DATA = "sdmx_structure.xml", "sdmx_kpi_value.csv"
VERSION = "1.0"
FLOW, SCHEME = "KPI_VALUE", "CS_KPI_VALUE"
PREPARED = datetime(2000, 1, 1, tzinfo=UTC)
"""Every message has a date; the same release gives the same bytes."""

KPIS = Bilingual(vi="Giá trị KPI", en="Values of KPIs")
OBS_STATUS = {
    "A": Bilingual(vi="Giá trị bình thường", en="Normal value"),
    "O": Bilingual(vi="Không có giá trị", en="Missing value"),
    "Q": Bilingual(vi="Không có giá trị; bị che", en="Missing value; suppressed"),
}
CONF_STATUS = {
    "F": Bilingual(vi="Được công bố", en="Free (free for publication)"),
    "N": Bilingual(vi="Không công bố, chỉ dùng nội bộ", en="Not for publication, restricted for internal use only"),
}
NOT_APPLICABLE = Bilingual(vi="Không áp dụng", en="Not applicable")
TOTAL = Bilingual(vi="Tổng", en="Total")
PERCENT = Bilingual(vi="Phần trăm", en="Percent")

UNITS = """
    SELECT replace(unit_code, '.', '-') AS code, min(unit_name), min(unit_name) FROM kpi.named
    WHERE units_on IS NULL GROUP BY ALL ORDER BY ALL
"""
"""The codes of SDMX have no dots: they become hyphens. Names of units have no English."""

LISTS = {
    "INDICATOR": Bilingual(vi="Các KPI", en="KPIs"),
    "STATISTIC": Bilingual(vi="Thống kê", en="Statistics"),
    "SYSTEM": Bilingual(vi="Hệ thống", en="Systems"),
    "REF_AREA": Bilingual(vi="Đơn vị", en="Units"),
    "WINDOW": Bilingual(vi="Loại kỳ", en="Windows"),
    "OBS_STATUS": Bilingual(vi="Tình trạng của giá trị", en="Observation status"),
    "CONF_STATUS": Bilingual(vi="Tình trạng bảo mật", en="Confidentiality status"),
    "EVALUATION": Bilingual(vi="Giá trị so với chỉ tiêu", en="Value beside its target"),
    "UNIT_MEASURE": Bilingual(vi="Đơn vị tính", en="Units of measure"),
}
"""The code lists, by the component that they are of."""

DIMENSIONS = {
    "INDICATOR": Bilingual(vi="KPI", en="KPI"),
    "STATISTIC": Bilingual(vi="Thống kê của KPI có nhiều thống kê", en="Statistic of a KPI with several"),
    "SYSTEM": Bilingual(
        vi="Hệ thống kết nối; _T là mọi hệ thống tính chung", en="Connected system; _T is all of them together"
    ),
    "REF_AREA": Bilingual(
        vi="Đơn vị: tỉnh, sở ngành, huyện hoặc xã", en="Unit: the province, an agency, a district or a commune"
    ),
    "WINDOW": Bilingual(vi="Loại kỳ", en="Kind of window"),
}
MEASURED = {
    "TIME_PERIOD": Bilingual(
        vi="Kỳ, hoặc phần của kỳ theo một định nghĩa",
        en="The window, or the part of it that one definition is in force in",
    ),
    "OBS_VALUE": Bilingual(vi="Giá trị", en="Value"),
}
ATTRIBUTES = {
    "OBS_STATUS": (DataType.STRING, LISTS["OBS_STATUS"]),
    "CONF_STATUS": (DataType.STRING, LISTS["CONF_STATUS"]),
    "UNIT_MEASURE": (DataType.STRING, Bilingual(vi="Đơn vị tính", en="Unit of measure")),
    "DEFINITION_VERSION": (
        DataType.INTEGER, Bilingual(vi="Phiên bản định nghĩa của KPI", en="Version of the KPI's definition")
    ),
    "NUMERATOR": (DataType.DOUBLE, Bilingual(vi="Tử số", en="Numerator")),
    "DENOMINATOR": (DataType.DOUBLE, Bilingual(vi="Mẫu số", en="Denominator")),
    "TARGET": (DataType.DOUBLE, Bilingual(vi="Chỉ tiêu", en="Target")),
    "EVALUATION": (DataType.STRING, LISTS["EVALUATION"]),
    "COVERAGE": (
        DataType.DOUBLE,
        Bilingual(
            vi="Phần (0-1) của số liệu phải có mà giá trị dựa trên",
            en="Share (0-1) of the expected data that the value rests on",
        ),
    ),
    "SYNTHETIC": (
        DataType.BOOLEAN, Bilingual(vi="Có dữ liệu mô phỏng hay không", en="Whether synthetic data are in it")
    ),
}  # fmt: skip

Named = dict[str, Bilingual]
"""The names of codes or concepts, by their ids."""


def write(connection: duckdb.DuckDBPyConnection, agency: str, release_id: str, folder: Path) -> None:
    """Write the structure and the observations of a release.

    Args:
        connection: has the tables of the release.
        agency: the code of the province, which maintains the structure.
        release_id: of the release.
        folder: where to.
    """
    codes = _codes(connection)
    lists = [_codelist(name, named, agency) for name, named in codes.items()]
    concepts = _concepts(agency)
    components = Components(list(_components(agency, {each.id: each for each in lists}, concepts)))
    definition = DataStructureDefinition(id=FLOW, agency=agency, version=VERSION, name=KPIS.en, components=components)
    flow = Dataflow(id=FLOW, agency=agency, version=VERSION, name=KPIS.en, structure=definition)
    header = Header(id=release_id, prepared=PREPARED, sender=Organisation(id=agency))
    write_sdmx(
        [*lists, concepts, definition, flow], Format.STRUCTURE_SDMX_ML_3_0, str(folder / STRUCTURE), header=header
    )
    add_vietnamese(
        folder / STRUCTURE,
        {f"CL_{name}": (LISTS[name], named) for name, named in codes.items()}
        | {FLOW: (KPIS, {}), SCHEME: (CONCEPTS, CONCEPT_NAMES)},
    )
    rows = connection.execute(sql_file(__file__, "sdmx")).df().rename(columns=str.upper)
    rows["UNIT_MEASURE"] = rows["UNIT_MEASURE"].map(code_of_unit)
    schema = Schema("dataflow", agency, FLOW, components, VERSION, generated=PREPARED)
    dataset = PandasDataset(structure=schema, data=rows)
    write_sdmx(dataset, Format.DATA_SDMX_CSV_2_0_0, str(folder / DATA))


def code_of_unit(unit: str) -> str:
    """The code of a unit of measure: its English words in capitals, `WORKING_DAYS`; `_O` of one without words."""
    named = unit if unit in UNIT_SIGNS else ENGLISH.unit(unit)
    return folded(named).replace(" ", "_").upper() or "_O"


def _codes(connection: duckdb.DuckDBPyConnection) -> dict[str, Named]:
    """The codes of each list, with their names."""

    def queried(query: str) -> Named:
        return {code: Bilingual(vi=vi, en=en) for code, vi, en in connection.execute(query).fetchall()}

    indicators = "SELECT DISTINCT kpi_code, title_vi, title_en FROM kpi.definition ORDER BY ALL"
    statistics = "SELECT DISTINCT statistic FROM kpi.value WHERE statistic IS NOT NULL ORDER BY ALL"
    units = "SELECT DISTINCT unit_of_measure FROM kpi.value ORDER BY ALL"
    measures = {code_of_unit(unit): unit for (unit,) in reversed(connection.execute(units).fetchall())}
    return {
        "INDICATOR": queried(indicators),
        "STATISTIC": {
            "_Z": NOT_APPLICABLE,
            **{code: words.statistic(code) for (code,) in connection.execute(statistics).fetchall()},
        },
        "SYSTEM": {"_T": TOTAL, **queried("SELECT system, name_vi, name_en FROM reference.system ORDER BY ALL")},
        "REF_AREA": queried(UNITS),
        "WINDOW": _capitalised(words.WINDOW),
        "OBS_STATUS": OBS_STATUS,
        "CONF_STATUS": CONF_STATUS,
        "EVALUATION": _capitalised(words.STATUS),
        "UNIT_MEASURE": {
            code: PERCENT if unit == "percent" else Bilingual(vi=VIETNAMESE.unit(unit), en=ENGLISH.unit(unit))
            for code, unit in sorted(measures.items())
        },
    }


def _capitalised(named: Mapping[str, Bilingual]) -> Named:
    return {code: Bilingual(vi=said.vi.capitalize(), en=said.en.capitalize()) for code, said in named.items()}


def _codelist(name: str, named: Named, agency: str) -> Codelist:
    items = [Code(id=code, name=said.en) for code, said in named.items()]
    return Codelist(id=f"CL_{name}", agency=agency, version=VERSION, name=LISTS[name].en, items=items)


CONCEPTS = Bilingual(vi="Các khái niệm của giá trị KPI", en="Concepts of KPI values")
CONCEPT_NAMES = {**DIMENSIONS, **MEASURED, **{name: said for name, (_, said) in ATTRIBUTES.items()}}


def _concepts(agency: str) -> ConceptScheme:
    items = [Concept(id=name, name=said.en) for name, said in CONCEPT_NAMES.items()]
    return ConceptScheme(id=SCHEME, agency=agency, version=VERSION, name=CONCEPTS.en, items=items)


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
