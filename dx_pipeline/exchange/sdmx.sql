-- One observation a value, in the columns of the data structure, there in capitals.
SELECT
    kpi_code AS indicator,
    coalesce(statistic, '_Z') AS statistic,
    coalesce(system, '_T') AS system,
    replace(unit_code, '.', '-') AS ref_area,
    window_type AS "window",
    CASE
        WHEN part_start IS NOT NULL THEN format('{}/P{}D', part_start::VARCHAR, part_end - part_start + 1)
        WHEN window_type = 'month' THEN strftime(window_end, '%Y-%m')
        WHEN window_type = 'quarter' THEN format('{}-Q{}', year(window_end), quarter(window_end))
        WHEN window_type = 'year' THEN format('{}', year(window_end))
        ELSE format('{}/P{}M', window_start::VARCHAR, month(window_end))
    END AS time_period,
    value AS obs_value,
    CASE WHEN suppressed THEN 'Q' WHEN value IS NULL THEN 'O' ELSE 'A' END AS obs_status,
    CASE WHEN suppressed THEN 'N' ELSE 'F' END AS conf_status,
    unit_of_measure AS unit_measure,
    definition_version,
    numerator,
    denominator,
    target,
    status AS evaluation,
    coverage,
    synthetic
FROM kpi.value
WHERE units_on IS NULL
-- A part of a definition is in every window that it lies in whole: one observation.
QUALIFY
    row_number() OVER (
        PARTITION BY kpi_code, statistic, system, unit_code, window_type, time_period ORDER BY window_end
    ) = 1
ORDER BY ALL
