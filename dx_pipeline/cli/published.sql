-- What others published about one KPI, in the order of its periods.
SELECT *
FROM kpi.published_comparison
WHERE kpi_code = $code
ORDER BY period_end, unit_code, indicator_vi
