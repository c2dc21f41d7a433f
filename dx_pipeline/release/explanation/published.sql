-- The figure that others published for a value's unit and window.
SELECT *
FROM programme.published_figure
WHERE
    kpi_code = $kpi_code AND unit_code = $unit_code
    AND period_start = $window_start AND period_end = $window_end
    AND $part_start IS NULL AND $system IS NULL AND $statistic IS NULL
