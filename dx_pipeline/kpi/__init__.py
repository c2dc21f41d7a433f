"""KPIs: versioned definitions, and the one engine that evaluates all of them."""

from dx_pipeline.declarations.sql import sql_file

HEADLINE = sql_file(__file__, "headline")
"""Creates the macro `headline`: which values of the province are shown where few are."""
