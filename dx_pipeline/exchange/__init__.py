"""A release as other programs exchange it: one module a standard, each from the contracts and the public database.

exchange/sdmx_structure.xml, sdmx_kpi_value.csv    SDMX 3.0 and SDMX-CSV 2.0
exchange/data_contract.odcs.yaml                   ODCS 3.1
exchange/dcat.jsonld                               DCAT 3
    exchange/openlineage.ndjson                      OpenLineage
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.exchange import data_contract, lineage, sdmx


def write(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, release_id: str, folder: Path) -> None:
    """Write everything but the description of the release, which names all of its files.

    Args:
        connection: has the tables of the release.
        catalogue: what is declared.
        release_id: the release.
        folder: an empty folder.
    """
    sdmx.write(connection, catalogue.province.code, release_id, folder)
    lineage.write(connection, catalogue, release_id, folder)
    data_contract.write(catalogue, release_id, folder)
