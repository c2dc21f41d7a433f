"""The project as a Dagster resource: assets, checks and sensors get their settings from it."""

from dataclasses import replace

import dagster as dg

from dx_pipeline.declarations.catalogue import Catalogue, open_project
from dx_pipeline.settings import Settings


class Project(dg.ConfigurableResource[None]):
    """A project, its warehouse and limits. What is not given comes from the environment (see `Settings`)."""

    project: str | None = None
    warehouse: str | None = None
    memory_limit: str | None = None
    threads: int | None = None

    def open(self) -> tuple[Settings, Catalogue]:
        """The settings and the declarations.

        Raises:
            UsageError: the folder is no project.
            DeclarationError: a declaration is wrong.
        """
        settings, catalogue = open_project(self.project, self.warehouse)
        return replace(
            settings,
            memory_limit=self.memory_limit or settings.memory_limit,
            threads=self.threads or settings.threads,
        ), catalogue
