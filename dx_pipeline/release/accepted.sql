-- The values that accepted revisions changed. Revisions that an earlier version accepted do not say what happened: they
-- have only values that are shown both before and after.
CREATE OR REPLACE TEMP TABLE accepted AS
WITH listed AS (
    SELECT NULL::VARCHAR AS change WHERE FALSE
    UNION ALL BY NAME
    SELECT * FROM read_parquet($paths, hive_partitioning = FALSE, union_by_name = TRUE)
)
SELECT * REPLACE (coalesce(change, 'changed') AS change) FROM listed
