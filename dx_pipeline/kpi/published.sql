-- The published values of a KPI, each with whether it is shown.
SELECT
    kpi_code,
    window_type,
    window_end,
    part_start,
    units_on,
    statistic,
    unit_code,
    coalesce(withheld_reason <> 'few_dossiers', TRUE) AS is_shown
FROM read_parquet($path, hive_partitioning = FALSE)
WHERE system IS NULL
