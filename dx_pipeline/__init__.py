"""dx-pipeline: from a province's deliveries to KPI figures that can be traced and rebuilt.

The core (everything outside `components`, `definitions` and `cli`) takes values and paths and
knows nothing of Dagster. Data flows one way:

    source -> landing -> reading -> audit -> partition -> kpi -> release

Analysts begin with `import dx_pipeline as dx; r = dx.current()`: see `dx_pipeline.analysis`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dx_pipeline.analysis import Release, current

    __version__: str
else:

    def __getattr__(name: str) -> object:
        """Import what analysts use when they first use it: every command and worker imports the package itself."""
        if name == "__version__":
            return _version()
        if name in __all__:
            from dx_pipeline import analysis

            return getattr(analysis, name)
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


__all__ = ["Release", "__version__", "current"]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("dx-pipeline")
    except PackageNotFoundError:  # a checkout that was never installed
        return "0+unknown"
