"""The code location: everything declared under `assets/`, as Dagster definitions."""

import sys

import dagster as dg

from dx_pipeline.settings import default_project


@dg.definitions
def defs() -> dg.Definitions:
    """Every asset, check, job, schedule and sensor, run in one process unless a job says otherwise."""
    project = default_project()
    sys.path.insert(0, str(project))  # Dagster imports the folder `assets` of the project, wherever that is
    declared = dg.load_from_defs_folder(path_within_project=project)
    return dg.Definitions.merge(declared, dg.Definitions(executor=dg.in_process_executor))
