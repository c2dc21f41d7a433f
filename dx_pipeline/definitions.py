"""The code location: everything declared under a project's `assets/`, as Dagster definitions."""

import sys
from pathlib import Path

import dagster as dg

from dx_pipeline.components.project import Project
from dx_pipeline.settings import default_project


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the project of `DX_PROJECT`, or of the current folder's."""
    return definitions_of(default_project())


def definitions_of(project: Path) -> dg.Definitions:
    """Every asset, check, job, schedule and sensor of a project, run in one process unless a job says otherwise."""
    # Dagster imports a project's `assets` folder as a module: make it the one of this project.
    sys.path[:] = [str(project), *(folder for folder in sys.path if folder != str(project))]
    sys.modules.pop("assets", None)
    declared = dg.load_from_defs_folder(path_within_project=project)
    resources = {"project": Project(project=str(project))}
    return dg.Definitions.merge(declared, dg.Definitions(resources=resources, executor=dg.in_process_executor))
