"""dx-pipeline: from a province's deliveries to KPI figures that can be traced and rebuilt.

The core (everything outside `components`, `definitions` and `cli`) takes values and paths and
knows nothing of Dagster. Data flows one way:

    source -> landing -> reading -> audit -> partition -> kpi -> release
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("dx-pipeline")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"
