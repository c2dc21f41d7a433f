-- How many accepted revisions have changed each value.
INSERT INTO revised
SELECT kpi_code, window_type, window_end, part_start, unit_code, system, statistic, count(*) AS revision
FROM read_parquet($paths, hive_partitioning = FALSE)
GROUP BY ALL
