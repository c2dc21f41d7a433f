-- The figure that others published for a value's unit and window.
SELECT
    figure.*,
    compared.recomputed_value,
    compared.recomputed_difference,
    compared.is_beyond_rounding
FROM programme.published_figure AS figure
LEFT JOIN kpi.published_comparison AS compared USING (indicator_vi, unit_code, period_start, period_end)
WHERE
    figure.kpi_code = $kpi_code AND unit_code = $unit_code
    AND period_start = $window_start AND period_end = $window_end
    AND $part_start IS NULL AND $system IS NULL AND $statistic IS NULL
