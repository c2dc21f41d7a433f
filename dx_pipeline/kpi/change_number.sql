-- The number of one value.
SELECT figure_number
FROM figure
WHERE
    is_before = $is_before
    AND kpi_code = $kpi_code
    AND window_type = $window_type AND window_end = $window_end
    AND part_start IS NOT DISTINCT FROM $part_start::DATE
    AND unit_code = $unit_code
    AND system IS NOT DISTINCT FROM $system::VARCHAR
    AND statistic IS NOT DISTINCT FROM $statistic::VARCHAR
