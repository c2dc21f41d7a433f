-- The province's latest window that has a value, as `dx run` shows it: one row a statistic of the KPI.
SELECT
    statistic,
    value,
    numerator,
    denominator,
    target,
    coverage,
    window_type,
    window_end
FROM read_parquet($path, hive_partitioning = FALSE)
WHERE unit_level = 'province' AND system IS NULL
QUALIFY
    row_number() OVER (
        PARTITION BY statistic
        ORDER BY
            value IS NULL,
            CASE WHEN value IS NULL THEN coverage END DESC,
            window_end DESC,
            list_position(['ytd', 'year', 'quarter', 'month'], window_type)
    ) = 1
ORDER BY statistic
