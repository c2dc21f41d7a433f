-- For each KPI the province's latest value, and every value with a published figure to compare with.
SELECT shown.*, titled.title_vi, titled.title_en
FROM headline('kpi.value') AS shown
JOIN (SELECT DISTINCT kpi_code, title_vi, title_en FROM kpi.definition) AS titled USING (kpi_code)
WHERE place = 1 OR published_value IS NOT NULL
ORDER BY list_position($first, kpi_code) NULLS LAST, kpi_code, window_end, statistic
