-- One observation a value, in the columns of the data structure.
SELECT
    kpi_code AS INDICATOR,
    coalesce(statistic, '_Z') AS STATISTIC,
    coalesce(system, '_T') AS SYSTEM,
    unit_code AS REF_AREA,
    window_type AS WINDOW,
    CASE
        WHEN part_start IS NOT NULL THEN format('{}/P{}D', part_start::VARCHAR, part_end - part_start + 1)
        WHEN window_type = 'month' THEN strftime(window_end, '%Y-%m')
        WHEN window_type = 'quarter' THEN format('{}-Q{}', year(window_end), quarter(window_end))
        WHEN window_type = 'year' THEN format('{}', year(window_end))
        ELSE format('{}/P{}M', window_start::VARCHAR, month(window_end))
    END AS TIME_PERIOD,
    value AS OBS_VALUE,
    CASE WHEN suppressed THEN 'Q' WHEN value IS NULL THEN 'O' ELSE 'A' END AS OBS_STATUS,
    CASE WHEN suppressed THEN 'N' ELSE 'F' END AS CONF_STATUS,
    unit_of_measure AS UNIT_MEASURE,
    definition_version AS DEFINITION_VERSION,
    numerator AS NUMERATOR,
    denominator AS DENOMINATOR,
    target AS TARGET,
    status AS EVALUATION,
    coverage AS COVERAGE,
    synthetic AS SYNTHETIC
FROM kpi.value
WHERE units_on IS NULL
ORDER BY ALL
