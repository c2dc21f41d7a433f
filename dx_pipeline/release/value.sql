-- The values of all KPIs, on the units of their own windows.
INSERT INTO kpi.value BY NAME
SELECT value.* REPLACE ($release_id AS release_id, coalesce(revised.revision, 0) AS revision)
FROM read_parquet($paths, hive_partitioning = FALSE) AS value
LEFT JOIN revised
    ON
        revised.kpi_code = value.kpi_code
        AND revised.window_type = value.window_type AND revised.window_end = value.window_end
        AND revised.unit_code = value.unit_code
        AND revised.part_start IS NOT DISTINCT FROM value.part_start
        AND revised.system IS NOT DISTINCT FROM value.system
        AND revised.statistic IS NOT DISTINCT FROM value.statistic
WHERE value.units_on IS NULL
