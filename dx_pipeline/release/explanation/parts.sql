-- The values of the parts of a window that a change of the definition divides.
SELECT part_start, part_end, definition_version, numerator, denominator, value, withheld_reason
FROM kpi.value
WHERE
    kpi_code = $kpi_code AND window_type = $window_type AND window_end = $window_end AND unit_code = $unit_code
    AND system IS NOT DISTINCT FROM $system AND statistic IS NOT DISTINCT FROM $statistic
    AND part_start IS NOT NULL AND units_on IS NULL
ORDER BY part_start
