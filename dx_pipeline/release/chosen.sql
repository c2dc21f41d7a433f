-- One value of a KPI; without a window the latest month that has a value, or the latest window of any kind.
SELECT figure_number, window_type, window_start, window_end, unit_code, value, withheld_reason
FROM figure
WHERE
    is_before = $is_before
    AND kpi_code = $code
    AND part_start IS NULL
    AND CASE WHEN $unit::VARCHAR IS NULL THEN unit_level = 'province' ELSE unit_code = $unit END
    AND system IS NOT DISTINCT FROM $system::VARCHAR
    AND statistic IS NOT DISTINCT FROM $statistic::VARCHAR
    AND (
        $window_type::VARCHAR IS NULL
        OR window_type = $window_type AND window_start = $window_start::DATE AND window_end = $window_end::DATE
    )
ORDER BY value IS NULL, window_type <> 'month', window_end DESC
LIMIT 1
