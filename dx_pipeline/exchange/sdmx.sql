-- One observation a value, in the columns of the data structure.
SELECT
    kpi_code AS indicator,
    coalesce(statistic, '_Z') AS statistic,
    coalesce(system, '_T') AS system,
    unit_code AS ref_area,
    window_type AS "WINDOW",
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
    definition_version AS definition_version,
    numerator AS numerator,
    denominator AS denominator,
    target AS target,
    status AS evaluation,
    coverage AS coverage,
    synthetic AS synthetic
FROM kpi.value
WHERE units_on IS NULL
ORDER BY ALL
