-- The province's values of each month, of all systems together.
SELECT kpi_code, statistic, system, unit_code, window_type, window_start, window_end, part_start, value
FROM kpi.value
WHERE unit_level = 'province' AND window_type = 'month' AND system IS NULL AND units_on IS NULL AND part_start IS NULL
ORDER BY window_end
