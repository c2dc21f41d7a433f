-- The values that only one of two releases shows, and why the other one does not; `no_row`: it has no such row.
WITH later AS (
    SELECT * FROM figure WHERE NOT is_before
),
earlier AS (
    SELECT * FROM figure WHERE is_before
)
SELECT
    coalesce(later.kpi_code, earlier.kpi_code) AS kpi_code,
    coalesce(later.window_type, earlier.window_type) AS window_type,
    coalesce(later.window_start, earlier.window_start) AS window_start,
    coalesce(later.window_end, earlier.window_end) AS window_end,
    coalesce(later.part_start, earlier.part_start) AS part_start,
    coalesce(later.unit_code, earlier.unit_code) AS unit_code,
    coalesce(later.unit_level, earlier.unit_level) AS unit_level,
    coalesce(later.system, earlier.system) AS system,
    coalesce(later.statistic, earlier.statistic) AS statistic,
    earlier.value AS value_before,
    later.value,
    coalesce(later.unit_of_measure, earlier.unit_of_measure) AS unit_of_measure,
    CASE
        WHEN earlier.kpi_code IS NULL OR later.kpi_code IS NULL THEN 'no_row'
        ELSE coalesce(earlier.withheld_reason, later.withheld_reason)
    END AS withheld_reason,
    coalesce(earlier.synthetic, FALSE) OR coalesce(later.synthetic, FALSE) AS synthetic
FROM later
FULL JOIN earlier
    ON
        earlier.kpi_code = later.kpi_code
        AND earlier.window_type = later.window_type AND earlier.window_end = later.window_end
        AND earlier.part_start IS NOT DISTINCT FROM later.part_start
        AND earlier.unit_code = later.unit_code
        AND earlier.system IS NOT DISTINCT FROM later.system
        AND earlier.statistic IS NOT DISTINCT FROM later.statistic
WHERE (earlier.value IS NULL) <> (later.value IS NULL)
ORDER BY ALL
