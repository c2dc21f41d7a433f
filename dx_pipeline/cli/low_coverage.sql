-- Months of the province whose value is withheld for low coverage.
SELECT DISTINCT kpi_code, strftime(window_start, '%Y-%m') AS month, coverage
FROM kpi.value
WHERE
    unit_level = 'province' AND window_type = 'month' AND system IS NULL AND part_start IS NULL
    AND withheld_reason IN ('low_coverage', 'silent')
    AND list_contains($months::VARCHAR[], strftime(window_start, '%Y-%m'))
ORDER BY ALL
