-- KPIs that add up, on the latest units: values computed for these, and those of windows that have them anyway.
WITH adding_up AS (
    SELECT * FROM read_parquet($paths, hive_partitioning = FALSE) WHERE list_contains($codes::VARCHAR[], kpi_code)
),
moved AS (
    SELECT DISTINCT kpi_code, window_type, window_end, part_start FROM adding_up WHERE units_on IS NOT NULL
)
SELECT adding_up.* REPLACE ($release_id AS release_id)
FROM adding_up
LEFT JOIN moved
    ON
        moved.kpi_code = adding_up.kpi_code
        AND moved.window_type = adding_up.window_type AND moved.window_end = adding_up.window_end
        AND moved.part_start IS NOT DISTINCT FROM adding_up.part_start
WHERE adding_up.units_on IS NOT NULL OR moved.kpi_code IS NULL
ORDER BY ALL
