"""Fetch attempts as a table: `connection.attempt`, all months of a source in one partition."""

from __future__ import annotations

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.declarations.sql import create_table
from dx_pipeline.landing import attempts
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import STAGED, connect, insert
from dx_pipeline.tables import publication
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.publication import Staged
from dx_pipeline.tables.run import RunInputs, RunResult

TABLE = "connection.attempt"


def publish(settings: Settings, catalogue: Catalogue, name: str) -> tuple[RunResult, ...]:
    """Publish every attempt to fetch from a source; nothing where there was none."""
    rows = list(attempts.rows(settings, {name: catalogue.sources[name].source}))
    if not rows:
        return ()
    key, contract = Key(TABLE, name, None), catalogue.contracts[TABLE]
    current = publication.fingerprint(settings, catalogue, TABLE, map(str, rows))
    if (before := publication.unchanged(settings, key, current)) is not None:
        return (before,)
    with connect(settings) as connection:
        connection.execute(create_table(STAGED, contract.stored))
        insert(connection, STAGED, rows, arrow_schema(contract, contract.stored))
        inputs = RunInputs(attempts=tuple(attempts.recorded(settings, name).items()))
        staged = Staged(key, rows=len(rows), synthetic=False, inputs=inputs)
        return (publication.publish(settings, catalogue, connection, staged, current),)
