-- The published figures of one KPI, in order of their periods.
SELECT *
FROM kpi.published_comparison
WHERE kpi_code = $code
ORDER BY period_end, unit_code, indicator_vi
