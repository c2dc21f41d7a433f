"""dx-pipeline: from a province's deliveries to KPI figures that can be traced and rebuilt.

The core (everything outside `components`, `definitions` and `cli`) takes values and paths and
knows nothing of Dagster. Data flows one way:

    source -> landing -> reading -> audit -> partition -> kpi -> release

Analysts begin with `import dx_pipeline as dx; r = dx.current()`: see `dx_pipeline.analysis`.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dx_pipeline.analysis import Release, current

__all__ = ["Release", "__version__", "current"]

try:
    __version__ = version("dx-pipeline")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever has this name
    """Import what analysts use when they first use it: the package itself is imported by every worker process."""
    if name in __all__:
        from dx_pipeline import analysis

        return getattr(analysis, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
