-- Every window of one KPI for the province.
WITH titled AS (
    SELECT DISTINCT kpi_code, title_vi, title_en FROM kpi.definition
)
SELECT value.*, titled.title_vi, titled.title_en
FROM kpi.value
JOIN titled USING (kpi_code)
WHERE kpi_code = $code AND unit_level = 'province'
ORDER BY
    window_end,
    list_position(['month', 'quarter', 'ytd', 'year'], window_type),
    statistic,
    system NULLS FIRST
