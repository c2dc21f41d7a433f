"""The tests of Tây Ninh's declarations: fixtures of the same names, over the province's own project."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import PROJECT, with_references

from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.settings import Settings


@pytest.fixture
def warehouse(tmp_path: Path) -> Settings:
    """An empty warehouse of the province, for the test's own process."""
    return Settings(tmp_path / "warehouse", PROJECT, threads=1)


@pytest.fixture(scope="session")
def declared() -> Catalogue:
    """The province's own declarations."""
    return catalogue.load(PROJECT)


@pytest.fixture(scope="session")
def references(declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which the province's reference tables are published, and nothing else."""
    return with_references(Settings(tmp_path_factory.mktemp("references") / "warehouse", PROJECT, threads=1), declared)
