"""KPIs: versioned definitions, and the one engine that evaluates all of them."""

from dx_pipeline.declarations.sql import sql_file

HEADLINE = sql_file(__file__, "headline")
"""Makes the macro that tells which values stand for a KPI where few are shown."""
