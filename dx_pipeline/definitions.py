"""The code location: everything declared under a project's `assets/`, as Dagster definitions."""

import warnings
from pathlib import Path
from types import ModuleType

import dagster as dg
from pydantic import BaseModel

from dx_pipeline.components.inbox import Inbox
from dx_pipeline.components.nightly import Nightly
from dx_pipeline.components.project import Project
from dx_pipeline.components.release import Release
from dx_pipeline.declarations.catalogue import kind_of
from dx_pipeline.declarations.document import Document
from dx_pipeline.settings import default_project, limit_permissions

ONLY_IN_DAGSTER: dict[str, type[BaseModel]] = {each.__name__: each for each in (Inbox, Nightly, Release)}
"""The components that the catalogue does not read."""


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the project of `DX_PROJECT`, or of the current folder's."""
    limit_permissions()
    return definitions_of(default_project())


def definitions_of(project: Path) -> dg.Definitions:
    """Every asset, check, job, schedule and sensor of a project, run in one process unless a job says otherwise.

    Raises:
        DeclarationError: a component that only Dagster reads is wrong, or not known.
    """
    _check(project)
    assets = ModuleType("assets")  # the module that Dagster asks for; there is no Python in the folder to import
    assets.__file__, assets.__path__ = None, [str(project / "assets")]
    with warnings.catch_warnings(action="ignore"):  # as `load_from_defs_folder` does: they are about Dagster itself
        declared = dg.ComponentTree.from_module(assets, project).build_defs()
    resources = {"project": Project(project=str(project))}
    return dg.Definitions.merge(declared, dg.Definitions(resources=resources, executor=dg.in_process_executor))


def _check(project: Path) -> None:
    """Check the components that only Dagster reads: its own error would be a long traceback.

    Raises:
        DeclarationError: names file, line and what is allowed.
    """
    for path in sorted((project / "assets").rglob("defs.yaml")):
        document = Document(path)
        model = ONLY_IN_DAGSTER.get(kind_of(document))
        if model is not None:
            document.read(model, "attributes")
