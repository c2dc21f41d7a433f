-- The values that differ between two evaluations and that at least one of them shows, and what happened to each.
-- Where a value is withheld, its counts are empty too.
CREATE OR REPLACE TEMP TABLE revised AS
WITH before AS (
    SELECT * FROM read_parquet($before, hive_partitioning = FALSE) WHERE units_on IS NULL
),
after AS (
    SELECT * FROM read_parquet($after, hive_partitioning = FALSE) WHERE units_on IS NULL
)
SELECT
    coalesce(after.kpi_code, before.kpi_code) AS kpi_code,
    coalesce(after.window_type, before.window_type) AS window_type,
    coalesce(after.window_start, before.window_start) AS window_start,
    coalesce(after.window_end, before.window_end) AS window_end,
    coalesce(after.part_start, before.part_start) AS part_start,
    coalesce(after.unit_code, before.unit_code) AS unit_code,
    coalesce(after.unit_level, before.unit_level) AS unit_level,
    coalesce(after.system, before.system) AS system,
    coalesce(after.statistic, before.statistic) AS statistic,
    CASE
        WHEN before.kpi_code IS NULL THEN 'unit_appears'
        WHEN after.kpi_code IS NULL THEN 'unit_vanishes'
        WHEN before.value IS NULL THEN 'newly_shown'
        WHEN after.value IS NOT NULL THEN 'changed'
        WHEN after.withheld_reason = 'few_dossiers' THEN 'withheld'
        ELSE 'not_enough_data'
    END AS change,
    before.value AS value_before,
    after.value AS value_after,
    CASE WHEN before.value IS NOT NULL THEN before.numerator END AS numerator_before,
    CASE WHEN after.value IS NOT NULL THEN after.numerator END AS numerator_after,
    CASE WHEN before.value IS NOT NULL THEN before.denominator END AS denominator_before,
    CASE WHEN after.value IS NOT NULL THEN after.denominator END AS denominator_after,
    coalesce(after.unit_of_measure, before.unit_of_measure) AS unit_of_measure,
    coalesce(before.synthetic, FALSE) OR coalesce(after.synthetic, FALSE) AS synthetic
FROM before
FULL JOIN after
    ON
        after.kpi_code = before.kpi_code
        AND after.window_type = before.window_type AND after.window_end = before.window_end
        AND after.unit_code = before.unit_code
        AND after.part_start IS NOT DISTINCT FROM before.part_start
        AND after.system IS NOT DISTINCT FROM before.system
        AND after.statistic IS NOT DISTINCT FROM before.statistic
WHERE
    coalesce(before.value, after.value) IS NOT NULL
    AND (before.value, before.numerator, before.denominator)
    IS DISTINCT FROM (after.value, after.numerator, after.denominator)
ORDER BY ALL
