"""Definitions as rows of `kpi.definition`: one a version of a KPI, and what is the same in all its versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from dx_pipeline.declarations.kpi import DeclaredKpi

DEFINITION = "kpi.definition"
OF_EVERY_VERSION = ("kpi_code", "unit_of_measure", "is_bounded", "levels", "statistics")
"""The columns that contracts and suites may read: they are the same in every version of a KPI."""


def of_every_version(kpis: Mapping[str, DeclaredKpi]) -> list[dict[str, Any]]:
    """One row a KPI: what contracts and suites may read of it."""
    return [_of_every_version(code, kpi) for code, kpi in kpis.items()]


def digest(kpis: Mapping[str, DeclaredKpi]) -> str:
    """A digest of all that contracts and suites may read of KPIs."""
    return sha256(json.dumps(of_every_version(kpis), sort_keys=True).encode()).hexdigest()


def rows(kpis: Mapping[str, DeclaredKpi]) -> list[dict[str, Any]]:
    """The rows of `kpi.definition`."""
    return [
        {
            **_of_every_version(code, kpi),
            "definition_version": version.version,
            "title_vi": kpi.definition.title.vi,
            "title_en": kpi.definition.title.en,
            "formula_vi": version.formula.vi,
            "formula_en": version.formula.en,
            "denominator_scope_vi": version.denominator_scope.vi if version.denominator_scope else None,
            "denominator_scope_en": version.denominator_scope.en if version.denominator_scope else None,
            "legal_basis_vi": version.legal_basis.vi,
            "legal_basis_en": version.legal_basis.en,
            "valid_from": version.valid_from,
            "valid_to": version.valid_to,
            "direction": kpi.definition.direction,
            "decimals": kpi.definition.decimals,
            "basis": kpi.basis,
            "owner": kpi.definition.owner,
            "reads": ", ".join(kpi.tables[version.version]),
            "sql": kpi.sql(version),
        }
        for code, kpi in kpis.items()
        for version in kpi.definition.versions
    ]


def _of_every_version(code: str, kpi: DeclaredKpi) -> dict[str, Any]:
    definition = kpi.definition
    return {
        "kpi_code": code,
        "unit_of_measure": definition.unit_of_measure,
        "is_bounded": definition.is_bounded,
        "levels": ", ".join(definition.levels),
        "statistics": ", ".join(name for name in definition.statistic_names if name is not None) or None,
    }
