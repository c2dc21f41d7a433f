-- The values that differ between two evaluations and that both show.
CREATE OR REPLACE TEMP TABLE revised AS
WITH before AS (
    SELECT * FROM read_parquet($before, hive_partitioning = FALSE) WHERE units_on IS NULL AND value IS NOT NULL
),
after AS (
    SELECT * FROM read_parquet($after, hive_partitioning = FALSE) WHERE units_on IS NULL AND value IS NOT NULL
)
SELECT
    before.kpi_code,
    before.window_type,
    before.window_start,
    before.window_end,
    before.part_start,
    before.unit_code,
    before.unit_level,
    before.system,
    before.statistic,
    before.value AS value_before,
    after.value AS value_after,
    before.numerator AS numerator_before,
    after.numerator AS numerator_after,
    before.denominator AS denominator_before,
    after.denominator AS denominator_after,
    before.unit_of_measure,
    before.synthetic OR after.synthetic AS synthetic
FROM before
JOIN after
    ON
        after.kpi_code = before.kpi_code
        AND after.window_type = before.window_type AND after.window_end = before.window_end
        AND after.unit_code = before.unit_code
        AND after.part_start IS NOT DISTINCT FROM before.part_start
        AND after.system IS NOT DISTINCT FROM before.system
        AND after.statistic IS NOT DISTINCT FROM before.statistic
WHERE
    (before.value, before.numerator, before.denominator)
    IS DISTINCT FROM (after.value, after.numerator, after.denominator)
ORDER BY ALL
